// litesmith inspect: what is in a model file, in words and numbers.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/names.h"
#include "src/base/warning.h"
#include "src/cli/attribute_text.h"
#include "src/cli/calibration.h"
#include "src/cli/complete.h"
#include "src/cli/inspection.h"
#include "src/cli/json.h"
#include "src/cli/options.h"
#include "src/cli/table.h"
#include "src/cli/terminal.h"
#include "src/cli/verb.h"
#include "src/graph/op_def.h"
#include "src/graph/weights.h"
#include "src/models/class_names.h"
#include "src/models/models.h"
#include "src/quant/convert.h"
#include "src/study/methods.h"

namespace litesmith {
namespace {

struct InspectFlags {
  std::string file;
  bool ops = false;
  bool tensors = false;
  bool graph = false;
  bool all = false;
  std::string weights;  // a pattern of layers' names
  std::string why;      // a method
  CalibrationOptions calibration;
  bool json = false;
  uint64_t seed = 1;
};

// What a graph has, and those that it runs. `path` is empty, or "0.1": the
// second subgraph of the first one.
class Inspection {
 public:
  explicit Inspection(const InspectFlags& options) : options_(options) {}
  void Add(const Graph& graph, const std::string& path);
  const std::string& text() const { return text_; }

 private:
  void AddBoundary(const char* title, const Graph& graph,
                   const std::vector<TensorId>& ids);
  void AddOperators(const Graph& graph);
  void AddTensors(const Graph& graph);

