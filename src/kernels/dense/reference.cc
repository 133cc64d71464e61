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

void FullyConnectedS8S8Ref(DenseShape shape, int rows, const int8_t* x,
                           const int8_t* weights, const int32_t* bias,
                           int32_t x_zero, const Requantizer& requantizer,
                           int8_t* y) {
  for (int r = 0; r < rows; ++r, x += shape.depth) {
    const int8_t* w = weights;
    for (int o = 0; o < shape.outputs; ++o, w += shape.depth) {
      int64_t sum = bias != nullptr ? bias[o] : 0;
      for (int i = 0; i < shape.depth; ++i) sum += (x[i] - x_zero) * w[i];
      // The reference's accumulator has 32 bits: wrap as it does.
      *y++ =
          static_cast<int8_t>(requantizer.Apply(static_cast<int32_t>(sum), o));
    }
  }
}

void FullyConnectedS16S8Ref(DenseShape shape, int rows, const int16_t* x,
                            const int8_t* weights, const int32_t* bias32,
                            const int64_t* bias64,
                            const Requantizer& requantizer, int16_t* y) {
  for (int r = 0; r < rows; ++r, x += shape.depth) {
    const int8_t* w = weights;
    for (int o = 0; o < shape.outputs; ++o, w += shape.depth) {
      int64_t sum = 0;
      if (bias32 != nullptr) sum += bias32[o];
      if (bias64 != nullptr) sum += bias64[o];
      for (int i = 0; i < shape.depth; ++i) sum += int32_t{x[i]} * w[i];
      *y++ = static_cast<int16_t>(requantizer.Apply(sum, o));
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
