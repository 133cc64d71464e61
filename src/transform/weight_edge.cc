// Finding the edges and splicing nodes into them.
#include "src/transform/weight_edge.h"

#include <algorithm>

#include "src/ops/registry.h"
#include "src/ops/train/train.h"

namespace litesmith {

TensorId EdgeParameter(const Graph& graph, const WeightEdge& edge) {
  TensorId id = graph.node(edge.node).inputs[static_cast<size_t>(edge.input)];
  for (NodeId producer = graph.Producer(id); producer >= 0;
       producer = graph.Producer(id)) {
    id = graph.node(producer).inputs[0];
  }
  return id;
}

std::vector<WeightEdge> WeightEdges(const Graph& graph) {
  std::vector<WeightEdge> edges;
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    const int input = graph.nodes[n].op->Find(Role::kWeight);
    if (input < 0) continue;
    WeightEdge edge{static_cast<NodeId>(n), input};
    const Tensor& weights = graph.tensor(EdgeParameter(graph, edge));
    if (weights.dtype != DType::kFloat32 || !weights.has_data()) continue;
    edge.frozen = weights.kind != TensorKind::kParameter;
    edges.push_back(edge);
  }
  return edges;
}

NodeId Splice(Graph* graph, const WeightEdge& edge, const OpDef& op,
              const std::string& name, const std::vector<TensorId>& extra) {
  const TensorId from =
      graph->node(edge.node).inputs[static_cast<size_t>(edge.input)];
  std::vector<TensorId> inputs = {from};
  inputs.insert(inputs.end(), extra.begin(), extra.end());
  graph->AddNode(op, name, std::move(inputs), {name});
  const TensorId out = graph->nodes.back().outputs[0];
  graph->tensor(out).shape = graph->tensor(from).shape;
  std::rotate(graph->nodes.begin() + edge.node, graph->nodes.end() - 1,
              graph->nodes.end());
  graph->node(edge.node + 1).inputs[static_cast<size_t>(edge.input)] = out;
  return edge.node;
}

std::vector<float> NonZeros(const Tensor& weight) {
  std::vector<float> mask;
  for (const float v : weight.As<float>())
    mask.push_back(v != 0.0f ? 1.0f : 0.0f);
  return mask;
}

bool SpliceZeroMask(Graph* graph, const WeightEdge& edge,
                    const Tensor& weight) {
  const std::vector<float> mask = NonZeros(weight);
  if (std::find(mask.begin(), mask.end(), 0.0f) == mask.end()) return false;
  const TensorId id = graph->AddConstant<float>(
      weight.name + "/mask", weight.shape, mask, TensorKind::kState);
  Node& node = graph->node(
      Splice(graph, edge, kPruneMask, weight.name + "/prune", {id}));
  node.Set<&PruneMaskAttrs::schedule>(prune_mask::kFixedMask);
  node.Set<&PruneMaskAttrs::mask_gradient>(1);
  return true;
}

}  // namespace litesmith
