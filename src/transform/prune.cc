// Pruning onto the weight edge (specs/tfmot.md 1).
#include <vector>

#include "src/base/error.h"
#include "src/graph/names.h"
#include "src/ops/registry.h"
#include "src/transform/training_ops.h"
#include "src/transform/weight_edge.h"

namespace litesmith {

Graph InsertPruning(const Graph& graph,
                    const LayerChoice<PruneOptions>& choice) {
  Graph result = graph;
  std::vector<WeightEdge> edges = WeightEdges(result);
  // From the last layer back, so that earlier node indices stay true.
  for (size_t e = edges.size(); e-- > 0;) {
    if (edges[e].frozen) continue;
    const TensorId id = EdgeParameter(result, edges[e]);
    const Tensor weight = result.tensor(id);
    const std::optional<PruneOptions> options =
        choice(result.node(edges[e].node), weight);
    if (!options) continue;
    const std::vector<float> ones(
        static_cast<size_t>(weight.shape.NumElements()), 1.0f);
    const TensorId mask = result.AddConstant<float>(
        weight.name + "/mask", weight.shape, ones, TensorKind::kState);
    Node& node = result.node(
        Splice(&result, edges[e], kPruneMask, weight.name + "/prune", {mask}));
    node.Set(prune_mask::kSchedule, options->schedule);
    node.SetFloat(prune_mask::kInitialSparsity, options->initial_sparsity);
    node.SetFloat(prune_mask::kFinalSparsity, options->final_sparsity);
    node.Set(prune_mask::kBeginStep, options->begin_step);
    node.Set(prune_mask::kEndStep, options->end_step);
    node.Set(prune_mask::kFrequency, options->frequency);
    node.SetFloat(prune_mask::kPower, options->power);
    node.Set(prune_mask::kBlockHeight, options->block_height);
    node.Set(prune_mask::kBlockWidth, options->block_width);
    node.Set(prune_mask::kBlockPooling, options->block_pooling);
    node.Set(prune_mask::kGroupZeros, options->group_zeros);
    node.Set(prune_mask::kGroupSize, options->group_size);
  }
  MakeNamesUnique(&result);
  InferShapes(&result);
  return result;
}

}  // namespace litesmith
