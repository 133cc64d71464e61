// Convolutions as they are written down, one multiplication after the other:
// what the reference kernels of all kinds of convolutions are made of.
//
// A kind of convolution is a struct of three functions of a Window:
//   Row(oy, ky), Column(ox, kx)  where a tap of an output's window lies in the
//                                image; outside of it, it contributes nothing
//   Filter(o)                    where an output channel's weights lie
#ifndef LITESMITH_KERNELS_COMMON_DIRECT_CONV_H_
#define LITESMITH_KERNELS_COMMON_DIRECT_CONV_H_

#include <algorithm>
#include <cstdint>
#include <span>

#include "src/kernels/common/integer_layer.h"
#include "src/kernels/common/requantize.h"
#include "src/kernels/common/window.h"
#include "src/kernels/quantize/dynamic.h"

namespace litesmith {

// Where an output channel's weights lie, and the input channels they are for.
struct DirectFilter {
  int64_t first = 0;  // of the weights: those of the first tap
  int64_t step = 0;   // from tap to tap
  int first_c = 0;    // of the input channels
  int channels = 1;   // side by side in both
};

// The places of a window that slides over the image.
struct SlidingWindow {
  const Window& g;
  int64_t Row(int oy, int ky) const {
    return int64_t{oy} * g.stride_h - g.pad_top + int64_t{ky} * g.dilation_h;
  }
  int64_t Column(int ox, int kx) const {
    return int64_t{ox} * g.stride_w - g.pad_left + int64_t{kx} * g.dilation_w;
  }
};

// Calls emit(o, y_index, sum) for every output of one image, where sum is the
// sum of mul(x, w) over the taps inside the image, in the order y, x, channel.
template <class Kind, typename X, typename W, typename Sum, typename Mul,
          typename Emit>
void ForEachOutput(const Window& g, const Kind& kind, const X* x,
                   const W* weights, Sum zero, const Mul& mul,
                   const Emit& emit) {
  int64_t index = 0;
  for (int oy = 0; oy < g.out_h; ++oy) {
    for (int ox = 0; ox < g.out_w; ++ox) {
      for (int o = 0; o < g.out_c; ++o) {
        const DirectFilter filter = kind.Filter(o);
        int64_t tap = filter.first;
        Sum sum = zero;
        for (int ky = 0; ky < g.filter_h; ++ky) {
          const int64_t iy = kind.Row(oy, ky);
          for (int kx = 0; kx < g.filter_w; ++kx, tap += filter.step) {
            const int64_t ix = kind.Column(ox, kx);
            if (iy < 0 || iy >= g.in_h || ix < 0 || ix >= g.in_w) continue;
            const X* pixel = x + (iy * g.in_w + ix) * g.in_c + filter.first_c;
            const W* w = weights + tap;
            for (int c = 0; c < filter.channels; ++c)
              sum += mul(pixel[c], w[c]);
          }
        }
        emit(o, index++, sum);
      }
    }
  }
}

// y = clamp(sum w * x + bias, lo, hi); bias may be null.
template <class Kind>
void DirectF32F32(const Window& g, const Kind& kind, int images, const float* x,
                  const float* weights, const float* bias, float lo, float hi,
                  float* y) {
  for (int n = 0; n < images; ++n, x += g.in_size(), y += g.out_size()) {
    ForEachOutput(
        g, kind, x, weights, 0.0f, [](float a, float b) { return a * b; },
        [&](int o, int64_t i, float sum) {
          y[i] = std::clamp(sum + (bias != nullptr ? bias[o] : 0.0f), lo, hi);
        });
  }
}

// acc = sum (w - w_zero) * (x - x_zero) + bias: of bytes, or of int16 with
// int8 weights and no zero points. |product| <= 255 * 255 or 2^22: the int64
// sum cannot overflow; where the reference's has 32 bits, the requantizer wraps
// it.
template <class Kind, typename X, typename W>
void DirectInteger(const Window& g, const Kind& kind, int images, const X* x,
                   const W* weights, LayerBias bias, LayerZeros zeros,
                   const Requantizer& requantizer, X* y) {
  for (int n = 0; n < images; ++n, x += g.in_size(), y += g.out_size()) {
    ForEachOutput(
        g, kind, x, weights, int64_t{0},
        [&](X a, W b) { return (a - zeros.x) * (b - zeros.w); },
        [&](int o, int64_t i, int64_t sum) {
          y[i] = static_cast<X>(requantizer.Apply(sum + bias.Of(o), o));
        });
  }
}

// Hybrid: float activations quantized image by image to `quantized` (in_size
// bytes) by quantize(x, n, q); y = clamp(real(acc, w_scale, x_scale) + bias).
// |w * (q - zero)| <= 128 * 255: 65,793 taps fit an int32, and more wrap.
template <class Kind, typename Quantize, typename Real>
void DirectF32S8(const Window& g, const Kind& kind, int images, const float* x,
                 const int8_t* weights, const float* bias,
                 std::span<const float> scales, const Quantize& quantize,
                 const Real& real, float lo, float hi, int8_t* quantized,
                 float* y) {
  for (int n = 0; n < images; ++n, x += g.in_size(), y += g.out_size()) {
    const DynamicScale s = quantize(x, g.in_size(), quantized);
    ForEachOutput(
        g, kind, quantized, weights, uint32_t{0},
        [&](int8_t a, int8_t b) {
          return static_cast<uint32_t>((a - s.zero_point) * b);
        },
        [&](int o, int64_t i, uint32_t sum) {
          const auto acc = static_cast<float>(static_cast<int32_t>(sum));
          y[i] = std::clamp(real(acc, scales[static_cast<size_t>(o)], s.scale) +
                                (bias != nullptr ? bias[o] : 0.0f),
                            lo, hi);
        });
  }
}

}  // namespace litesmith

#endif  // LITESMITH_KERNELS_COMMON_DIRECT_CONV_H_
