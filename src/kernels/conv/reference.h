// CONV_2D, the reference twins: plain loops in the reference's order, any
// group count, stride, dilation and padding. Weights are OHWI. Follows
// specs/tflite.md 2.3 and 3.3 (column REF).
#ifndef LITESMITH_KERNELS_CONV_REFERENCE_H_
#define LITESMITH_KERNELS_CONV_REFERENCE_H_

#include <cstdint>
#include <span>

#include "src/kernels/common/requantize.h"
#include "src/kernels/common/window.h"

namespace litesmith {

// y = clamp(sum w * x + bias, lo, hi) for `images` images; bias may be null.
void Conv2DF32F32Ref(const Window& window, int images, const float* x,
                     const float* weights, const float* bias, float lo,
                     float hi, float* y);

// acc = sum w * (x - zero_point) + bias, in int32.
void Conv2DS8S8Ref(const Window& window, int images, const int8_t* x,
                   const int8_t* weights, const int32_t* bias, int32_t x_zero,
                   const Requantizer& requantizer, int8_t* y);

// 16-bit activations with zero point 0. At most one of the biases is not null.
// The accumulator is int64 (requantizer.method says what becomes of it).
void Conv2DS16S8Ref(const Window& window, int images, const int16_t* x,
                    const int8_t* weights, const int32_t* bias32,
                    const int64_t* bias64, const Requantizer& requantizer,
                    int16_t* y);

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
