// What the training kernels of a convolution and the max pool behind it share:
// the pool's geometry, the fused op's shape and work, which convolutions fit.
#ifndef LITESMITH_OPS_FUSIONS_CONV_2D_POOL_TRAIN_H_
#define LITESMITH_OPS_FUSIONS_CONV_2D_POOL_TRAIN_H_

#include "src/graph/graph.h"
#include "src/kernels/common/window.h"

namespace litesmith {

// The pool of [height, width] windows that do not overlap on the convolution's
// output, without padding.
Window PoolBehind(const Window& conv, int height, int width);

// The fused node's output: float32 of the pool's shape, the input's batch.
void InferPooled(const Window& pool, Graph* graph, const Node& node);

// Multiply-accumulates of the convolution, all of whose outputs are computed.
int64_t MacsBeforePool(const Graph& graph, const Node& node);

// CONV_2D of float32 without groups.
bool IsPlainFloatConv(const Graph& graph, const Node& conv);

// Whether a parameter is upstream of the tensor, so that its gradient is
// wanted.
bool IsTrained(const Graph& graph, TensorId id);

}  // namespace litesmith

#endif  // LITESMITH_OPS_FUSIONS_CONV_2D_POOL_TRAIN_H_
