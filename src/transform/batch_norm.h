// Batch normalization on its way into a .tflite file, which has no such op: it
// goes into the layer that makes its input, else into the one that reads its
// output, else it becomes MUL and ADD.
#ifndef LITESMITH_TRANSFORM_BATCH_NORM_H_
#define LITESMITH_TRANSFORM_BATCH_NORM_H_

#include "src/graph/graph.h"

namespace litesmith {

// Whether the node is a batch normalization that goes into the layer before it:
// nothing else reads that layer's output or weights, it has no activation of
// its own, and no range was learned in between.
bool GoesIntoLayerBefore(const Graph& graph, const Node& node);

// Whether it goes into the layer behind it, the only one that reads it: one
// without padding, as that would be normalized too, with plain weights of its
// own that share no values, as each input channel of them takes another scale.
bool GoesIntoLayerBehind(const Graph& graph, const Node& node);

// Whether the one reader of the node's output is one that goes into it.
bool TakesBatchNorm(const Graph& graph, const Node& node);

// Makes MUL and ADD of those that do not go into a layer. Tensors keep their
// ids; ids of what is new depend on nothing that training-only ops change, so
// that calibration and conversion agree on them.
Graph SplitBatchNorms(const Graph& graph);

// Likewise of those that go into the layer behind them, but make its errors
// half larger: its weights of 8 bits lose what activations of 16 bits keep.
Graph SplitCostlyBatchNorms(const Graph& graph);

// Puts the others into their layers. With y = x * s + t, one before it has
// w' = w * s and b' = b * s + t by output channel, one behind it w' = w * s by
// input channel and b' = b + sum of w * t. A scale that the weights were
// trained on absorbs s: the integers stay, but for their sign where s is
// negative, and zeros and clusters with them. For graphs without training-only
// ops on the weights.
Graph FoldBatchNorms(const Graph& graph);

bool HasBatchNorms(const Graph& graph);

// Whether batch normalizations, in training too, keep their moments and work by
// these. Gives whether there are any. The graph is otherwise as it was.
bool FreezeBatchNorms(bool frozen, Graph* graph);

}  // namespace litesmith

#endif  // LITESMITH_TRANSFORM_BATCH_NORM_H_
