// The loops, one multiplication after the other.
#include "src/kernels/depthwise/reference.h"

#include <algorithm>

#include "src/kernels/quantize/dynamic.h"

namespace litesmith {
namespace {

// Calls emit(o, y_index, sum) for every output of one image, where sum is the
// sum of mul(x, w) over the taps inside the image, row by row.
template <typename X, typename W, typename Sum, typename Mul, typename Emit>
void ForEachOutput(const Window& g, const X* x, const W* weights, Sum zero,
                   const Mul& mul, const Emit& emit) {
  const int multiplier = g.out_c / g.in_c;
  int64_t index = 0;
  for (int oy = 0; oy < g.out_h; ++oy) {
    for (int ox = 0; ox < g.out_w; ++ox) {
      for (int o = 0; o < g.out_c; ++o) {
        const X* channel = x + o / multiplier;
        const W* w = weights + o;
        Sum sum = zero;
        for (int ky = 0; ky < g.filter_h; ++ky) {
          const int64_t iy =
              int64_t{oy} * g.stride_h - g.pad_top + int64_t{ky} * g.dilation_h;
          for (int kx = 0; kx < g.filter_w; ++kx, w += g.out_c) {
            const int64_t ix = int64_t{ox} * g.stride_w - g.pad_left +
                               int64_t{kx} * g.dilation_w;
            if (iy < 0 || iy >= g.in_h || ix < 0 || ix >= g.in_w) continue;
            sum += mul(channel[(iy * g.in_w + ix) * g.in_c], *w);
          }
        }
        emit(o, index++, sum);
      }
    }
  }
}

}  // namespace

void DepthwiseF32F32Ref(const Window& g, int images, const float* x,
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

void DepthwiseS8S8Ref(const Window& g, int images, const int8_t* x,
                      const int8_t* weights, const int32_t* bias,
                      int32_t x_zero, const Requantizer& requantizer,
                      int8_t* y) {
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

void DepthwiseS16S8Ref(const Window& g, int images, const int16_t* x,
                       const int8_t* weights, const int64_t* bias,
                       const Requantizer& requantizer, int16_t* y) {
  for (int n = 0; n < images; ++n, x += g.in_size(), y += g.out_size()) {
    ForEachOutput(
        g, x, weights, int64_t{0},
        [](int16_t a, int8_t b) { return int32_t{a} * b; },
        [&](int o, int64_t i, int64_t sum) {
          sum += bias != nullptr ? bias[o] : 0;
          y[i] = static_cast<int16_t>(requantizer.Apply(sum, o));
        });
  }
}

void DepthwiseF32S8Ref(const Window& g, int images, const float* x,
                       const int8_t* weights, const float* bias,
                       std::span<const float> scales, float lo, float hi,
                       int8_t* quantized, float* y) {
  for (int n = 0; n < images; ++n, x += g.in_size(), y += g.out_size()) {
    const DynamicScale s = QuantizeAsymmetric(x, g.in_size(), quantized);
    // |w * (q - zero)| <= 128 * 255: 65,793 taps fit an int32.
    ForEachOutput(
        g, quantized, weights, int32_t{0},
        [&](int8_t a, int8_t b) { return (a - s.zero_point) * b; },
        [&](int o, int64_t i, int32_t sum) {
          const float real = static_cast<float>(sum) *
                             (scales[static_cast<size_t>(o)] * s.scale);
          y[i] = std::clamp(real + (bias != nullptr ? bias[o] : 0.0f), lo, hi);
        });
  }
}

}  // namespace litesmith
