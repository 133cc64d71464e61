// The loops, one multiplication after the other.
#include "src/kernels/conv/reference.h"

#include <algorithm>

#include "src/kernels/quantize/dynamic.h"

namespace litesmith {
namespace {

// Calls emit(o, y_index, sum) for every output of one image, where sum is the
// sum of mul(x, w) over the taps inside the image, in the order y, x, channel.
template <typename X, typename W, typename Sum, typename Mul, typename Emit>
void ForEachOutput(const Window& g, const X* x, const W* weights, Sum zero,
                   const Mul& mul, const Emit& emit) {
  const int groups = g.filter_c > 0 ? g.in_c / g.filter_c : 1;
  const int group_out = groups > 0 ? g.out_c / groups : g.out_c;
  int64_t index = 0;
  for (int oy = 0; oy < g.out_h; ++oy) {
    for (int ox = 0; ox < g.out_w; ++ox) {
      for (int o = 0; o < g.out_c; ++o) {
        const int first_c = o / std::max(group_out, 1) * g.filter_c;
        const W* w = weights + o * g.taps();
        Sum sum = zero;
        for (int ky = 0; ky < g.filter_h; ++ky) {
          const int iy = oy * g.stride_h - g.pad_top + ky * g.dilation_h;
          for (int kx = 0; kx < g.filter_w; ++kx, w += g.filter_c) {
            const int ix = ox * g.stride_w - g.pad_left + kx * g.dilation_w;
            if (iy < 0 || iy >= g.in_h || ix < 0 || ix >= g.in_w) continue;
            const X* pixel = x + (int64_t{iy} * g.in_w + ix) * g.in_c + first_c;
            for (int c = 0; c < g.filter_c; ++c) {
              sum += mul(pixel[c], w[c]);
            }
          }
        }
        emit(o, index++, sum);
      }
    }
  }
}

}  // namespace

void Conv2DF32F32Ref(const Window& g, int images, const float* x,
                     const float* weights, const float* bias, float lo,
                     float hi, float* y) {
  for (int n = 0; n < images; ++n, x += g.in_size(), y += g.out_size()) {
    ForEachOutput(
        g, x, weights, 0.0f, [](float a, float b) { return a * b; },
        [&](int o, int64_t i, float sum) {
          y[i] = std::clamp(sum + (bias != nullptr ? bias[o] : 0.0f), lo, hi);
        });
  }
}

void Conv2DS8S8Ref(const Window& g, int images, const int8_t* x,
                   const int8_t* weights, const int32_t* bias, int32_t x_zero,
                   const Requantizer& requantizer, int8_t* y) {
  for (int n = 0; n < images; ++n, x += g.in_size(), y += g.out_size()) {
    // |w * (x - zero)| <= 128 * 255; the int64 sum cannot overflow, and is
    // wrapped to the reference's int32 in the requantizer.
    ForEachOutput(
        g, x, weights, int64_t{0},
        [&](int8_t a, int8_t b) { return (a - x_zero) * b; },
        [&](int o, int64_t i, int64_t sum) {
          sum += bias != nullptr ? bias[o] : 0;
          y[i] = static_cast<int8_t>(requantizer.Apply(sum, o));
        });
  }
}

void Conv2DS16S8Ref(const Window& g, int images, const int16_t* x,
                    const int8_t* weights, const int32_t* bias32,
                    const int64_t* bias64, const Requantizer& requantizer,
                    int16_t* y) {
  for (int n = 0; n < images; ++n, x += g.in_size(), y += g.out_size()) {
    ForEachOutput(
        g, x, weights, int64_t{0},
        [](int16_t a, int8_t b) { return int32_t{a} * b; },
        [&](int o, int64_t i, int64_t sum) {
          if (bias32 != nullptr) sum += bias32[o];
          if (bias64 != nullptr) sum += bias64[o];
          y[i] = static_cast<int16_t>(requantizer.Apply(sum, o));
        });
  }
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
        g, quantized, weights, int32_t{0},
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
