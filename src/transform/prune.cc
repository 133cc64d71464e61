// Pruning onto the weight edge (specs/tfmot.md 1).
#include <vector>

#include "src/base/error.h"
#include "src/ops/registry.h"
#include "src/ops/train/train.h"
#include "src/transform/training_ops.h"
#include "src/transform/weight_edge.h"

namespace litesmith {
namespace {

// The op's blocks are of a matrix [out, in], its groups of neighbours along the
// last axis.
void CheckAxes(const WeightRef& weights, const Tensor& weight,
               const PruneOptions& options) {
  const bool blocks = options.block.height > 1 || options.block.width > 1;
  if (blocks && (weight.shape.rank() != 2 || weights.channel_axis != 0)) {
    Fail(ErrorKind::kUnsupported,
         "tensor '{}': block pruning of weights {}; only [out, in] is "
         "supported",
         weight.name, weight.shape.ToString());
  }
  const bool last = weights.input_axis == weight.shape.rank() - 1;
  if (options.pattern.size > 0 && !last) {
    Fail(ErrorKind::kUnsupported,
         "tensor '{}': {}:{} pruning of weights {}; it is along the input "
         "channels, which must be their last dimension",
         weight.name, options.pattern.zeros, options.pattern.size,
         weight.shape.ToString());
  }
}

}  // namespace

void InsertPruning(Graph* graph, WeightRef weights,
                   const PruneOptions& options) {
  const Tensor weight = graph->tensor(weights.parameter);
  CheckAxes(weights, weight, options);
  const std::vector<float> ones(static_cast<size_t>(weight.shape.NumElements()),
                                1.0f);
  const TensorId mask = graph->AddConstant<float>(
      weight.name + "/mask", weight.shape, ones, TensorKind::kState);
  Node& node =
      InsertOnEdge(graph, &weights, kPruneMask, weight.name + "/prune", {mask});
  PruneMaskAttrs attrs;
  attrs.schedule = static_cast<prune_mask::Schedule>(options.schedule);
  attrs.initial_sparsity = options.initial_sparsity;
  attrs.final_sparsity = options.final_sparsity;
  attrs.begin_step = static_cast<int32_t>(options.begin_step);
  attrs.end_step = static_cast<int32_t>(options.end_step);
  attrs.frequency = static_cast<int32_t>(options.frequency);
  attrs.power = options.power;
  attrs.block_height = options.block.height;
  attrs.block_width = options.block.width;
  attrs.block_pooling =
      static_cast<prune_mask::BlockPooling>(options.block_pooling);
  if (options.pattern.size > 0) {
    attrs.schedule = prune_mask::kZerosInGroups;
    attrs.group_zeros = options.pattern.zeros;
    attrs.group_size = options.pattern.size;
  }
  Put(attrs, &node);
}

}  // namespace litesmith
