// Inference node by node.
#include "src/graph/infer.h"

#include <algorithm>

#include "src/base/error.h"
#include "src/graph/op_def.h"

namespace litesmith {
namespace {

bool IsLoose(const Graph& graph, const Node& node,
             const std::vector<char>& loose) {
  return node.op->run != nullptr || !AreKnown(graph, node) ||
         std::any_of(node.inputs.begin(), node.inputs.end(), [&](TensorId id) {
           return id != kNoTensor && loose[static_cast<size_t>(id)] != 0;
         });
}

}  // namespace

bool AreKnown(const Graph& graph, const Node& node) {
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    if (node.inputs[i] == kNoTensor ||
        node.op->OperandOf(i).role != Role::kShape)
      continue;
    const Tensor& tensor = graph.tensor(node.inputs[i]);
    const auto dims = tensor.shape.dims();
    const bool empty = std::find(dims.begin(), dims.end(), 0) != dims.end();
    if (!tensor.has_data() && !empty) return false;
  }
  return true;
}

std::vector<char> LooseTensors(const Graph& graph) {
  std::vector<char> loose(graph.tensors.size(), 0);
  for (const Node& node : graph.nodes) {
    if (!IsLoose(graph, node, loose)) continue;
    for (const TensorId id : node.outputs) loose[static_cast<size_t>(id)] = 1;
  }
  return loose;
}

void InferShapes(Graph* graph) {
  const std::vector<char> loose = LooseTensors(*graph);
  for (const Node& node : graph->nodes) {
    std::vector<Tensor> before;  // with what stands there if it is loose
    const bool is_loose = !node.outputs.empty() &&
                          loose[static_cast<size_t>(node.outputs[0])] != 0;
    if (is_loose) {
      for (const TensorId id : node.outputs)
        before.push_back(graph->tensor(id));
    }
    try {
      node.op->infer(graph, node);
    } catch (const Error& error) {
      if (!is_loose)
        Fail(error.kind(), "{}: {}", Describe(*graph, node), error.what());
      for (size_t o = 0; o < before.size(); ++o)
        graph->tensor(node.outputs[o]) = before[o];
    }
  }
}

}  // namespace litesmith