  const InspectFlags& options_;
  std::string text_;
};

void Inspection::AddBoundary(const char* title, const Graph& graph,
                             const std::vector<TensorId>& ids) {
  text_ += fmt::format("\n{}\n", title);
  TextTable table({{"Name"}, {"Type"}, {"Shape"}, {"Quantization", false, 1}});
  for (const TensorId id : ids) {
    const Tensor& tensor = graph.tensor(id);
    table.Add({tensor.name, Name(tensor.dtype), tensor.shape.ToString(),
               QuantText(tensor)});
  }
  text_ += table.Text();
}

void Inspection::AddOperators(const Graph& graph) {
  text_ += "\nOperators\n";
  TextTable table({{"#"},
                   {"Operator"},
                   {"Inputs", false, 3},
                   {"Outputs", false, 2},
                   {"MACs", true, 1},
                   {"Attributes", false, 4}});
  const auto ids = [](const std::vector<TensorId>& list) {
    std::string joined;
    for (const TensorId id : list) {
      joined += (joined.empty() ? "" : " ") +
                (id == kNoTensor ? std::string("-") : fmt::format("%{}", id));
    }
    return joined;
  };
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    const Node& node = graph.nodes[n];
    int64_t products = 0;
    try {
      if (node.op->macs != nullptr) products = node.op->macs(graph, node);
    } catch (const Error&) {
      // A shape is open.
    }
    table.Add({fmt::format("{}", n), node.op->name, ids(node.inputs),
               ids(node.outputs), fmt::format("{}", products),
               AttributeText(node)});
  }
  text_ += table.Text();
}

// int4, sparse: how a file spells a constant.
std::string StoredText(const Tensor& tensor) {
  if (!tensor.stored_as.traversal_order.empty()) return " (sparse)";
  return tensor.stored_as.int4 ? " (int4)" : "";
}

void Inspection::AddTensors(const Graph& graph) {
  text_ += "\nTensors\n";
  TextTable table({{"#"},
                   {"Kind", false, 3},
                   {"Type", false, 1},
                   {"Shape"},
                   {"Bytes", true, 2},
                   {"Zero", true, 5},
                   {"Distinct", true, 6},
                   {"Name"},
                   {"Quantization", false, 4}});
  for (size_t t = 0; t < graph.tensors.size(); ++t) {
    const Tensor& tensor = graph.tensors[t];
    std::vector<std::string> row = {
        fmt::format("%{}", t), Name(tensor.kind),
        std::string(Name(tensor.dtype)) + StoredText(tensor),
        tensor.shape.ToString()};
    if (tensor.has_data()) {
      const ValueCounts counts = CountValues(tensor);
      const double zero =
          100.0 * static_cast<double>(counts.zeros) /
          static_cast<double>(std::max<int64_t>(1, counts.values));
      row.push_back(fmt::format("{}", tensor.data.size()));
      row.push_back(fmt::format("{:.1f} %", zero));
      row.push_back(fmt::format("{}", counts.distinct));
    } else {
      row.insert(row.end(), {"-", "-", "-"});
    }
    row.push_back(tensor.name);
    row.push_back(QuantText(tensor));
    table.Add(std::move(row));
  }
  text_ += table.Text();
}

void Inspection::Add(const Graph& graph, const std::string& path) {
  if (!path.empty()) text_ += fmt::format("\nSubgraph {}\n", path);
  AddBoundary("Inputs", graph, graph.inputs);
  AddBoundary("Outputs", graph, graph.outputs);
  if (options_.ops) AddOperators(graph);
  if (options_.tensors) AddTensors(graph);
  for (size_t s = 0; s < graph.subgraphs.size(); ++s) {
    Add(graph.subgraphs[s],
        path.empty() ? fmt::format("{}", s) : fmt::format("{}.{}", path, s));
  }
}

OrderedJson BoundaryJson(const Graph& graph, const std::vector<TensorId>& ids) {
  OrderedJson list = OrderedJson::array();
  for (const TensorId id : ids) {
    const Tensor& tensor = graph.tensor(id);
    list.push_back({{"name", tensor.name},
                    {"dtype", Name(tensor.dtype)},
                    {"shape", tensor.shape.ToVector()},
                    {"scale", tensor.quant.scale},
                    {"zero_point", tensor.quant.zero_point}});
  }
  return list;
}

OrderedJson SummaryJson(const ModelSummary& s, const Graph& graph) {
  OrderedJson json = {{"path", s.path},
                      {"numbers", s.numbers},
                      {"file_bytes", s.file_bytes},
                      {"gzip_bytes", nullptr},
                      {"inputs", BoundaryJson(graph, graph.inputs)},
                      {"outputs", BoundaryJson(graph, graph.outputs)},
                      {"operators", OrderedJson::object()},
                      {"operator_count", s.operator_count},
                      {"tensor_count", s.tensor_count},
                      {"subgraphs", s.subgraphs},
                      {"constant_bytes", s.constant_bytes},
                      {"weights", s.weights},
                      {"zero_weights", s.zero_weights},
                      {"macs", s.macs},
                      {"arena_bytes", nullptr},
                      {"targets", s.targets},
                      {"layers", OrderedJson::array()}};
  if (s.gzip_bytes >= 0) json["gzip_bytes"] = s.gzip_bytes;
  if (s.arena_bytes >= 0) json["arena_bytes"] = s.arena_bytes;
  for (const auto& [name, count] : s.operators) json["operators"][name] = count;
  for (const LayerFacts& layer : s.layers) {
    OrderedJson row = {{"name", layer.name},
                       {"op", layer.op},
                       {"weights", layer.weights},
                       {"dtype", Name(layer.dtype)},
                       {"shape", layer.shape.ToVector()},
                       {"keras_shape", layer.keras_shape.ToVector()},
                       {"output", layer.output.ToVector()},
                       {"macs", layer.macs},
                       {"values", layer.values},
                       {"zeros", layer.zeros},
                       {"distinct", nullptr}};
    if (layer.distinct >= 0) row["distinct"] = layer.distinct;
    json["layers"].push_back(row);
  }
  return json;
}

// Whose weights people know in another order of axes.
bool IsKerasFile(const std::string& path) {
  const std::optional<ModelFormat> format = FormatOfEnding(path);
  return format && IsKeras(*format);
}

// What each tensor becomes in a numeric format.
void PrintWhy(const InspectFlags& options, const CLI::App& verb) {
  const Method method = FindMethod(options.why);
  if (method.scheme == nullptr) {
    Fail(ErrorKind::kInvalidArgument,
         "--why {}: a Keras file keeps every tensor as it is", options.why);
  }
  const Graph graph = LoadFloatModel(options.file, options.seed, false);
  const Ranges ranges =
      FindRanges(graph, options.file, method, options.calibration, verb);
  const std::vector<Reason> reasons = Explain(graph, *method.scheme, ranges);
  if (options.json) {
    OrderedJson list = OrderedJson::array();
    for (const Reason& reason : reasons) {
      list.push_back({{"tensor", reason.tensor},
                      {"becomes", reason.form},
                      {"why", reason.why}});
    }
    PrintJson(
        {{"path", options.file}, {"method", options.why}, {"tensors", list}});
    return;
  }
  TextTable table(
      {{"Tensor"}, {"Becomes", false, 0, true}, {"Why", false, 0, true}});
  for (const Reason& reason : reasons)
    table.Add({reason.tensor, reason.form, reason.why});
  PrintOut(
      fmt::format("{} as {}\n{}", options.file, options.why, table.Text()));
}

void PerformInspect(const InspectFlags& options, const CLI::App& verb) {
  if (!options.why.empty()) return PrintWhy(options, verb);
  for (const char* option : {"--calibration", "--calibration-samples"}) {
    if (verb.get_option(option)->count() > 0)
      Warn("{} has no effect without --why METHOD", option);
  }
  const Graph graph = LookAtModel(options.file, options.seed);
  if (!options.weights.empty() && !options.json) {
    PrintOut(WeightsText(graph, options.weights, WidthOf(STDOUT_FILENO)));
    return;
  }
  WarnNotFinite(graph, options.file);
  const ModelSummary summary = Summarize(options.file, graph, options.all);
  const std::vector<std::string> names = ReadClassNames(options.file);
  if (options.json) {
    OrderedJson json = SummaryJson(summary, graph);
    json["classes"] = names;
    PrintJson(json);
    return;
  }
  std::string text = SummaryText(summary, graph);
  if (!names.empty()) text += ClassNamesText(names);
  text += "\nLayers\n" + LayersText(summary, IsKerasFile(options.file));
  if (options.ops || options.tensors) {
    Inspection all(options);
    all.Add(graph, "");
    text += all.text();
  }
  if (options.graph) text += "\nGraph\n" + Print(graph);
  PrintOut(text);
}

}  // namespace

