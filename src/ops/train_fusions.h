// Rewrites of a bound training graph into ops that do the work of several
// nodes at once. A training plan applies them after binding.
#ifndef LITESMITH_OPS_TRAIN_FUSIONS_H_
#define LITESMITH_OPS_TRAIN_FUSIONS_H_

#include "src/graph/graph.h"

namespace litesmith {

// CONV_2D whose only reader is a MAX_POOL_2D of windows that do not overlap,
// without padding or activation, becomes kConv2DMaxPoolTrain. Returns whether
// the graph changed; ids may.
bool FuseConvMaxPoolForTraining(Graph* graph, SourceIds* source = nullptr);

// The same with a FAKE_QUANT of one moving or fixed range between the two, for
// the layers that kernels/train_conv_pool_narrow has: one input channel, ReLU,
// 2x2 pools of all outputs, and no gradient wanted of the input.
bool FuseConvFakeQuantMaxPoolForTraining(Graph* graph,
                                         SourceIds* source = nullptr);

// All of them. Parameters, inputs and outputs keep their order. `source`, if
// given, is kept true as by RemoveDeadNodes.
void ApplyTrainFusions(Graph* graph, SourceIds* source = nullptr);

}  // namespace litesmith

#endif  // LITESMITH_OPS_TRAIN_FUSIONS_H_
