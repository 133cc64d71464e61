// Depthwise convolutions of filters [1, h, w, channels], by
// common/direct_conv.h.
#include "src/kernels/depthwise/reference.h"

#include "src/kernels/common/direct_conv.h"
#include "src/kernels/quantize/dynamic.h"

namespace litesmith {
namespace {

// The filters' taps side by side, each of one channel.
struct Depthwise : SlidingWindow {
  DirectFilter Filter(int o) const {
    return {.first = o,
            .step = g.out_c,
            .first_c = o / (g.out_c / g.in_c),
            .channels = 1};
  }
};

}  // namespace

void DepthwiseF32F32Ref(const Window& g, int images, const float* x,
                        const float* weights, const float* bias, float lo,
                        float hi, float* y) {
  DirectF32F32(g, Depthwise{{g}}, images, x, weights, bias, lo, hi, y);
}

template <typename X, typename W>
void DepthwiseIntegerRef(const Window& g, int images, const X* x,
                         const W* weights, LayerBias bias, LayerZeros zeros,
                         const Requantizer& requantizer, X* y) {
  DirectInteger(g, Depthwise{{g}}, images, x, weights, bias, zeros, requantizer,
                y);
}
template void DepthwiseIntegerRef(const Window&, int, const int8_t*,
                                  const int8_t*, LayerBias, LayerZeros,
                                  const Requantizer&, int8_t*);
template void DepthwiseIntegerRef(const Window&, int, const uint8_t*,
                                  const uint8_t*, LayerBias, LayerZeros,
                                  const Requantizer&, uint8_t*);
template void DepthwiseIntegerRef(const Window&, int, const int16_t*,
                                  const int8_t*, LayerBias, LayerZeros,
                                  const Requantizer&, int16_t*);

void DepthwiseF32S8Ref(const Window& g, int images, const float* x,
                       const int8_t* weights, const float* bias,
                       std::span<const float> scales, float lo, float hi,
                       int8_t* quantized, float* y) {
  DirectF32S8(
      g, Depthwise{{g}}, images, x, weights, bias, scales, QuantizeAsymmetric,
      [](float acc, float w_scale, float x_scale) {
        return acc * (w_scale * x_scale);
      },
      lo, hi, quantized, y);
}

}  // namespace litesmith
