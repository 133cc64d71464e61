// Nodes without an integer form, and the islands around them.
#include "src/quant/float_nodes.h"

#include <algorithm>

#include "src/graph/op_def.h"
#include "src/ops/integer_facts.h"
#include "src/quant/groups.h"

namespace litesmith {
namespace {

class Finder {
 public:
  Finder(const Graph& graph, const Scheme& scheme)
      : graph_(graph), scheme_(scheme) {}

  // Empty: it can become integer, or need not.
  std::string WhyFloat(const Node& node) const {
    const OpDef& op = *node.op;
    if (!IsOfFloats(node)) return {};
    if (op.quant.output == QuantRule::kFloatOnly)
      return "it has no integer form";
    const bool wide = scheme_.activation == DType::kInt16;
    if ((wide && !LiteRtHasInt16(op)) || !HasRow(node))
      return fmt::format("it has no {} form", Name(scheme_.activation));
    const int bias = op.Find(Role::kBias);
    if (bias >= 0 && IsComputed(node.input(static_cast<size_t>(bias))))
      return "its bias is computed, and integers want a constant one";
    return {};
  }

 private:
  bool IsFloat(TensorId id) const {
    return id != kNoTensor && graph_.tensor(id).dtype == DType::kFloat32;
  }
  bool IsComputed(TensorId id) const {
    return id != kNoTensor && !graph_.tensor(id).has_data();
  }
  // Else it is about sizes or conditions, which stay as they are.
  bool IsOfFloats(const Node& node) const {
    const auto is_float = [&](TensorId id) { return IsFloat(id); };
    return std::any_of(node.inputs.begin(), node.inputs.end(), is_float) ||
           std::any_of(node.outputs.begin(), node.outputs.end(), is_float);
  }
  // The type that the tensor will have.
  DType Becomes(TensorId id) const {
    return IsFloat(id) ? scheme_.activation : graph_.tensor(id).dtype;
  }
  bool HasRow(const Node& node) const {
    const auto takes = [](DType of_row, DType wanted) {
      return of_row == kAnyType || of_row == wanted;
    };
    const auto& rows = node.op->rows;
    return rows.empty() ||
           std::any_of(rows.begin(), rows.end(), [&](const KernelRow& row) {
             return (node.input(0) == kNoTensor ||
                     takes(row.types.input, Becomes(node.inputs[0]))) &&
                    takes(row.types.output, Becomes(node.outputs[0]));
           });
  }

  const Graph& graph_;
  const Scheme& scheme_;
};

// Whether the node has nothing but float activations around it that are read
// and written by nodes that stay float.
bool IsSurrounded(const Graph& graph, size_t n, const FloatNodes& nodes) {
  const Node& node = graph.nodes[n];
  if (node.op->Find(Role::kWeight) >= 0) return false;
  bool reads = false;
  for (const TensorId id : node.inputs) {
    if (id == kNoTensor || graph.tensor(id).dtype != DType::kFloat32 ||
        graph.tensor(id).has_data())
      continue;
    const NodeId producer = graph.Producer(id);
    if (producer < 0 || !nodes.Stays(static_cast<size_t>(producer)))
      return false;
    reads = true;
  }
  if (!reads) return false;
  for (const TensorId id : node.outputs) {
    if (graph.tensor(id).dtype != DType::kFloat32) continue;
    if (std::find(graph.outputs.begin(), graph.outputs.end(), id) !=
        graph.outputs.end())
      return false;
    for (size_t r = 0; r < graph.nodes.size(); ++r) {
      const auto& inputs = graph.nodes[r].inputs;
      if (std::find(inputs.begin(), inputs.end(), id) != inputs.end() &&
          !nodes.Stays(r))
        return false;
    }
  }
  return true;
}

// Nodes that hang together count one by one, so a chain of them joins only if
// each has its neighbours: that is asked again until nothing changes.
void Join(const Graph& graph, FloatNodes* nodes) {
  for (bool again = true; again;) {
    again = false;
    for (size_t n = 0; n < graph.nodes.size(); ++n) {
      if (nodes->Stays(n) || !IsSurrounded(graph, n, *nodes)) continue;
      nodes->why[n] = "it stands between nodes that stay float";
      nodes->joined[n] = 1;
      again = true;
    }
  }
}

}  // namespace

bool FloatNodes::any() const {
  return std::any_of(why.begin(), why.end(),
                     [](const std::string& text) { return !text.empty(); });
}

FloatNodes FindFloatNodes(const Graph& graph, const Scheme& scheme) {
  const Finder finder(graph, scheme);
  FloatNodes nodes;
  nodes.joined.resize(graph.nodes.size(), 0);
  for (const Node& node : graph.nodes)
    nodes.why.push_back(finder.WhyFloat(node));
  if (nodes.any()) Join(graph, &nodes);
  return nodes;
}

void StayFloat(const Graph& graph, size_t node, const std::string& why,
               FloatNodes* nodes) {
  nodes->why[node] = why;
  nodes->joined[node] = 0;
  Join(graph, nodes);
}

std::vector<std::string> Describe(const Graph& graph, const FloatNodes& nodes) {
  std::vector<std::string> lines;
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    if (!nodes.Stays(n) || nodes.joined[n] != 0) continue;
    lines.push_back(fmt::format("'{}' ({}): {}", graph.nodes[n].name,
                                graph.nodes[n].op->name, nodes.why[n]));
  }
  return lines;
}

}  // namespace litesmith
