// CONV_2D, the reference twins: plain loops in the reference's order, any
// group count, stride, dilation and padding. Weights are OHWI. Follows
// specs/tflite.md 2.3 and 3.3 (column REF).
#ifndef LITESMITH_KERNELS_CONV_REFERENCE_H_
#define LITESMITH_KERNELS_CONV_REFERENCE_H_

#include <cstdint>
#include <span>

#include "src/kernels/common/integer_layer.h"
#include "src/kernels/common/requantize.h"
#include "src/kernels/common/window.h"

namespace litesmith {

// y = clamp(sum w * x + bias, lo, hi) for `images` images; bias may be null.
void Conv2DF32F32Ref(const Window& window, int images, const float* x,
                     const float* weights, const float* bias, float lo,
                     float hi, float* y);

// acc = sum (w - w_zero) * (x - x_zero) + bias, of int8 with int8, of uint8
// with uint8, and without zero points of int16 with int8 (X, W). The
// requantizer's method says whether the accumulator has 32 or 64 bits.
template <typename X, typename W>
void Conv2DIntegerRef(const Window& window, int images, const X* x,
                      const W* weights, LayerBias bias, LayerZeros zeros,
                      const Requantizer& requantizer, X* y);

// Hybrid: float activations quantized image by image to `quantized` (in_size
// bytes). Several different scales: asymmetric, (acc * w_scale) * x_scale;
// else symmetric, acc * (x_scale * w_scale). `scales` holds one an output
// channel.
void Conv2DF32S8Ref(const Window& window, int images, const float* x,
                    const int8_t* weights, const float* bias,
                    std::span<const float> scales, bool per_channel, float lo,
                    float hi, int8_t* quantized, float* y);

}  // namespace litesmith

#endif  // LITESMITH_KERNELS_CONV_REFERENCE_H_
