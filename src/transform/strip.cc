// Takes training ops off a graph: folds them into parameters, or into the
// quantization that tensors carry.
#include <algorithm>
#include <vector>

#include "src/graph/op_def.h"
#include "src/transform/training_ops.h"

namespace litesmith {
namespace {

bool Folds(const Node& node) {
  return node.op->training != nullptr && node.op->training->fold != nullptr;
}

// Folds every node of an op with `fold`, in order, and takes it off; those that
// simulate integers only `with_integers`, else they are dropped.
Graph Fold(const Graph& graph, bool with_integers) {
  Graph result = graph;
  for (size_t n = 0; n < result.nodes.size(); ++n) {
    const Node node = result.nodes[n];
    if (!Folds(node)) continue;
    if (with_integers || !node.op->simulates_integers())
      node.op->training->fold(&result, node);
    result.ReplaceUses(node.outputs[0], node.inputs[0]);
  }
  std::erase_if(result.nodes, Folds);
  return result;
}

}  // namespace

Graph StripTrainingOps(const Graph& graph) {
  Graph result = RemoveDeadNodes(Fold(graph, false));
  InferShapes(&result);
  return result;
}

Graph FoldFakeQuant(const Graph& graph) {
  Graph result = graph;
  RemoveTrainingOnlyNodes(&result);
  result = Fold(result, true);
  InferShapes(&result);
  return result;
}

bool HasFakeQuant(const Graph& graph) {
  return std::any_of(
      graph.nodes.begin(), graph.nodes.end(),
      [](const Node& node) { return node.op->simulates_integers(); });
}

bool HasTrainingOps(const Graph& graph) {
  return std::any_of(graph.nodes.begin(), graph.nodes.end(),
                     [](const Node& node) {
                       return node.op->tflite.code < 0 && !node.op->in_keras();
                     });
}

}  // namespace litesmith
