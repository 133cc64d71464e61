// Depthwise convolutions of filters [1, h, w, channels], by
// common/direct_conv.h.
#include "src/kernels/depthwise/reference.h"

#include <algorithm>

#include "src/kernels/common/direct_conv.h"
#include "src/kernels/quantize/dynamic.h"

namespace litesmith {
namespace {

// The filters' taps side by side, each of one channel.
auto FilterOf(const Window& g) {
  return [&g, multiplier = g.out_c / g.in_c](int o) {
    return DirectFilter{
        .first = o, .step = g.out_c, .first_c = o / multiplier, .channels = 1};
  };
}

}  // namespace

void DepthwiseF32F32Ref(const Window& g, int images, const float* x,
                        const float* weights, const float* bias, float lo,
                        float hi, float* y) {
  DirectF32F32(g, images, x, weights, FilterOf(g), bias, lo, hi, y);
}

void DepthwiseS8S8Ref(const Window& g, int images, const int8_t* x,
                      const int8_t* weights, const int32_t* bias,
                      int32_t x_zero, const Requantizer& requantizer,
                      int8_t* y) {
  DirectS8S8(g, images, x, weights, FilterOf(g), bias, x_zero, requantizer, y);
}

void DepthwiseS16S8Ref(const Window& g, int images, const int16_t* x,
                       const int8_t* weights, const int64_t* bias,
                       const Requantizer& requantizer, int16_t* y) {
  DirectS16S8(g, images, x, weights, FilterOf(g), nullptr, bias, requantizer,
              y);
}

void DepthwiseF32S8Ref(const Window& g, int images, const float* x,
                       const int8_t* weights, const float* bias,
                       std::span<const float> scales, float lo, float hi,
                       int8_t* quantized, float* y) {
  for (int n = 0; n < images; ++n, x += g.in_size(), y += g.out_size()) {
    const DynamicScale s = QuantizeAsymmetric(x, g.in_size(), quantized);
    // |w * (q - zero)| <= 128 * 255: 65,793 taps fit an int32.
    ForEachOutput(
        g, quantized, weights, FilterOf(g), int32_t{0},
        [&](int8_t a, int8_t b) { return (a - s.zero_point) * b; },
        [&](int o, int64_t i, int32_t sum) {
          const float real = static_cast<float>(sum) *
                             (scales[static_cast<size_t>(o)] * s.scale);
          y[i] = std::clamp(real + (bias != nullptr ? bias[o] : 0.0f), lo, hi);
        });
  }
}

}  // namespace litesmith
