// litesmith inspect: what is in a model file, in words and numbers.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/cli/options.h"
#include "src/cli/verb.h"
#include "src/graph/op_def.h"
#include "src/graph/weights.h"
#include "src/measure/gzip.h"
#include "src/models/models.h"

namespace litesmith {
namespace {

struct Options {
  std::string file;
  bool graph = false;
  uint64_t seed = 1;
};

// A table whose columns are as wide as they need to be.
class Table {
 public:
  explicit Table(std::vector<std::string> header) { Add(std::move(header)); }
  void Add(std::vector<std::string> row) {
    width_.resize(std::max(width_.size(), row.size()), 0);
    for (size_t c = 0; c < row.size(); ++c)
      width_[c] = std::max(width_[c], row[c].size());
    rows_.push_back(std::move(row));
  }
  std::string Text() const {
    std::string text;
    for (const auto& row : rows_) {
      std::string line;
      for (size_t c = 0; c < row.size(); ++c)
        line += fmt::format("{:<{}}  ", row[c], width_[c]);
      line.erase(line.find_last_not_of(' ') + 1);
      text += "  " + line + "\n";
    }
    return text;
  }

 private:
  std::vector<std::vector<std::string>> rows_;
  std::vector<size_t> width_;
};

std::string QuantText(const Tensor& tensor) {
  const Quantization& quant = tensor.quant;
  if (quant.empty()) return "-";
  if (!quant.per_axis()) {
    return fmt::format("scale {:g} zero point {}", quant.scale[0],
                       quant.zero_point.empty() ? 0 : quant.zero_point[0]);
  }
  const auto range =
      std::minmax_element(quant.scale.begin(), quant.scale.end());
  return fmt::format("{} scales along axis {}, {:g} to {:g}",
                     quant.scale.size(), quant.axis, *range.first,
                     *range.second);
}

// The attributes that are not what they are by default.
std::string AttributeText(const Node& node) {
  std::string text;
  for (size_t a = 0; a < node.attrs.size(); ++a) {
    const AttrDef& attr = node.op->attrs[a];
    const AttrValue& value = node.attrs[a];
    std::string shown;
    switch (attr.type) {
      case AttrType::kFloat:
        if (value.f != static_cast<float>(attr.initial))
          shown = fmt::format("{:g}", value.f);
        break;
      case AttrType::kInts:
        if (!value.ints.empty())
          shown = fmt::format("[{}]", fmt::join(value.ints, ","));
        break;
      case AttrType::kText:
        if (!value.text.empty()) shown = fmt::format("'{}'", value.text);
        break;
      case AttrType::kSubgraph:
        shown = fmt::format("{}", value.i);
        break;
      default:
        if (value.i != static_cast<int64_t>(attr.initial))
          shown = fmt::format("{}", value.i);
    }
    if (shown.empty()) continue;
    text += fmt::format("{}{}={}", text.empty() ? "" : " ", attr.name, shown);
  }
  return text;
}

// What a graph has, and those that it runs. `path` is empty, or "0.1": the
// second subgraph of the first one.
struct Inspection {
  std::string text;
  size_t operators = 0;
  size_t tensors = 0;
  int64_t stored = 0;
  int64_t macs = 0;

  void Add(const Graph& graph, const std::string& path);

 private:
  void AddBoundary(const char* title, const Graph& graph,
                   const std::vector<TensorId>& ids);
  void AddOperators(const Graph& graph);
  void AddTensors(const Graph& graph);
};

void Inspection::AddBoundary(const char* title, const Graph& graph,
                             const std::vector<TensorId>& ids) {
  text += fmt::format("\n{}\n", title);
  Table table({"name", "type", "shape", "quantization"});
  for (const TensorId id : ids) {
    const Tensor& tensor = graph.tensor(id);
    table.Add({tensor.name, Name(tensor.dtype), tensor.shape.ToString(),
               QuantText(tensor)});
  }
  text += table.Text();
}

void Inspection::AddOperators(const Graph& graph) {
  text += "\nOperators\n";
  Table table({"#", "operator", "inputs", "outputs", "MACs", "attributes"});
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
    macs += products;
    table.Add({fmt::format("{}", n), node.op->name, ids(node.inputs),
               ids(node.outputs), fmt::format("{}", products),
               AttributeText(node)});
  }
  text += table.Text();
  operators += graph.nodes.size();
}

// int4, sparse: how a file spells a constant.
std::string StoredText(const Tensor& tensor) {
  if (!tensor.stored_as.traversal_order.empty()) return " (sparse)";
  return tensor.stored_as.int4 ? " (int4)" : "";
}

void Inspection::AddTensors(const Graph& graph) {
  text += "\nTensors\n";
  Table table({"#", "kind", "type", "shape", "bytes", "zero", "distinct",
               "name", "quantization"});
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
    stored += static_cast<int64_t>(tensor.data.size());
  }
  text += table.Text();
  tensors += graph.tensors.size();
}

void Inspection::Add(const Graph& graph, const std::string& path) {
  if (!path.empty()) text += fmt::format("\nSubgraph {}\n", path);
  AddBoundary("Inputs", graph, graph.inputs);
  AddBoundary("Outputs", graph, graph.outputs);
  AddOperators(graph);
  AddTensors(graph);
  for (size_t s = 0; s < graph.subgraphs.size(); ++s) {
    Add(graph.subgraphs[s],
        path.empty() ? fmt::format("{}", s) : fmt::format("{}.{}", path, s));
  }
}

void Run(const Options& options) {
  const Graph graph = LookAtModel(options.file, options.seed);
  WarnNotFinite(graph, options.file);
  std::string text = options.file;
  if (FileExists(options.file)) {
    const std::vector<std::byte> bytes = ReadFile(options.file);
    text +=
        fmt::format(": {} bytes, {} gzipped", bytes.size(), GzipSize(bytes));
  }
  Inspection all;
  all.Add(graph, "");
  text += fmt::format(
      "\n{} operators, {} tensors, {} bytes of constants, {} "
      "multiply-accumulates an inference, {:.1f} % of weights zero\n",
      all.operators, all.tensors, all.stored, all.macs,
      100 * WeightSparsity(graph));
  text += all.text;
  if (options.graph) text += "\nGraph\n" + Print(graph);
  PrintOut(text);
}

}  // namespace

void AddInspect(CLI::App* app) {
  const auto options = std::make_shared<Options>();
  CLI::App* verb = app->add_subcommand(
      "inspect",
      "Print what is in a model: operators with what they read and write,\n"
      "multiply-accumulates and attributes that are not at their default "
      "(also\n"
      "operators that are not supported), tensors\n"
      "with type, shape, quantization and bytes, and of stored ones the share\n"
      "of zeros and the number of distinct values.");
  verb->add_option("file", options->file,
                   "A .tflite, .h5 or .keras file, or a built-in")
      ->type_name("FILE")
      ->required();
  verb->add_flag("--graph", options->graph,
                 "Also print every operator with its attributes");
  verb->callback([options] { Run(*options); });
}

}  // namespace litesmith
