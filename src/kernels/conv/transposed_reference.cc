// Transposed convolutions by common/direct_conv.h: from an output's view its
// taps run backwards over the image, so the last tap comes first.
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
  DirectF32S8(
      g, Transposed{g}, images, x, weights, bias, scales, QuantizeAsymmetric,
      [](float acc, float w_scale, float x_scale) {
        return acc * w_scale * x_scale;
      },
      lo, hi, quantized, y);
}

}  // namespace litesmith
