// A scale and an offset by channel, in front of a layer or behind it, put into
// its weights and its bias.
#ifndef LITESMITH_TRANSFORM_SCALE_LAYER_H_
#define LITESMITH_TRANSFORM_SCALE_LAYER_H_

#include "src/graph/graph.h"
#include "src/ops/train/batch_norm.h"

namespace litesmith {

// The layer that makes the tensor, with weights by output channel and a place
// for a bias; null if it is no layer.
const Node* LayerBefore(const Graph& graph, TensorId id);

// The layer that alone reads the tensor, as its data; null if there is none.
const Node* LayerBehind(const Graph& graph, TensorId id);

// Whether windows of the layer reach beyond its input, where zeros stand.
bool PadsItsInput(const Graph& graph, const Node& layer);

// How many output channels its stored weights have, and how many channels of
// its input they tell apart; 0 where that cannot be told (groups, weights that
// are computed, or shared by another layer).
int OutputChannels(const Graph& graph, const Node& layer);
int InputChannels(const Graph& graph, const Node& layer);

// Whether the layer's weights, times these scales of its input channels, are as
// good as integers as before: an output channel's share the steps of one scale,
// so that channels of other sizes would lose theirs. One of depth has a scale
// for each.
bool BearsScales(const Node& layer, const std::vector<double>& scales);

// w' = w * s and b' = b * s + t by output channel. A scale that the weights
// were trained on absorbs s: the integers stay, but for their sign where s is
// negative. The bias, if there is one, must be stored.
void ScaleOutputs(const ChannelScale& numbers, NodeId layer, Graph* graph);

// w' = w * s by input channel and b' = b + sum of w * t.
void ScaleInputs(const ChannelScale& numbers, NodeId layer, Graph* graph);

}  // namespace litesmith

#endif  // LITESMITH_TRANSFORM_SCALE_LAYER_H_
