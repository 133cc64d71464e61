#include "src/cli/options.h"

#include <CLI/CLI.hpp>
#include <cstdio>

#include "src/base/error.h"
#include "src/base/parallel.h"

namespace litesmith {

Numerics RuntimeFlags::Contract() const {
  return numerics == "tflm" ? Numerics::kTflm : Numerics::kLiteRt;
}

void AddThreads(CLI::App* app, int* threads) {
  app->add_option("--threads", *threads,
                  "Threads; 0 takes every processor. Never changes a result")
      ->type_name("N")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
}

void AddRuntimeFlags(CLI::App* app, RuntimeFlags* flags) {
  AddThreads(app, &flags->threads);
  app->add_option("--numerics", flags->numerics,
                  "Whose integer results to give: litert (LiteRT's reference "
                  "kernels) or tflm (tflite-micro); they differ in fully "
                  "connected layers")
      ->type_name("NAME")
      ->check(CLI::IsMember({"litert", "tflm"}))
      ->capture_default_str();
  app->add_flag("--reference", flags->reference,
                "Plain reference kernels only: slow, for comparison");
}

void AddData(CLI::App* app, std::string* data) {
  app->add_option("--data", *data,
                  "Where samples come from: digits, mnist:DIR "
                  "(`litesmith list datasets`)")
      ->type_name("SPEC")
      ->required();
}

void AddTraining(CLI::App* app, TrainOptions* train) {
  app->add_option("--epochs", train->epochs,
                  "Passes over the data, each training")
      ->type_name("N")
      ->check(CLI::Range(0, 1000000))
      ->capture_default_str();
  app->add_option("--batch", train->batch, "Samples an optimizer step")
      ->type_name("N")
      ->check(CLI::Range(1, 65536))
      ->capture_default_str();
  app->add_option("--learning-rate", train->learning_rate, "Adam's")
      ->type_name("X")
      ->capture_default_str();
  app->add_option("--validation-split", train->validation_split,
                  "Fraction held out from the end of the training half")
      ->type_name("X")
      ->capture_default_str();
  app->add_option("--seed", train->seed, "Of start weights and shuffles")
      ->type_name("N")
      ->capture_default_str();
  AddThreads(app, &train->threads);
}

void AddCheckpoint(CLI::App* app, TrainOptions* train) {
  app->add_option("--checkpoint", train->checkpoint,
                  "A file that is written after every epoch and gone on from")
      ->type_name("FILE");
}

void AddLimit(CLI::App* app, int64_t* limit) {
  app->add_option("--limit", *limit,
                  "Only the first N training and N test samples; 0 takes all")
      ->type_name("N")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
}

void AddDequantize(CLI::App* app, bool* dequantize) {
  app->add_flag("--dequantize", *dequantize,
                "Take a model of integers too (dynamic, uint8, int8, int16x8): "
                "its weights are multiplied by their scales");
}

void RequireEnding(const std::string& out, ModelFormat format,
                   const std::string& hint) {
  if (FormatOfEnding(out) == format) return;
  Fail(ErrorKind::kInvalidArgument, "-o {}: a name ending in {} is wanted{}{}",
       out, EndingsOf(format), hint.empty() ? "" : "; ", hint);
}

DType ParseIo(const std::string& name) {
  if (name == "float") return DType::kFloat32;
  const auto dtype = DTypeFromName(name);
  if (dtype == DType::kFloat32 || dtype == DType::kInt8 ||
      dtype == DType::kUInt8 || dtype == DType::kInt16) {
    return *dtype;
  }
  Fail(ErrorKind::kInvalidArgument,
       "--io {}: float, int8, uint8 or int16 is wanted", name);
}

int ThreadCount(int threads) {
  return threads > 0 ? threads : AvailableThreads();
}

void PrintOut(const std::string& text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() ||
      std::fflush(stdout) != 0) {
    Fail(ErrorKind::kIo, "cannot write to standard output");
  }
}

}  // namespace litesmith
