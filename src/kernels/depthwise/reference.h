// DEPTHWISE_CONV_2D, the reference twins: plain loops in the reference's order,
// any multiplier, stride, dilation and padding. Output channel o reads input
// channel o / (out_c / in_c); weights are [filter_h, filter_w, out_c]. Follows
// specs/tflite.md 2.3 and 3.3 (column REF).
#ifndef LITESMITH_KERNELS_DEPTHWISE_REFERENCE_H_
#define LITESMITH_KERNELS_DEPTHWISE_REFERENCE_H_

#include <cstdint>
#include <span>

#include "src/kernels/common/integer_layer.h"
#include "src/kernels/common/requantize.h"
#include "src/kernels/common/window.h"

namespace litesmith {

// y = clamp(sum w * x + bias, lo, hi) for `images` images; bias may be null.
void DepthwiseF32F32Ref(const Window& window, int images, const float* x,
                        const float* weights, const float* bias, float lo,
                        float hi, float* y);

// acc = sum (w - w_zero) * (x - x_zero) + bias, for the types (X, W) of
// Conv2DIntegerRef.
template <typename X, typename W>
void DepthwiseIntegerRef(const Window& window, int images, const X* x,
                         const W* weights, LayerBias bias, LayerZeros zeros,
                         const Requantizer& requantizer, X* y);

// Hybrid: float activations quantized image by image to `quantized` (in_size
// bytes), always asymmetrically; y = acc * (w_scale * x_scale) + bias. `scales`
// holds one an output channel.
void DepthwiseF32S8Ref(const Window& window, int images, const float* x,
                       const int8_t* weights, const float* bias,
                       std::span<const float> scales, float lo, float hi,
                       int8_t* quantized, float* y);

}  // namespace litesmith

#endif  // LITESMITH_KERNELS_DEPTHWISE_REFERENCE_H_