void AddInspect(CLI::App* app) {
  const auto options = std::make_shared<InspectFlags>();
  CLI::App* verb = app->add_subcommand(
      "inspect",
      "Say what is in a model: what it is and where it runs, inputs and "
      "outputs,\n"
      "weights, multiply-accumulates and memory, then its layers; by option\n"
      "every operator (also those that are not supported), every tensor, or "
      "the\n"
      "values of a layer's weights.");
  CompleteWith(verb->add_option("file", options->file,
                                "A .tflite, .h5 or .keras file, or a built-in")
                   ->type_name("FILE")
                   ->required(),
               {Completes::kWordsFiles, NamesOf(BuiltinModels())});
  verb->add_flag("--ops", options->ops,
                 "Also every operator: what it reads and writes, its "
                 "multiply-accumulates, attributes that are not at their "
                 "default");
  verb->add_flag(
      "--tensors", options->tensors,
      "Also every tensor: type, shape, bytes, quantization; of stored "
      "ones zeros and distinct values");
  verb->add_flag("--graph", options->graph,
                 "Also every operator as a line of its own, with the names of "
                 "tensors");
  verb->add_option("--weights", options->weights,
                   "Print instead the values of this layer's weights, a "
                   "histogram; a pattern such as 'conv*' takes several")
      ->type_name("LAYER");
  verb->add_option("--why", options->why,
                   "Print instead what each tensor of the float model would "
                   "become in this numeric format (`litesmith list methods`), "
                   "and why")
      ->type_name("METHOD");
  AddCalibration(verb, &options->calibration);
  verb->add_flag("--all", options->all,
                 "Count and compress also what is above 16 MB");
  AddJson(verb, &options->json);
  verb->callback([options, verb] { PerformInspect(*options, *verb); });
}

}  // namespace litesmith
