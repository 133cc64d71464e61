// Nodes and states on the weight edge.
#include "src/transform/weight_edge.h"

#include <algorithm>

#include "src/base/slices.h"
#include "src/graph/edit.h"
#include "src/ops/registry.h"
#include "src/ops/train/train.h"
#include "src/transform/centroids.h"

namespace litesmith {

Node& InsertOnEdge(Graph* graph, WeightRef* weights, const OpDef& op,
                   const std::string& name,
                   const std::vector<TensorId>& extra) {
  const TensorId end =
      graph->node(weights->node).inputs[static_cast<size_t>(weights->input)];
  ++weights->node;
  return InsertBehind(graph, end, FirstReader(*graph, end), op, name, extra);
}

std::vector<float> NonZeros(const Tensor& weight) {
  std::vector<float> mask;
  for (const float v : weight.As<float>())
    mask.push_back(v != 0.0f ? 1.0f : 0.0f);
  return mask;
}

bool InsertZeroMask(Graph* graph, WeightRef* weights) {
  const Tensor weight = graph->tensor(weights->parameter);
  const std::vector<float> mask = NonZeros(weight);
  if (std::find(mask.begin(), mask.end(), 0.0f) == mask.end()) return false;
  const TensorId id = graph->AddConstant<float>(
      weight.name + "/mask", weight.shape, mask, TensorKind::kState);
  Node& node =
      InsertOnEdge(graph, weights, kPruneMask, weight.name + "/prune", {id});
  node.Set<&PruneMaskAttrs::schedule>(prune_mask::kFixedMask);
  node.Set<&PruneMaskAttrs::mask_gradient>(1);
  return true;
}

TensorId AddCentroids(Graph* graph, const WeightRef& weights,
                      const std::vector<std::vector<float>>& rows) {
  const Tensor& weight = graph->tensor(weights.parameter);
  const std::vector<float> centroids = PadRows(rows);
  std::vector<int32_t> dims;
  if (rows.size() > 1)
    dims = ShapeOfSlices(weight.shape, weights.channel_axis).ToVector();
  dims.push_back(static_cast<int32_t>(centroids.size() / rows.size()));
  return graph->AddConstant<float>(weight.name + "/centroids",
                                   Shape(std::span<const int32_t>(dims)),
                                   centroids, TensorKind::kParameter);
}

}  // namespace litesmith
