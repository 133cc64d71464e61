// What several layer rows share: weights, activations, paddings.
#ifndef LITESMITH_FORMATS_KERAS_LAYER_PARTS_H_
#define LITESMITH_FORMATS_KERAS_LAYER_PARTS_H_

#include <cstdint>
#include <vector>

#include "src/formats/keras/layers.h"

namespace litesmith {

// Adds the layer's kernel, which must have the Keras shape `dims` (HWIO or
// [in, out]), as '<layer>/kernel' in the graph's layout (OHWI or [out, in]): a
// parameter, or a constant where the layer is frozen.
TensorId AddKernel(const LayerContext& layer, const std::vector<int32_t>& dims);
// Adds '<layer>/bias' likewise, or nothing where the layer has none
// (use_bias: false), and appends it to the node's inputs.
void AddBias(const LayerContext& layer, int32_t n,
             std::vector<TensorId>* inputs);

// Infers the last node's output and gives it.
TensorId InferLast(Graph* graph);

// Throws Error{unsupported} for channels_first.
void CheckChannelsLast(const Json& config);
// kSame or kValid.
int64_t PaddingOf(const Json& config);
// The config's "activation" as an Activation. Throws Error{unsupported} for
// others than linear, relu and relu6.
int64_t ActivationOf(const Json& config);
// The same for a ReLU layer's config.
int64_t ReluOf(const Json& config);

// Puts an activation layer into the node that made its input. Throws
// Error{unsupported} where it cannot go there: there is no RELU op.
TensorId FuseActivation(const LayerContext& layer, int64_t activation);

}  // namespace litesmith

#endif  // LITESMITH_FORMATS_KERAS_LAYER_PARTS_H_
