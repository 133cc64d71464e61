// Convolutions of filters OHWI, with groups, by common/direct_conv.h.
#include "src/kernels/conv/reference.h"

#include <algorithm>

#include "src/kernels/common/direct_conv.h"
#include "src/kernels/quantize/dynamic.h"

namespace litesmith {
namespace {

// Filters one after another, each of filter_c channels of its group.
struct Grouped : SlidingWindow {
  int group_out;
  explicit Grouped(const Window& window)
      : SlidingWindow{window}, group_out(std::max(g.out_c / g.groups(), 1)) {}
  DirectFilter Filter(int o) const {
    return {.first = o * g.taps(),
            .step = g.filter_c,
            .first_c = o / group_out * g.filter_c,
            .channels = g.filter_c};
  }
};

}  // namespace

void Conv2DF32F32Ref(const Window& g, int images, const float* x,
                     const float* weights, const float* bias, float lo,
                     float hi, float* y) {
  DirectF32F32(g, Grouped(g), images, x, weights, bias, lo, hi, y);
}

template <typename X, typename W>
void Conv2DIntegerRef(const Window& g, int images, const X* x, const W* weights,
                      LayerBias bias, LayerZeros zeros,
                      const Requantizer& requantizer, X* y) {
  DirectInteger(g, Grouped(g), images, x, weights, bias, zeros, requantizer, y);
}
template void Conv2DIntegerRef(const Window&, int, const int8_t*, const int8_t*,
                               LayerBias, LayerZeros, const Requantizer&,
                               int8_t*);
template void Conv2DIntegerRef(const Window&, int, const uint8_t*,
                               const uint8_t*, LayerBias, LayerZeros,
                               const Requantizer&, uint8_t*);
template void Conv2DIntegerRef(const Window&, int, const int16_t*,
                               const int8_t*, LayerBias, LayerZeros,
                               const Requantizer&, int16_t*);

void Conv2DF32S8Ref(const Window& g, int images, const float* x,
                    const int8_t* weights, const float* bias,
                    std::span<const float> scales, bool per_channel, float lo,
                    float hi, int8_t* quantized, float* y) {
  DirectF32S8(
      g, Grouped(g), images, x, weights, bias, scales,
      per_channel ? QuantizeAsymmetric : QuantizeSymmetric,
      [per_channel](float acc, float w_scale, float x_scale) {
        return per_channel ? acc * w_scale * x_scale
                           : acc * (x_scale * w_scale);
      },
      lo, hi, quantized, y);
}

}  // namespace litesmith
