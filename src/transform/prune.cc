// Pruning onto the weight edge (specs/tfmot.md 1).
#include <vector>

#include "src/base/error.h"
#include "src/graph/names.h"
#include "src/ops/registry.h"
#include "src/ops/train/train.h"
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
    node.Set<&PruneMaskAttrs::schedule>(options->schedule);
    node.Set<&PruneMaskAttrs::initial_sparsity>(options->initial_sparsity);
    node.Set<&PruneMaskAttrs::final_sparsity>(options->final_sparsity);
    node.Set<&PruneMaskAttrs::begin_step>(options->begin_step);
    node.Set<&PruneMaskAttrs::end_step>(options->end_step);
    node.Set<&PruneMaskAttrs::frequency>(options->frequency);
    node.Set<&PruneMaskAttrs::power>(options->power);
    node.Set<&PruneMaskAttrs::block_height>(options->block_height);
    node.Set<&PruneMaskAttrs::block_width>(options->block_width);
    node.Set<&PruneMaskAttrs::block_pooling>(options->block_pooling);
    node.Set<&PruneMaskAttrs::group_zeros>(options->group_zeros);
    node.Set<&PruneMaskAttrs::group_size>(options->group_size);
  }
  MakeNamesUnique(&result);
  InferShapes(&result);
  return result;
}

}  // namespace litesmith
