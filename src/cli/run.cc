// litesmith run: arrays in, arrays out, one inference for each first index.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "src/base/error.h"
#include "src/base/names.h"
#include "src/base/parallel.h"
#include "src/base/progress.h"
#include "src/base/warning.h"
#include "src/cli/options.h"
#include "src/cli/verb.h"
#include "src/containers/npy.h"
#include "src/data/batch.h"
#include "src/data/memory_dataset.h"
#include "src/models/models.h"
#include "src/runtime/feeder.h"
#include "src/runtime/interpreter.h"

namespace litesmith {
namespace {

// Samples a thread between two looks at a requested stop.
constexpr int64_t kBlock = 4096;

struct Options {
  std::string file;
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
  bool quantize = false;
  RuntimeFlags runtime;
};

// Says so if floats among the values are NaN or infinite.
void WarnNotFinite(DType dtype, std::span<const std::byte> bytes,
                   const std::string& where) {
  if (dtype != DType::kFloat32) return;
  const size_t count = bytes.size() / sizeof(float);
  size_t bad = 0;
  size_t first = 0;
  float value = 0;
  for (size_t i = 0; i < count; ++i) {
    float v;
    std::memcpy(&v, bytes.data() + i * sizeof(v), sizeof(v));
    if (std::isfinite(v)) continue;
    if (bad++ == 0) first = i, value = v;
  }
  if (bad > 0) {
    Warn("{}: {} of {} values are not finite; the first is element {}, {}",
         where, bad, count, first, value);
  }
}

// The array as a field for the input; whether it will have to be converted.
Column FieldFor(const std::string& path, const Tensor& input, bool quantize,
                int64_t* samples, bool* converted) {
  NpyArray array = ReadNpy(path);
  const auto dims = array.shape.dims();
  const auto wanted = input.shape.dims();
  if (dims.empty() || dims.size() != wanted.size() ||
      !std::equal(dims.begin() + 1, dims.end(), wanted.begin() + 1)) {
    Shape any = input.shape;
    any[0] = kDynamic;
    Fail(ErrorKind::kInvalidArgument,
         "{}: the array has shape {}; input '{}' wants {}", path,
         array.shape.ToString(), input.name, any.ToString());
  }
  if (*samples >= 0 && *samples != dims[0]) {
    Fail(ErrorKind::kInvalidArgument, "{}: {}; the arrays before it have {}",
         path, Counted(dims[0], "sample"), *samples);
  }
  *samples = dims[0];
  WarnNotFinite(array.dtype, array.bytes, path);
  // What has the input's type already stands for what the input takes it for.
  Affine real = RealOf(input);
  if (array.dtype != input.dtype) {
    if (!quantize) {
      Fail(ErrorKind::kInvalidArgument,
           "{}: the array is {}; input '{}' wants {}. With --quantize it is "
           "taken as real values and converted",
           path, Name(array.dtype), input.name, Name(input.dtype));
    }
    *converted = true;
    real = {};
  }
  return {{input.name, Shape(dims.subspan(1)), array.dtype, real},
          std::move(array.bytes)};
}

// Runs the samples one by one and gives each output's values of all of them.
std::vector<std::vector<std::byte>> Outputs(
    const Dataset& data, std::vector<Interpreter>* interpreters) {
  std::vector<std::vector<std::byte>> outputs;
  const Interpreter& first = (*interpreters)[0];
  for (int o = 0; o < first.num_outputs(); ++o) {
    outputs.emplace_back(static_cast<size_t>(data.size()) *
                         first.output(o).size());
  }
  const InputFeeder feed(data.inputs(), first);
  const auto threads = static_cast<int>(interpreters->size());
  for (int64_t begin = 0; begin < data.size(); begin += kBlock * threads) {
    ThrowIfStopRequested();
    const int64_t end = std::min(begin + kBlock * threads, data.size());
    ParallelFor(threads, threads, [&](int t) {
      Interpreter& interpreter = (*interpreters)[static_cast<size_t>(t)];
      BatchReader reader(data, 1);
      for (int64_t s = begin + t; s < end; s += threads) {
        feed(reader.Read(s, 1), &interpreter);
        interpreter.Invoke(1);
        for (size_t o = 0; o < outputs.size(); ++o) {
          const std::span<const std::byte> from =
              interpreter.output(static_cast<int>(o));
          std::memcpy(outputs[o].data() + static_cast<size_t>(s) * from.size(),
                      from.data(), from.size());
        }
      }
    });
  }
  return outputs;
}

void RequireAsManyFiles(const Options& options, const Interpreter& model) {
  const auto num_inputs = static_cast<size_t>(model.num_inputs());
  const auto num_outputs = static_cast<size_t>(model.num_outputs());
  if (options.inputs.size() == num_inputs &&
      options.outputs.size() == num_outputs)
    return;
  const auto counted = [](size_t count, const char* noun) {
    return Counted(static_cast<int64_t>(count), noun);
  };
  Fail(ErrorKind::kInvalidArgument,
       "{} has {} and {}; --input names {}, --output {}", options.file,
       counted(num_inputs, "input"), counted(num_outputs, "output"),
       counted(options.inputs.size(), "file"),
       counted(options.outputs.size(), "file"));
}

void Run(const Options& options) {
  for (const std::string& path : options.outputs) UseOutput(path);
  const Graph graph = LoadModel(options.file, 0);
  WarnNotFinite(graph, options.file);
  WarnIfUntrained(options.file);
  InterpreterOptions plan;
  plan.numerics = options.runtime.Contract();
  plan.reference = options.runtime.reference;
  std::vector<Interpreter> interpreters;
  interpreters.emplace_back(graph, plan);
  RequireAsManyFiles(options, interpreters[0]);
  WarnIfNumericsUnused(options.runtime, graph);
  int64_t samples = -1;
  bool converted = false;
  std::vector<Column> inputs;
  for (size_t i = 0; i < options.inputs.size(); ++i) {
    inputs.push_back(FieldFor(options.inputs[i],
                              interpreters[0].input_tensor(static_cast<int>(i)),
                              options.quantize, &samples, &converted));
  }
  if (options.quantize && !converted) {
    Warn("--quantize has no effect: the arrays have the types of the inputs");
  }
  const MemoryDataset data(inputs, {});
  const int threads = static_cast<int>(
      std::clamp<int64_t>(samples, 1, ThreadCount(options.runtime.threads)));
  while (static_cast<int>(interpreters.size()) < threads)
    interpreters.emplace_back(graph, plan);
  const std::vector<std::vector<std::byte>> outputs =
      Outputs(data, &interpreters);
  std::string report;
  for (size_t o = 0; o < outputs.size(); ++o) {
    const Tensor& tensor = interpreters[0].output_tensor(static_cast<int>(o));
    Shape shape = tensor.shape;
    shape[0] = static_cast<int32_t>(samples);
    WarnNotFinite(tensor.dtype, outputs[o],
                  fmt::format("output '{}'", tensor.name));
    WriteNpy(options.outputs[o], tensor.dtype, shape, outputs[o]);
    // A pipe or `-` may be standard output itself.
    std::error_code code;
    if (!std::filesystem::is_regular_file(options.outputs[o], code)) continue;
    report += fmt::format("{}: {} {} '{}'\n", options.outputs[o],
                          Name(tensor.dtype), shape.ToString(), tensor.name);
  }
  PrintOut(report);
}

}  // namespace

void AddRun(CLI::App* app) {
  const auto options = std::make_shared<Options>();
  CLI::App* verb = app->add_subcommand(
      "run",
      "Run a .tflite, .h5 or .keras file on .npy arrays. The first axis is\n"
      "the batch, one inference each. An array of the model's own input type "
      "is fed as "
      "it\n"
      "is; any other type is an error unless --quantize is given. Outputs are\n"
      "written in the model's own type.");
  verb->add_option("file", options->file, "A .tflite, .h5 or .keras file")
      ->type_name("FILE")
      ->required();
  verb->add_option("--input", options->inputs,
                   "An array for each input, in the model's order; - reads "
                   "standard input")
      ->type_name("X.npy")
      ->required();
  verb->add_option("--output", options->outputs,
                   "A file for each output, in the model's order; - is "
                   "standard output")
      ->type_name("Y.npy")
      ->required();
  verb->add_flag("--quantize", options->quantize,
                 "Take arrays of another type as real values and convert them "
                 "to the input's type: clamp(round(x / scale) + zero point)");
  AddRuntimeFlags(verb, &options->runtime);
  verb->callback([options] { Run(*options); });
}

}  // namespace litesmith
