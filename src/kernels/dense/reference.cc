// The loops, one multiplication after the other.
#include "src/kernels/dense/reference.h"

#include <algorithm>

#include "src/kernels/quantize/dynamic.h"

namespace litesmith {

void FullyConnectedF32F32Ref(DenseShape shape, int rows, const float* x,
                             const float* weights, const float* bias, float lo,
                             float hi, float* y) {
  for (int r = 0; r < rows; ++r, x += shape.depth) {
    const float* w = weights;
    for (int o = 0; o < shape.outputs; ++o, w += shape.depth) {
      float sum = 0;
      for (int i = 0; i < shape.depth; ++i) sum += x[i] * w[i];
      *y++ = std::clamp(sum + (bias != nullptr ? bias[o] : 0.0f), lo, hi);
    }
  }
}

template <typename X, typename W>
void FullyConnectedIntegerRef(DenseShape shape, int rows, const X* x,
                              const W* weights, LayerBias bias,
                              LayerZeros zeros, const Requantizer& requantizer,
                              X* y) {
  for (int r = 0; r < rows; ++r, x += shape.depth) {
    const W* w = weights;
    for (int o = 0; o < shape.outputs; ++o, w += shape.depth) {
      int64_t sum = bias.Of(o);
      for (int i = 0; i < shape.depth; ++i)
        sum += int64_t{x[i] - zeros.x} * (w[i] - zeros.w);
      if constexpr (sizeof(X) == 1) sum = static_cast<int32_t>(sum);
      *y++ = static_cast<X>(requantizer.Apply(sum, o));
    }
  }
}
template void FullyConnectedIntegerRef(DenseShape, int, const int8_t*,
                                       const int8_t*, LayerBias, LayerZeros,
                                       const Requantizer&, int8_t*);
template void FullyConnectedIntegerRef(DenseShape, int, const uint8_t*,
                                       const uint8_t*, LayerBias, LayerZeros,
                                       const Requantizer&, uint8_t*);
template void FullyConnectedIntegerRef(DenseShape, int, const int16_t*,
                                       const int8_t*, LayerBias, LayerZeros,
                                       const Requantizer&, int16_t*);
template void FullyConnectedIntegerRef(DenseShape, int, const int16_t*,
                                       const int16_t*, LayerBias, LayerZeros,
                                       const Requantizer&, int16_t*);

void FullyConnectedS8S8SumsRef(DenseShape shape, int rows, const int8_t* x,
                               const int8_t* weights, const int32_t* bias,
                               int32_t x_zero, int32_t* y) {
  for (int r = 0; r < rows; ++r, x += shape.depth) {
    const int8_t* w = weights;
    for (int o = 0; o < shape.outputs; ++o, w += shape.depth) {
      int64_t sum = bias != nullptr ? bias[o] : 0;
      for (int i = 0; i < shape.depth; ++i) sum += (x[i] - x_zero) * w[i];
      *y++ = static_cast<int32_t>(sum);
    }
  }
}

void FullyConnectedF32S8Ref(DenseShape shape, int rows, const float* x,
                            const int8_t* weights, const float* bias,
                            std::span<const float> scales, bool asymmetric,
                            float lo, float hi, int8_t* quantized, float* y) {
  for (int r = 0; r < rows; ++r, x += shape.depth) {
    const DynamicScale s = asymmetric
                               ? QuantizeAsymmetric(x, shape.depth, quantized)
                               : QuantizeSymmetric(x, shape.depth, quantized);
    const int8_t* w = weights;
    for (int o = 0; o < shape.outputs; ++o, w += shape.depth) {
      int32_t sum = 0;
      for (int i = 0; i < shape.depth; ++i) {
        sum += (quantized[i] - s.zero_point) * w[i];
      }
      const float scale = scales[static_cast<size_t>(o)] * s.scale;
      const float product = static_cast<float>(sum) * scale;
      *y++ = std::clamp((bias != nullptr ? bias[o] : 0.0f) + product, lo, hi);
    }
  }
}

}  // namespace litesmith
