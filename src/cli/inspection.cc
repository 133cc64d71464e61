// A pass over the graph and one over the weights.
#include "src/cli/inspection.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/names.h"
#include "src/cli/table.h"
#include "src/cli/terminal.h"
#include "src/formats/unknown_op.h"
#include "src/graph/op_def.h"
#include "src/measure/gzip.h"
#include "src/measure/memory.h"
#include "src/quant/dequantize.h"
#include "src/study/advise.h"

namespace litesmith {
namespace {

// Above this, counting and compressing take seconds.
constexpr int64_t kMuch = int64_t{16} << 20;

// The axes of a layer's weights in Keras's order: output channels last.
Shape KerasShape(const WeightRef& ref, const Shape& shape) {
  if (ref.channel_axis != 0 || shape.rank() < 2) return shape;
  std::vector<int32_t> dims = shape.ToVector();
  std::rotate(dims.begin(), dims.begin() + 1, dims.end());
  return Shape(dims);
}

int64_t MacsOf(const Graph& graph, const Node& node) {
  if (node.op->macs == nullptr) return 0;
  try {
    return node.op->macs(graph, node);
  } catch (const Error&) {
    return 0;  // a shape is open
  }
}

void Count(const Graph& graph, ModelSummary* summary,
           std::map<std::string, int64_t>* operators) {
  summary->operator_count += static_cast<int64_t>(graph.nodes.size());
  summary->tensor_count += static_cast<int64_t>(graph.tensors.size());
  summary->subgraphs += static_cast<int64_t>(graph.subgraphs.size());
  for (const Node& node : graph.nodes) {
    ++(*operators)[node.op->name];
    summary->macs += MacsOf(graph, node);
  }
  for (const Tensor& tensor : graph.tensors)
    summary->constant_bytes += static_cast<int64_t>(tensor.data.size());
  for (const Graph& each : graph.subgraphs) Count(each, summary, operators);
}

LayerFacts FactsOf(const Graph& graph, const WeightRef& ref, bool all) {
  const Tensor& tensor = graph.tensor(ref.parameter);
  const Node& node = graph.node(ref.node);
  LayerFacts facts;
  facts.name =
      node.name.empty() ? graph.tensor(node.outputs[0]).name : node.name;
  facts.op = node.op->name;
  facts.weights = tensor.name;
  facts.shape = tensor.shape;
  facts.keras_shape = KerasShape(ref, tensor.shape);
  facts.dtype = tensor.dtype;
  if (!node.outputs.empty()) facts.output = graph.tensor(node.outputs[0]).shape;
  facts.macs = MacsOf(graph, node);
  facts.values = tensor.shape.NumElements();
  if (!all && static_cast<int64_t>(tensor.data.size()) > kMuch) return facts;
  const ValueCounts counts = CountValues(tensor);
  facts.zeros = counts.zeros;
  facts.distinct = counts.distinct;
  return facts;
}

int64_t Arena(const Graph& graph) {
  try {
    return PlanMemory(graph).arena_bytes;
  } catch (const Error&) {
    return -1;  // it cannot run
  }
}

// The methods whose files are like this one.
std::vector<std::string> MethodsLike(const Graph& graph) {
  switch (NumbersOf(graph)) {
    case Numbers::kFloat:
    case Numbers::kPairs:
      return {"fp32"};
    case Numbers::kHalf:
      return {"fp16"};
    case Numbers::kDynamic:
      return {"dynamic"};
    case Numbers::kFullInteger:
      break;
  }
  const bool wide =
      std::any_of(graph.tensors.begin(), graph.tensors.end(),
                  [](const Tensor& t) { return t.dtype == DType::kInt16; });
  return wide ? std::vector<std::string>{"int16x8"}
              : std::vector<std::string>{"int8", "uint8"};
}

std::string Boundary(const Graph& graph, const std::vector<TensorId>& ids) {
  std::string text;
  for (const TensorId id : ids) {
    const Tensor& tensor = graph.tensor(id);
    text += fmt::format("{}{} {} {}", text.empty() ? "" : "; ",
                        Harmless(tensor.name), Name(tensor.dtype),
                        tensor.shape.ToString());
    if (!tensor.quant.empty()) text += ", " + QuantText(tensor);
  }
  return text.empty() ? "none" : text;
}

}  // namespace

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

ModelSummary Summarize(const std::string& path, const Graph& graph, bool all) {
  ModelSummary summary;
  summary.path = path;
  summary.numbers = DescribeNumbers(graph);
  if (FileExists(path)) {
    const std::vector<std::byte> bytes = ReadFile(path);
    summary.file_bytes = static_cast<int64_t>(bytes.size());
    if (all || summary.file_bytes <= kMuch)
      summary.gzip_bytes = GzipSize(bytes);
  }
  std::map<std::string, int64_t> operators;
  Count(graph, &summary, &operators);
  summary.operators.assign(operators.begin(), operators.end());
  std::stable_sort(
      summary.operators.begin(), summary.operators.end(),
      [](const auto& a, const auto& b) { return a.second > b.second; });
  for (const WeightRef& ref : Weights(graph)) {
    summary.layers.push_back(FactsOf(graph, ref, all));
    summary.weights += summary.layers.back().values;
    summary.zero_weights += summary.layers.back().zeros;
  }
  summary.arena_bytes = Arena(graph);
  // What has an op that nobody knows runs nowhere that is known.
  const bool known =
      std::none_of(graph.nodes.begin(), graph.nodes.end(),
                   [](const Node& node) { return IsUnknownOp(*node.op); });
  for (const Target& target : Targets()) {
    if (!known) break;
    for (const std::string& method : MethodsLike(graph)) {
      if (std::find(target.methods.begin(), target.methods.end(), method) ==
          target.methods.end())
        continue;
      summary.targets.emplace_back(target.name);
      break;
    }
  }
  return summary;
}

std::string SummaryText(const ModelSummary& s, const Graph& graph) {
  const auto width = static_cast<size_t>(WidthOf(1));
  std::string text;
  const auto line = [&](std::string_view name, const std::string& value) {
    constexpr size_t kColumn = 13;
    const std::string body = Wrapped(value, width, kColumn, kColumn);
    text += fmt::format("{:<{}}{}\n", name, kColumn,
                        std::string_view(body).substr(kColumn));
  };
  line("model", fmt::format("{}: {}", Harmless(s.path), s.numbers));
  std::string size = s.file_bytes == 0 ? "built in, not a file"
                                       : fmt::format("{} bytes", s.file_bytes);
  if (s.file_bytes > 0) {
    size += s.gzip_bytes < 0 ? ", not compressed here since it is large (--all)"
                             : fmt::format(", {} gzipped", s.gzip_bytes);
  }
  line("size", size);
  line("inputs", Boundary(graph, graph.inputs));
  line("outputs", Boundary(graph, graph.outputs));
  std::string operators;
  for (const auto& [name, count] : s.operators)
    operators += fmt::format("{}{} {}", operators.empty() ? "" : ", ", count,
                             Harmless(name));
  line("operators",
       fmt::format("{} ({}){}", s.operator_count, operators,
                   s.subgraphs > 0
                       ? ", in it " + Counted(s.subgraphs, "subgraph")
                       : std::string()));
  line("weights",
       fmt::format("{} in {}, {:.1f} % zero", s.weights,
                   Counted(static_cast<int64_t>(s.layers.size()), "layer"),
                   s.weights > 0 ? 100.0 * static_cast<double>(s.zero_weights) /
                                       static_cast<double>(s.weights)
                                 : 0.0));
  line("constants", fmt::format("{} bytes in {}", s.constant_bytes,
                                Counted(s.tensor_count, "tensor")));
  line("MACs", fmt::format("{} multiply-accumulates an inference", s.macs));
  line("arena", s.arena_bytes < 0
                    ? "not known: the file cannot be run here"
                    : fmt::format("{} bytes of activations for one sample",
                                  s.arena_bytes));
  line("runs on", s.targets.empty()
                      ? "nothing known"
                      : fmt::format("{}", fmt::join(s.targets, ", ")));
  return text;
}

std::string ClassNamesText(std::span<const std::string> names) {
  constexpr size_t kShown = 20;
  std::string list;
  for (const std::string& name : names.first(std::min(kShown, names.size()))) {
    const std::string shown = Harmless(name);
    const bool quoted = shown.find(',') != std::string::npos || shown.empty();
    list += fmt::format("{}{}", list.empty() ? "" : ", ",
                        quoted ? "\"" + shown + "\"" : shown);
  }
  constexpr size_t kColumn = 13;
  const std::string body =
      Wrapped(fmt::format("{}: {}{}", names.size(), list,
                          names.size() > kShown ? ", ..." : ""),
              static_cast<size_t>(WidthOf(1)), kColumn, kColumn);
  return fmt::format("{:<{}}{}\n", "classes", kColumn,
                     std::string_view(body).substr(kColumn));
}

std::string LayersText(const ModelSummary& summary, bool keras) {
  if (summary.layers.empty()) return "no layer has weights\n";
  TextTable table({{"Layer"},
                   {"Operator", false, 1},
                   {"Output", false, 4},
                   {keras ? "Weights (Keras)" : "Weights", false, 2},
                   {"Type", false, 6},
                   {"Values", true, 3},
                   {"MACs", true, 3},
                   {"Zero", true, 5},
                   {"Distinct", true, 5}});
  for (const LayerFacts& layer : summary.layers) {
    table.Add({layer.name, layer.op, layer.output.ToString(),
               (keras ? layer.keras_shape : layer.shape).ToString(),
               Name(layer.dtype), fmt::format("{}", layer.values),
               fmt::format("{}", layer.macs),
               layer.distinct < 0
                   ? "-"
                   : fmt::format("{:.1f} %",
                                 100.0 * static_cast<double>(layer.zeros) /
                                     static_cast<double>(
                                         std::max<int64_t>(1, layer.values))),
               layer.distinct < 0 ? "-" : fmt::format("{}", layer.distinct)});
  }
  return table.Text();
}

}  // namespace litesmith
