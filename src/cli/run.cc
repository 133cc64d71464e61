// litesmith run: arrays in, arrays out, a call for each part of them that has
// the model's own shape.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "src/base/error.h"
#include "src/base/names.h"
#include "src/base/parallel.h"
#include "src/base/progress.h"
#include "src/base/warning.h"
#include "src/cli/class_text.h"
#include "src/cli/json.h"
#include "src/cli/options.h"
#include "src/cli/verb.h"
#include "src/containers/npy.h"
#include "src/data/batch.h"
#include "src/data/memory_dataset.h"
#include "src/data/sources/samples.h"
#include "src/data/values.h"
#include "src/models/class_names.h"
#include "src/models/model_data.h"
#include "src/models/models.h"
#include "src/runtime/bind.h"
#include "src/runtime/feeder.h"
#include "src/runtime/interpreter.h"
#include "src/runtime/session.h"

namespace litesmith {
namespace {

// Calls a thread between two looks at a requested stop.
constexpr int64_t kBlock = 4096;

struct RunFlags {
  std::string file;
  std::vector<std::string> samples;  // pictures or sounds
  std::string as;                    // options for these
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
  bool quantize = false;
  std::string signature;
  bool stream = false;
  bool json = false;
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

// How an array holds the inputs of calls.
enum class Layout : uint8_t {
  kCalls,    // side by side along the first dimension
  kStacked,  // one behind the other, along a dimension of its own in front
};

struct InputArray {
  Column column;  // a sample is a call
  Layout layout;
  int64_t calls;
};

// How many calls an array of this shape is for an input of that shape, and how
// they lie in it; nothing if it does not fit.
std::optional<std::pair<Layout, int64_t>> CallsIn(const Shape& array,
                                                  const Shape& input) {
  const auto dims = array.dims();
  const auto wanted = input.dims();
  if (dims.size() == wanted.size() + 1 &&
      std::equal(dims.begin() + 1, dims.end(), wanted.begin()))
    return std::pair(Layout::kStacked, int64_t{dims[0]});
  if (dims.size() != wanted.size()) return std::nullopt;
  if (dims.empty()) return std::pair(Layout::kCalls, int64_t{1});
  const bool divides =
      wanted[0] > 0 ? dims[0] % wanted[0] == 0 : dims[0] == wanted[0];
  if (!divides || !std::equal(dims.begin() + 1, dims.end(), wanted.begin() + 1))
    return std::nullopt;
  return std::pair(Layout::kCalls,
                   wanted[0] > 0 ? int64_t{dims[0] / wanted[0]} : 1);
}

// The array for the input; whether it will have to be converted.
InputArray ReadInput(const std::string& path, const Tensor& input,
                     bool open_batch, bool quantize, bool* converted) {
  NpyArray array = ReadNpy(path);
  const auto fit = CallsIn(array.shape, input.shape);
  if (!fit) {
    Shape any = input.shape;
    if (open_batch) any[0] = kDynamic;
    Fail(ErrorKind::kInvalidArgument,
         "{}: the array has shape {}; input '{}' wants {}{}", path,
         array.shape.ToString(), input.name, any.ToString(),
         open_batch ? ""
                    : ", several of them side by side along the first "
                      "dimension, or along one more in front");
  }
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
  const Shape call{static_cast<int32_t>(input.shape.NumElements())};
  return {{{input.name, call, array.dtype, real}, std::move(array.bytes)},
          fit->first,
          fit->second};
}

// The inputs' arrays as a data set of calls. Throws Error if they are of
// different numbers.
std::vector<InputArray> ReadInputs(const RunFlags& options, const Graph& graph,
                                   const Interpreter& model) {
  std::vector<InputArray> inputs;
  bool converted = false;
  for (size_t i = 0; i < options.inputs.size(); ++i) {
    const Shape& shape = graph.tensor(graph.inputs[i]).shape;
    inputs.push_back(ReadInput(options.inputs[i],
                               model.input_tensor(static_cast<int>(i)),
                               shape.rank() > 0 && shape[0] == kDynamic,
                               options.quantize, &converted));
    if (inputs[i].calls == inputs[0].calls) continue;
    Fail(ErrorKind::kInvalidArgument, "{}: {}; the arrays before it have {}",
         options.inputs[i], Counted(inputs[i].calls, "sample"),
         inputs[0].calls);
  }
  if (options.quantize && !converted) {
    Warn("--quantize has no effect: the arrays have the types of the inputs");
  }
  return inputs;
}

// A feeder of whole inputs.
InputFeeder CallFeeder(const Dataset& data, const Interpreter& model) {
  Graph whole;
  for (int i = 0; i < model.num_inputs(); ++i) {
    Tensor tensor = model.input_tensor(i);
    tensor.shape = Shape{1, static_cast<int32_t>(tensor.shape.NumElements())};
    whole.inputs.push_back(whole.AddTensor(std::move(tensor)));
  }
  return InputFeeder(data.inputs(), whole);
}

// Runs the calls one by one and gives each output's values of all of them.
std::vector<std::vector<std::byte>> Outputs(
    const Dataset& data, std::vector<Interpreter>* interpreters) {
  std::vector<std::vector<std::byte>> outputs;
  const Interpreter& first = (*interpreters)[0];
  for (int o = 0; o < first.num_outputs(); ++o) {
    outputs.emplace_back(static_cast<size_t>(data.size()) *
                         first.output(o).size());
  }
  const InputFeeder feed = CallFeeder(data, first);
  const auto threads = static_cast<int>(interpreters->size());
  for (int64_t begin = 0; begin < data.size(); begin += kBlock * threads) {
    ThrowIfStopRequested();
    const int64_t end = std::min(begin + kBlock * threads, data.size());
    ParallelFor(threads, threads, [&](int t) {
      Interpreter& interpreter = (*interpreters)[static_cast<size_t>(t)];
      std::vector<std::byte*> inputs;
      for (int i = 0; i < interpreter.num_inputs(); ++i)
        inputs.push_back(interpreter.input(i).data());
      BatchReader reader(data, 1);
      for (int64_t s = begin + t; s < end; s += threads) {
        feed(reader.Read(s, 1), 0, 1, inputs);
        interpreter.Invoke();
        for (size_t o = 0; o < outputs.size(); ++o) {
          const std::span<const std::byte> from =
              interpreter.output(static_cast<int>(o));
          std::copy_n(from.data(), from.size(),
                      outputs[o].data() + static_cast<size_t>(s) * from.size());
        }
      }
    });
  }
  return outputs;
}

// Of all calls' values of an output: as the inputs lie, or one behind the other
// where the output has no first dimension for that.
Shape OutputShape(const Shape& one, Layout layout, int64_t calls) {
  if (layout == Layout::kCalls && one.rank() > 0) {
    Shape shape = one;
    shape[0] = static_cast<int32_t>(one[0] * calls);
    return shape;
  }
  if (layout == Layout::kCalls && calls == 1) return one;
  std::vector<int32_t> dims = one.ToVector();
  dims.insert(dims.begin(), static_cast<int32_t>(calls));
  if (dims.size() > Shape::kMaxRank) dims.erase(dims.begin());
  return Shape(dims);
}

void RequireAsManyFiles(const RunFlags& options, const Interpreter& model) {
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

// Pictures or sounds in, the best five classes out.
void RunSamples(const RunFlags& options) {
  if (!options.inputs.empty() || !options.outputs.empty()) {
    Fail(ErrorKind::kInvalidArgument,
         "{}: pictures and sounds are answered in words; --input and --output "
         "are for arrays",
         options.samples[0]);
  }
  for (const std::string& path : options.samples) {
    if (IsSampleFile(path)) continue;
    Fail(ErrorKind::kInvalidArgument,
         "{}: a picture (.jpg, .jpeg, .png) or a sound (.wav) is wanted; "
         "arrays are given by --input",
         path);
  }
  const Graph graph = LoadModel(options.file, 0, options.signature);
  WarnNotFinite(graph, options.file);
  WarnIfUntrained(options.file);
  WarnIfNumericsUnused(options.runtime, graph);
  if (graph.inputs.size() != 1 || graph.outputs.empty()) {
    Fail(ErrorKind::kInvalidArgument,
         "{} has {} and {}; a picture or sound is for one input, and --input "
         "gives arrays for more",
         options.file,
         Counted(static_cast<int64_t>(graph.inputs.size()), "input"),
         Counted(static_cast<int64_t>(graph.outputs.size()), "output"));
  }
  const DatasetPtr data =
      SamplesOf(options.samples, options.as, ContextFor(graph, DataContext()));
  InterpreterOptions plan;
  plan.batch = 1;
  plan.numerics = options.runtime.Contract();
  plan.reference = options.runtime.reference;
  Interpreter interpreter(graph, plan);
  const InputFeeder feed(data->inputs(), interpreter);
  const std::vector<std::string> names = ReadClassNames(options.file);
  const Tensor& output = interpreter.output_tensor(0);
  const Affine real = RealOf(output);
  BatchReader reader(*data, 1);
  std::string text;
  OrderedJson answers = OrderedJson::array();
  for (int64_t i = 0; i < data->size(); ++i) {
    feed(reader.Read(i, 1), &interpreter);
    interpreter.Invoke();
    const std::span<const std::byte> bytes = interpreter.output(0);
    std::vector<float> values(bytes.size() / SizeOf(output.dtype));
    for (size_t v = 0; v < values.size(); ++v) {
      values[v] = RealValue(
          real, 0,
          StoredNumber(output.dtype, bytes.data() + v * SizeOf(output.dtype)));
    }
    constexpr size_t kBest = 5;
    answers.push_back({{"path", options.samples[static_cast<size_t>(i)]},
                       {"values", values}});
    text += fmt::format("{}\n{}", options.samples[static_cast<size_t>(i)],
                        BestText(values, kBest, names));
  }
  if (options.json) {
    PrintJson({{"classes", names}, {"answers", answers}});
    return;
  }
  PrintOut(text);
}

void PerformRun(const RunFlags& options) {
  if (!options.samples.empty()) return RunSamples(options);
  if (options.inputs.empty() || options.outputs.empty()) {
    Fail(ErrorKind::kInvalidArgument,
         "--input X.npy and --output Y.npy are wanted, or pictures or sounds "
         "behind {}",
         options.file);
  }
  if (!options.as.empty())
    Warn("--as {} has no effect: it is for pictures and sounds", options.as);
  for (const std::string& path : options.outputs) UseOutput(path);
  const Graph graph = LoadModel(options.file, 0, options.signature);
  WarnNotFinite(graph, options.file);
  WarnIfUntrained(options.file);
  InterpreterOptions plan;
  plan.batch = kAsWritten;
  plan.numerics = options.runtime.Contract();
  plan.reference = options.runtime.reference;
  plan.keep_state = options.stream;
  std::vector<Interpreter> interpreters;
  interpreters.emplace_back(graph, plan);
  RequireAsManyFiles(options, interpreters[0]);
  WarnIfNumericsUnused(options.runtime, graph);
  if (options.stream && !KeepsState(graph))
    Warn("--stream has no effect: the model keeps nothing from call to call");
  const std::vector<InputArray> inputs =
      ReadInputs(options, graph, interpreters[0]);
  std::vector<Column> columns;
  for (const InputArray& input : inputs) columns.push_back(input.column);
  const int64_t calls = inputs[0].calls;
  const MemoryDataset data(columns, {});
  const int threads =
      options.stream ? 1
                     : static_cast<int>(std::clamp<int64_t>(
                           calls, 1, ThreadCount(options.runtime.threads)));
  while (static_cast<int>(interpreters.size()) < threads)
    interpreters.emplace_back(graph, plan);
  const std::vector<std::vector<std::byte>> outputs =
      Outputs(data, &interpreters);
  std::string report;
  OrderedJson written = OrderedJson::array();
  for (size_t o = 0; o < outputs.size(); ++o) {
    const Tensor& tensor = interpreters[0].output_tensor(static_cast<int>(o));
    const Shape shape = OutputShape(tensor.shape, inputs[0].layout, calls);
    WarnNotFinite(tensor.dtype, outputs[o],
                  fmt::format("output '{}'", tensor.name));
    WriteNpy(options.outputs[o], tensor.dtype, shape, outputs[o]);
    written.push_back({{"path", options.outputs[o]},
                       {"name", tensor.name},
                       {"dtype", Name(tensor.dtype)},
                       {"shape", shape.ToVector()}});
    // A pipe or `-` may be standard output itself.
    std::error_code code;
    if (!std::filesystem::is_regular_file(options.outputs[o], code)) continue;
    report += fmt::format("{}: {} {} '{}'\n", options.outputs[o],
                          Name(tensor.dtype), shape.ToString(), tensor.name);
  }
  if (options.json) {
    PrintJson({{"calls", calls}, {"outputs", written}});
    return;
  }
  PrintOut(report);
}

}  // namespace

void AddRun(CLI::App* app) {
  const auto options = std::make_shared<RunFlags>();
  CLI::App* verb = app->add_subcommand(
      "run",
      "Run a .tflite, .h5 or .keras file on a picture or sound and print the\n"
      "best five classes, or on .npy arrays: one call for arrays\n"
      "of the model's own input shapes (an open batch is one sample), several\n"
      "for arrays that hold them side by side along the first axis, or along\n"
      "one more axis in front. An array of the model's own input type is fed\n"
      "as it is; any other type is an error unless --quantize is given.\n"
      "Outputs are written in the model's own type.");
  verb->add_option("file", options->file, "A .tflite, .h5 or .keras file")
      ->type_name("FILE")
      ->required();
  verb->add_option("samples", options->samples,
                   "Pictures or sounds, to print the best five classes of "
                   "each")
      ->type_name("[PHOTO.jpg|CLIP.wav]...");
  verb->add_option("--as", options->as,
                   "How these are read, as behind a SPEC of data: "
                   "resize=96,scale=1/255")
      ->type_name("KEY=VALUE,...");
  verb->add_option("--input", options->inputs,
                   "An array for each input, in the model's order; - reads "
                   "standard input")
      ->type_name("X.npy");
  verb->add_option("--output", options->outputs,
                   "A file for each output, in the model's order; - is "
                   "standard output")
      ->type_name("Y.npy");
  verb->add_flag("--quantize", options->quantize,
                 "Take arrays of another type as real values and convert them "
                 "to the input's type: clamp(round(x / scale) + zero point)");
  verb->add_option(
          "--signature", options->signature,
          "Of a .tflite file with several: the one to run, by its key; "
          "the first subgraph otherwise")
      ->type_name("KEY");
  verb->add_flag("--stream", options->stream,
                 "Variables keep their values from call to call, in the order "
                 "of the arrays; else each call starts from fresh ones");
  AddJson(verb, &options->json);
  AddRuntimeFlags(verb, &options->runtime);
  verb->callback([options] { PerformRun(*options); });
}

}  // namespace litesmith
