// Interpolations as sums of pixels. Inside this folder.
#ifndef LITESMITH_FORMATS_KERAS_LAYERS_RESIZE_H_
#define LITESMITH_FORMATS_KERAS_LAYERS_RESIZE_H_

#include <cstdint>
#include <string>
#include <vector>

namespace litesmith {

// What each of `out` pixels is of `in` ones, [out, in], as tf.image.resize has
// it without antialiasing: bicubic, area, lanczos3, lanczos5, gaussian and
// mitchellcubic. Empty for others.
std::vector<float> ResizeWeights(const std::string& interpolation, int32_t in,
                                 int32_t out);

}  // namespace litesmith

#endif  // LITESMITH_FORMATS_KERAS_LAYERS_RESIZE_H_
