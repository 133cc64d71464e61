// litesmith convert: a trained model in, a .tflite of one numeric format out.
#include "src/quant/convert.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/cli/options.h"
#include "src/cli/verb.h"
#include "src/data/sources.h"
#include "src/study/methods.h"
#include "src/study/models.h"
#include "src/transform/training_ops.h"

namespace litesmith {
namespace {

struct Options {
  std::string file;
  std::string method;
  std::string io;
  std::string calibration;
  int64_t samples = 100;
  bool dense_per_tensor = false;
  bool dequantize = false;
  uint64_t seed = 1;
  std::string out;
};

void Run(const Options& options) {
  const Method method = FindMethod(options.method);
  const ModelFormat format =
      method.scheme == nullptr ? ModelFormat::kKerasH5 : ModelFormat::kTflite;
  RequireEnding(options.out, format);
  const Graph graph =
      LoadFloatModel(options.file, options.seed, options.dequantize);
  if (method.scheme == nullptr) {
    SaveModel(StripTrainingOps(graph), options.out);
    PrintOut(fmt::format("{}: keras, {} bytes\n", options.out,
                         FileSize(options.out)));
    return;
  }
  const Scheme& scheme = *method.scheme;
  ConvertOptions convert;
  if (!options.io.empty()) convert.io = ParseIo(options.io);
  if (options.dense_per_tensor) convert.dense_per_channel = false;
  Ranges ranges;
  if (NeedsRanges(graph, scheme) && !options.calibration.empty()) {
    const DataSplits data = LoadData(options.calibration);
    ranges = Calibrate(graph, *data.train, options.samples);
  }
  SaveModel(Convert(graph, scheme, ranges, convert), options.out);
  PrintOut(fmt::format("{}: {}, {} bytes\n", options.out, scheme.name,
                       FileSize(options.out)));
}

}  // namespace

void AddConvert(CLI::App* app) {
  const auto options = std::make_shared<Options>();
  CLI::App* verb = app->add_subcommand(
      "convert",
      "Write a float model as .tflite in one numeric format, or as a plain "
      "Keras\n.h5. uint8, int8 and int16x8 need the ranges of activations: "
      "give\n"
      "--calibration, unless they were learned in quantization-aware "
      "training.");
  verb->add_option("file", options->file,
                   "The model: a Keras .h5, a .tflite or a built-in")
      ->type_name("FILE")
      ->required();
  verb->add_option("--method", options->method,
                   "fp32, fp16, dynamic, uint8, int8, int16x8 or keras "
                   "(`litesmith list methods`)")
      ->type_name("NAME")
      ->required();
  verb->add_option("--io", options->io,
                   "Type of inputs and outputs instead of the method's own: "
                   "float, int8, uint8 or int16")
      ->type_name("TYPE");
  verb->add_option("--calibration", options->calibration,
                   "Data whose training half shows the ranges: digits, "
                   "mnist:DIR")
      ->type_name("SPEC");
  verb->add_option("--calibration-samples", options->samples,
                   "How many of the first training samples")
      ->type_name("N")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  verb->add_flag("--dense-per-tensor", options->dense_per_tensor,
                 "One scale for a dense layer's weights instead of one a "
                 "channel: fewer distinct integers");
  AddDequantize(verb, &options->dequantize);
  verb->add_option("--seed", options->seed,
                   "Of a built-in model's untrained weights")
      ->type_name("N")
      ->capture_default_str();
  verb->add_option("-o,--out", options->out, "The file to write")
      ->type_name("OUT.tflite")
      ->required();
  verb->callback([options] { Run(*options); });
}

}  // namespace litesmith
