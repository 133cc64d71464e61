// Which of a graph's tensors are weights, of which layer, along which axes; and
// what their values look like: zeros, distinct values. Counts what is stored in
// the file, not what it means.
#ifndef LITESMITH_GRAPH_WEIGHTS_H_
#define LITESMITH_GRAPH_WEIGHTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "src/graph/graph.h"

namespace litesmith {

// Weights and the layer that reads them: the first, if several do.
struct WeightRef {
  // The stored tensor; between it and the layer may stand a DEQUANTIZE or
  // training-only ops.
  TensorId parameter = kNoTensor;
  NodeId node = -1;
  int input = 0;  // of the node
  // Of the output channels, -1 if the weights have none; and of the input
  // channels.
  int8_t channel_axis = -1;
  int8_t input_axis = -1;
};

// The weights of all layers that are stored in the graph, in node order and
// each once; parameters that are multiplied or looked up as data are (tables of
// embeddings, matrices), are among them. Everybody who changes, checks or shows
// weights asks here.
std::vector<WeightRef> Weights(const Graph& graph);

// The float weights among them, which training-only ops are for.
std::vector<WeightRef> FloatWeights(const Graph& graph);

// Whether nothing trains the weights: they are constants.
bool IsFrozen(const Graph& graph, const WeightRef& weights);

// Whether a scale for each output channel is what the layer's weights always
// have (convolutions), and not only where it is asked for (dense layers).
bool HasScalePerChannel(const Graph& graph, const WeightRef& weights);

struct ValueCounts {
  int64_t values = 0;
  int64_t zeros = 0;     // equal to zero; of integers, to the zero point
  int64_t distinct = 0;  // by bits, but +0 and -0 are one
};

// Counts a tensor's stored values. The tensor has data.
ValueCounts CountValues(const Tensor& tensor);

// Zeros' share of all weights, 0 for a graph without any.
double WeightSparsity(const Graph& graph);

// The first weight or other stored float that is NaN or infinite, in words:
// "tensor 'c1/kernel' [8,3,3,1]: element 17 of 72 is nan, not a finite number
// (3 of them are not)".
// Empty if there is none.
std::string FindNotFinite(const Graph& graph);

}  // namespace litesmith

#endif  // LITESMITH_GRAPH_WEIGHTS_H_
