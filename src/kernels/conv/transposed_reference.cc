// Transposed convolutions by common/direct_conv.h: from an output's view its
// taps run backwards over the image, so the last tap comes first.
#include <algorithm>

#include "src/kernels/common/direct_conv.h"
#include "src/kernels/conv/transposed.h"
#include "src/kernels/quantize/dynamic.h"

namespace litesmith {
namespace {

struct Transposed {
  const Window& g;
  // -1 where the strides leave the tap out.
  static int64_t Place(int out, int pad, int tap, int taps, int stride) {
    const int64_t at = int64_t{out} + pad - (taps - 1 - tap);
    return at % stride == 0 ? at / stride : -1;
  }
  int64_t Row(int oy, int ky) const {
    return Place(oy, g.pad_top, ky, g.filter_h, g.stride_h);
  }
  int64_t Column(int ox, int kx) const {
    return Place(ox, g.pad_left, kx, g.filter_w, g.stride_w);
  }
  DirectFilter Filter(int o) const {
    return {.first = (o + 1) * g.taps() - g.filter_c,
            .step = -g.filter_c,
            .first_c = 0,
            .channels = g.filter_c};
  }
};

// LiteRT sums its hybrid products as floats, each with the scale of its output
// channel: the one that is asked for its filter at the moment.
struct HybridTransposed : Transposed {
  std::span<const float> scales;
  mutable float w_scale = 0;
  DirectFilter Filter(int o) const {
    w_scale = scales[static_cast<size_t>(o)];
    return Transposed::Filter(o);
  }
};

}  // namespace

void TransposeConvF32F32Ref(const Window& g, int images, const float* x,
                            const float* weights, const float* bias, float lo,
                            float hi, float* y) {
  DirectF32F32(g, Transposed{g}, images, x, weights, bias, lo, hi, y);
}

template <typename X, typename W>
void TransposeConvIntegerRef(const Window& g, int images, const X* x,
                             const W* weights, LayerBias bias, LayerZeros zeros,
                             const Requantizer& requantizer, X* y) {
  DirectInteger(g, Transposed{g}, images, x, weights, bias, zeros, requantizer,
                y);
}
template void TransposeConvIntegerRef(const Window&, int, const int8_t*,
                                      const int8_t*, LayerBias, LayerZeros,
                                      const Requantizer&, int8_t*);
template void TransposeConvIntegerRef(const Window&, int, const uint8_t*,
                                      const uint8_t*, LayerBias, LayerZeros,
                                      const Requantizer&, uint8_t*);
template void TransposeConvIntegerRef(const Window&, int, const int16_t*,
                                      const int8_t*, LayerBias, LayerZeros,
                                      const Requantizer&, int16_t*);

void TransposeConvF32S8Ref(const Window& g, int images, const float* x,
                           const int8_t* weights, const float* bias,
                           std::span<const float> scales, float lo, float hi,
                           int8_t* quantized, float* y) {
  const HybridTransposed kind{{g}, scales};
  for (int n = 0; n < images; ++n, x += g.in_size(), y += g.out_size()) {
    const DynamicScale s = QuantizeAsymmetric(x, g.in_size(), quantized);
    ForEachOutput(
        g, kind, quantized, weights, 0.0f,
        [&](int8_t a, int8_t b) {
          const int product = (a - s.zero_point) * b;
          return static_cast<float>(product) * kind.w_scale * s.scale;
        },
        [&](int o, int64_t i, float sum) {
          y[i] = std::clamp(sum + (bias != nullptr ? bias[o] : 0.0f), lo, hi);
        });
  }
}

}  // namespace litesmith
