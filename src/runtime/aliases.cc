#include "src/runtime/aliases.h"

#include <numeric>

#include "src/graph/op_def.h"

namespace litesmith {

std::vector<TensorId> AliasRoots(const Graph& graph) {
  std::vector<TensorId> root(graph.tensors.size());
  std::iota(root.begin(), root.end(), 0);
  for (const Node& node : graph.nodes) {
    if (!node.op->in_place) continue;
    root[static_cast<size_t>(node.outputs[0])] =
        root[static_cast<size_t>(node.inputs[0])];
  }
  return root;
}

}  // namespace litesmith
