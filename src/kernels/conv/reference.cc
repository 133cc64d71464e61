// Convolutions of filters OHWI, with groups, by common/direct_conv.h.
#include "src/kernels/conv/reference.h"

#include <algorithm>

#include "src/kernels/common/direct_conv.h"
#include "src/kernels/quantize/dynamic.h"

namespace litesmith {
namespace {

// Filters one after another, each of filter_c channels of its group.
auto FilterOf(const Window& g) {
  const int groups = g.filter_c > 0 ? g.in_c / g.filter_c : 1;
  const int group_out = groups > 0 ? g.out_c / groups : g.out_c;
  return [&g, group_out](int o) {
    return DirectFilter{.first = o * g.taps(),
                        .step = g.filter_c,
                        .first_c = o / std::max(group_out, 1) * g.filter_c,
                        .channels = g.filter_c};
  };
}

}  // namespace

void Conv2DF32F32Ref(const Window& g, int images, const float* x,
                     const float* weights, const float* bias, float lo,
                     float hi, float* y) {
  DirectF32F32(g, images, x, weights, FilterOf(g), bias, lo, hi, y);
}

void Conv2DS8S8Ref(const Window& g, int images, const int8_t* x,
                   const int8_t* weights, const int32_t* bias, int32_t x_zero,
                   const Requantizer& requantizer, int8_t* y) {
  DirectS8S8(g, images, x, weights, FilterOf(g), bias, x_zero, requantizer, y);
}

void Conv2DS16S8Ref(const Window& g, int images, const int16_t* x,
                    const int8_t* weights, const int32_t* bias32,
                    const int64_t* bias64, const Requantizer& requantizer,
                    int16_t* y) {
  DirectS16S8(g, images, x, weights, FilterOf(g), bias32, bias64, requantizer,
              y);
}

void Conv2DF32S8Ref(const Window& g, int images, const float* x,
                    const int8_t* weights, const float* bias,
                    std::span<const float> scales, bool per_channel, float lo,
                    float hi, int8_t* quantized, float* y) {
  for (int n = 0; n < images; ++n, x += g.in_size(), y += g.out_size()) {
    const DynamicScale s = per_channel
                               ? QuantizeAsymmetric(x, g.in_size(), quantized)
                               : QuantizeSymmetric(x, g.in_size(), quantized);
    ForEachOutput(
        g, quantized, weights, FilterOf(g), int32_t{0},
        [&](int8_t a, int8_t b) { return (a - s.zero_point) * b; },
        [&](int o, int64_t i, int32_t sum) {
          const float w_scale = scales[static_cast<size_t>(o)];
          const auto acc = static_cast<float>(sum);
          const float real =
              per_channel ? acc * w_scale * s.scale : acc * (s.scale * w_scale);
          y[i] = std::clamp(real + (bias != nullptr ? bias[o] : 0.0f), lo, hi);
        });
  }
}

}  // namespace litesmith
