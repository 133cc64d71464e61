// The ways of gradients.
#include "src/graph/differentiates.h"

#include <algorithm>

#include "src/graph/op_def.h"

namespace litesmith {
namespace {

size_t Index(TensorId id) { return static_cast<size_t>(id); }

// By tensor: whether a head is computed from it, by whatever nodes.
std::vector<char> ReadByHeads(const Graph& graph, std::span<const int> heads) {
  std::vector<char> read(graph.tensors.size(), 0);
  for (const int head : heads)
    read[Index(graph.outputs[static_cast<size_t>(head)])] = 1;
  for (size_t n = graph.nodes.size(); n-- > 0;) {
    const Node& node = graph.nodes[n];
    const bool any =
        std::any_of(node.outputs.begin(), node.outputs.end(),
                    [&](TensorId id) { return read[Index(id)] != 0; });
    if (!any) continue;
    for (const TensorId id : node.inputs) {
      if (id != kNoTensor) read[Index(id)] = 1;
    }
  }
  return read;
}

// The first node without a gradient on a way from the tensor to a head; -1 if
// there is none.
NodeId FirstBlock(const Graph& graph, const GraphFacts& facts,
                  const std::vector<char>& read, TensorId from) {
  std::vector<char> reached(graph.tensors.size(), 0);
  reached[Index(from)] = 1;
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    const Node& node = graph.nodes[n];
    const bool reads =
        std::any_of(node.inputs.begin(), node.inputs.end(), [&](TensorId id) {
          return id != kNoTensor && reached[Index(id)] != 0;
        });
    const bool leads =
        std::any_of(node.outputs.begin(), node.outputs.end(),
                    [&](TensorId id) { return read[Index(id)] != 0; });
    if (!reads || !leads) continue;
    if (!Differentiates(graph, node, facts)) return static_cast<NodeId>(n);
    for (const TensorId id : node.outputs) reached[Index(id)] = 1;
  }
  return -1;
}

}  // namespace

bool Differentiates(const Graph& graph, const Node& node,
                    const GraphFacts& facts) {
  const PrepareContext context{graph, node, facts};
  return std::any_of(
      node.op->rows.begin(), node.op->rows.end(), [&](const KernelRow& row) {
        return row.purpose == Purpose::kTrain && Fits(row, context);
      });
}

std::vector<Blocked> FindBlocked(const Graph& graph,
                                 std::span<const int> heads) {
  const GraphFacts facts = FactsOf(graph, heads);
  const std::vector<char> read = ReadByHeads(graph, heads);
  std::vector<Blocked> result;
  for (size_t t = 0; t < graph.tensors.size(); ++t) {
    const auto id = static_cast<TensorId>(t);
    if (graph.tensors[t].kind != TensorKind::kParameter || facts.IsTrained(id))
      continue;
    const NodeId node = FirstBlock(graph, facts, read, id);
    auto at = std::find_if(result.begin(), result.end(),
                           [&](const Blocked& b) { return b.node == node; });
    if (at == result.end()) at = result.insert(at, {node, {}});
    at->parameters.push_back(id);
  }
  std::stable_sort(
      result.begin(), result.end(),
      [](const Blocked& a, const Blocked& b) { return a.node < b.node; });
  return result;
}

}  // namespace litesmith
