// litesmith convert: a trained model in, a .tflite of one numeric format out.
#include "src/quant/convert.h"

#include <fmt/format.h>

#include <CLI/App.hpp>
#include <memory>
#include <string>
#include <vector>

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/names.h"
#include "src/base/output.h"
#include "src/base/progress.h"
#include "src/base/warning.h"
#include "src/cli/calibration.h"
#include "src/cli/complete.h"
#include "src/cli/json.h"
#include "src/cli/options.h"
#include "src/cli/verb.h"
#include "src/formats/tflite/tflite.h"
#include "src/models/class_names.h"
#include "src/models/models.h"
#include "src/study/methods.h"
#include "src/transform/training_ops.h"

namespace litesmith {
namespace {

struct ConvertFlags {
  std::string file;
  std::string method;
  std::string io;
  CalibrationOptions calibration;
  bool dense_per_tensor = false;
  bool dequantize = false;
  bool strict = false;
  uint64_t seed = 1;
  std::string out;
  bool json = false;
};

// What was written: "m.tflite: uint8, 12 bytes", or an object.
void Tell(const ConvertFlags& options, const Method& method) {
  const bool sized = !IsStream(options.out);
  if (options.json) {
    OrderedJson json = {{"path", options.out},
                        {"method", method.name},
                        {"file_bytes", nullptr}};
    if (sized) json["file_bytes"] = FileSize(options.out);
    PrintJson(json);
    return;
  }
  PrintLine(fmt::format(
      "{}: {}{}", options.out, method.name,
      sized ? fmt::format(", {} bytes", FileSize(options.out)) : ""));
}

// Options that this method or model has no use for.
void WarnOfNoEffect(const ConvertFlags& options, const Method& method,
                    const CLI::App& verb, bool needs_ranges) {
  const bool integers =
      method.scheme != nullptr && method.scheme->weight == DType::kInt8;
  const auto warn = [&](const char* option, const std::string& why) {
    if (verb.get_option(option)->count() > 0)
      Warn("{} has no effect: {}", option, why);
  };
  if (method.scheme == nullptr)
    warn("--io", "a Keras file has float32 inputs and outputs");
  if (!integers) {
    warn("--dense-per-tensor",
         fmt::format("{} weights have no scale", method.name));
  }
  if (method.scheme == nullptr || !method.scheme->full_integer)
    warn("--strict", fmt::format("{} is a format of floats", method.name));
  if (!needs_ranges) {
    const std::string why =
        method.scheme != nullptr && method.scheme->full_integer
            ? fmt::format("{} has the ranges of its activations", options.file)
            : fmt::format("{} needs no ranges of activations", method.name);
    warn("--calibration", why);
    warn("--calibration-samples", why);
    warn("--calibration-seed", why);
  }
  if (FileExists(options.file))
    warn("--seed", "the weights are those of the file");
}

void PerformConvert(const ConvertFlags& options, const CLI::App& verb) {
  const Method method = FindMethod(options.method);
  const ModelFormat format = RequireEnding(
      options.out,
      method.scheme == nullptr ? ModelFormat::kKerasH5 : ModelFormat::kTflite);
  UseOutput(options.out);
  const Graph graph =
      LoadFloatModel(options.file, options.seed, options.dequantize);
  const bool needs_ranges =
      method.scheme != nullptr && NeedsRanges(graph, *method.scheme);
  WarnOfNoEffect(options, method, verb, needs_ranges);
  WarnIfOverwritten(options.file, options.out);
  const std::vector<std::string> names = ReadClassNames(options.file);
  if (method.scheme == nullptr) {
    SaveModelAs(format, StripTrainingOps(graph), options.out);
    AddClassNames(options.out, names);
    Tell(options, method);
    return;
  }
  const Scheme& scheme = *method.scheme;
  ConvertOptions convert;
  if (!options.io.empty()) convert.io = ParseIo(options.io);
  if (options.dense_per_tensor) convert.dense_per_channel = false;
  convert.strict = options.strict;
  const Ranges ranges =
      FindRanges(graph, options.file, method, options.calibration, verb);
  ThrowIfStopRequested();
  const Graph result = Convert(graph, scheme, ranges, convert);
  SaveModelAs(format, result, options.out);
  AddClassNames(options.out, names);
  if (options.dense_per_tensor && scheme.weight == DType::kInt8) {
    convert.dense_per_channel.reset();
    if (WriteTflite(Convert(graph, scheme, ranges, convert)) ==
        WriteTflite(result)) {
      Warn(
          "--dense-per-tensor has no effect: every dense layer of {} has one "
          "scale without it",
          options.file);
    }
  }
  Tell(options, method);
}

}  // namespace

void AddConvert(CLI::App* app) {
  const auto options = std::make_shared<ConvertFlags>();
  CLI::App* verb = app->add_subcommand(
      "convert",
      "Write a float model as .tflite in one numeric format, or as a plain "
      "Keras\n.h5 or .keras. uint8, int8 and int16x8 need the ranges of "
      "activations: "
      "give\n"
      "--calibration, unless they were learned in quantization-aware "
      "training.");
  verb->add_option("file", options->file,
                   "The model: a Keras .h5 or .keras, a .tflite or a built-in")
      ->type_name("FILE")
      ->required();
  CompleteWith(
      verb->add_option("--method", options->method,
                       "fp32, fp16, dynamic, uint8, int8, int16x8 or keras "
                       "(`litesmith list methods`)")
          ->type_name("NAME")
          ->required(),
      {Completes::kWords, NamesOf(Methods())});
  AddChoice(verb, "--io", &options->io, IoNames(),
            "Type of inputs and outputs instead of the method's own: float, "
            "int8, uint8 or int16")
      ->type_name("TYPE");
  AddCalibration(verb, &options->calibration);
  verb->add_flag("--dense-per-tensor", options->dense_per_tensor,
                 "One scale for a dense layer's weights instead of one a "
                 "channel: fewer distinct integers");
  verb->add_flag(
      "--strict", options->strict,
      "An error, instead of a warning, if anything has to stay float "
      "among integers");
  AddDequantize(verb, &options->dequantize);
  AddSeed(verb, &options->seed, "Of a built-in model's untrained weights");
  verb->add_option("-o,--out", options->out, "The file to write")
      ->type_name("OUT.tflite")
      ->required();
  AddJson(verb, &options->json);
  verb->callback([options, verb] { PerformConvert(*options, *verb); });
}

}  // namespace litesmith
