// Convolutions as they are written down, one multiplication after the other:
// what the reference kernels of all kinds of convolutions are made of.
#ifndef LITESMITH_KERNELS_COMMON_DIRECT_CONV_H_
#define LITESMITH_KERNELS_COMMON_DIRECT_CONV_H_

#include <algorithm>
#include <cstdint>

#include "src/kernels/common/requantize.h"
#include "src/kernels/common/window.h"

namespace litesmith {

// Where an output channel's weights lie, and the input channels they are for.
struct DirectFilter {
  int64_t first = 0;  // of the weights: those of the first tap
  int64_t step = 0;   // from tap to tap
  int first_c = 0;    // of the input channels
  int channels = 1;   // side by side in both
};

// Calls emit(o, y_index, sum) for every output of one image, where sum is the
// sum of mul(x, w) over the taps inside the image, in the order y, x, channel.
// filter_of(o) is a DirectFilter.
template <typename X, typename W, typename Sum, typename FilterOf, typename Mul,
          typename Emit>
void ForEachOutput(const Window& g, const X* x, const W* weights,
                   const FilterOf& filter_of, Sum zero, const Mul& mul,
                   const Emit& emit) {
  int64_t index = 0;
  for (int oy = 0; oy < g.out_h; ++oy) {
    for (int ox = 0; ox < g.out_w; ++ox) {
      for (int o = 0; o < g.out_c; ++o) {
        const DirectFilter filter = filter_of(o);
        const W* w = weights + filter.first;
        Sum sum = zero;
        for (int ky = 0; ky < g.filter_h; ++ky) {
          const int64_t iy =
              int64_t{oy} * g.stride_h - g.pad_top + int64_t{ky} * g.dilation_h;
          for (int kx = 0; kx < g.filter_w; ++kx, w += filter.step) {
            const int64_t ix = int64_t{ox} * g.stride_w - g.pad_left +
                               int64_t{kx} * g.dilation_w;
            if (iy < 0 || iy >= g.in_h || ix < 0 || ix >= g.in_w) continue;
            const X* pixel = x + (iy * g.in_w + ix) * g.in_c + filter.first_c;
            for (int c = 0; c < filter.channels; ++c)
              sum += mul(pixel[c], w[c]);
          }
        }
        emit(o, index++, sum);
      }
    }
  }
}

template <typename FilterOf>
void DirectF32F32(const Window& g, int images, const float* x,
                  const float* weights, const FilterOf& filter_of,
                  const float* bias, float lo, float hi, float* y) {
  for (int n = 0; n < images; ++n, x += g.in_size(), y += g.out_size()) {
    ForEachOutput(
        g, x, weights, filter_of, 0.0f, [](float a, float b) { return a * b; },
        [&](int o, int64_t i, float sum) {
          y[i] = std::clamp(sum + (bias != nullptr ? bias[o] : 0.0f), lo, hi);
        });
  }
}

template <typename FilterOf>
void DirectS8S8(const Window& g, int images, const int8_t* x,
                const int8_t* weights, const FilterOf& filter_of,
                const int32_t* bias, int32_t x_zero,
                const Requantizer& requantizer, int8_t* y) {
  for (int n = 0; n < images; ++n, x += g.in_size(), y += g.out_size()) {
    // |w * (x - zero)| <= 128 * 255; the int64 sum cannot overflow, and is
    // wrapped to the reference's int32 in the requantizer.
    ForEachOutput(
        g, x, weights, filter_of, int64_t{0},
        [&](int8_t a, int8_t b) { return (a - x_zero) * b; },
        [&](int o, int64_t i, int64_t sum) {
          sum += bias != nullptr ? bias[o] : 0;
          y[i] = static_cast<int8_t>(requantizer.Apply(sum, o));
        });
  }
}

// One of the biases, or neither.
template <typename FilterOf>
void DirectS16S8(const Window& g, int images, const int16_t* x,
                 const int8_t* weights, const FilterOf& filter_of,
                 const int32_t* bias32, const int64_t* bias64,
                 const Requantizer& requantizer, int16_t* y) {
  for (int n = 0; n < images; ++n, x += g.in_size(), y += g.out_size()) {
    ForEachOutput(
        g, x, weights, filter_of, int64_t{0},
        [](int16_t a, int8_t b) { return int32_t{a} * b; },
        [&](int o, int64_t i, int64_t sum) {
          if (bias32 != nullptr) sum += bias32[o];
          if (bias64 != nullptr) sum += bias64[o];
          y[i] = static_cast<int16_t>(requantizer.Apply(sum, o));
        });
  }
}

}  // namespace litesmith

#endif  // LITESMITH_KERNELS_COMMON_DIRECT_CONV_H_
