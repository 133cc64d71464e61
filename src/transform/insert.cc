// The walk over a graph that training-only ops are inserted in.
#include <vector>

#include "src/graph/names.h"
#include "src/transform/training_ops.h"

namespace litesmith {

Graph InsertOps(const Graph& graph, const OpInserts& inserts) {
  Graph result = graph;
  std::vector<WeightRef> weights = FloatWeights(graph);
  bool any = false;
  for (size_t n = graph.nodes.size(); n-- > 0;) {
    const auto node = static_cast<NodeId>(n);
    if (inserts.output && HasOwnRange(graph, graph.nodes[n]))
      any |= inserts.output(&result, node);
    // A node's weights are next to each other, and each insert moves the node.
    size_t first = weights.size();
    while (first > 0 && weights[first - 1].node == node) --first;
    const size_t behind = result.nodes.size() - n;
    for (size_t w = first; w < weights.size() && inserts.weights; ++w) {
      WeightRef ref = weights[w];
      ref.node = static_cast<NodeId>(result.nodes.size() - behind);
      any |= inserts.weights(&result, ref);
    }
    weights.resize(first);
  }
  if (any && inserts.input) inserts.input(&result);
  MakeNamesUnique(&result);
  InferShapes(&result);
  return result;
}

}  // namespace litesmith
