// Layers of images and of sequences, which are images of height 1: what their
// files share. Inside this folder.
#ifndef LITESMITH_FORMATS_KERAS_LAYERS_IMAGES_H_
#define LITESMITH_FORMATS_KERAS_LAYERS_IMAGES_H_

#include <array>
#include <string>
#include <vector>

#include "src/formats/keras/layer.h"
#include "src/formats/keras/nodes.h"

namespace litesmith {

// (height, width) of a layer of `spatial` dimensions, 1 or 2; one dimension is
// the width, given as a number or a list of one, and the height `other`.
std::array<int32_t, 2> SizesOf(const Json& config, const char* key, int spatial,
                               std::array<int32_t, 2> initial,
                               int32_t other = 1);
// As a config says them again.
std::vector<int32_t> SizesFor(int spatial, int32_t height, int32_t width);

// The input of rank spatial + 2, channels last. Throws Error{corrupt}.
Shape ImageOf(const LayerIn& in, int spatial);

// The input of a layer whose config has data_format channels_first, transposed
// to channels last and called "<name>/channels_last", and what comes out
// transposed back, "<name>/channels_first"; of other layers as it is.
template <typename Build>
std::vector<TensorId> InChannelsLast(LayerIn* in, const Build& build);
// The two halves of that.
bool IsChannelsFirst(const Json& config);
// Of channels on another axis than 1, likewise.
TensorId ToChannelsLast(const LayerIn& in, TensorId x, int32_t axis = 1);
TensorId ToChannelsFirst(const LayerIn& in, TensorId y, int32_t axis = 1);

template <typename Build>
std::vector<TensorId> InChannelsLast(LayerIn* in, const Build& build) {
  if (!IsChannelsFirst(in->config)) return build(in);
  in->inputs = {ToChannelsLast(*in, in->input())};
  std::vector<TensorId> outputs = build(in);
  return {ToChannelsFirst(*in, outputs[0])};
}

// A sequence [b, t, c] as an image [b, 1, t, c], called "<name>/expand", and an
// image as the sequence that the layer gives.
TensorId ExpandSequence(Nodes* nodes, TensorId x);
TensorId SqueezeSequence(Nodes* nodes, TensorId y);

}  // namespace litesmith

#endif  // LITESMITH_FORMATS_KERAS_LAYERS_IMAGES_H_
