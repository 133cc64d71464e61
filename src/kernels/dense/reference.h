// FULLY_CONNECTED, the reference twins. x is [rows, depth], weights
// [outputs, depth], y [rows, outputs]. Follows specs/tflite.md 2.3 and 3.3
// (column REF).
#ifndef LITESMITH_KERNELS_DENSE_REFERENCE_H_
#define LITESMITH_KERNELS_DENSE_REFERENCE_H_

#include <cstdint>
#include <span>

#include "src/kernels/common/integer_layer.h"
#include "src/kernels/common/requantize.h"

namespace litesmith {

struct DenseShape {
  int depth = 0;
  int outputs = 0;
};

void FullyConnectedF32F32Ref(DenseShape shape, int rows, const float* x,
                             const float* weights, const float* bias, float lo,
                             float hi, float* y);

// For the types (X, W) of Conv2DIntegerRef, and int16 with int16. Bytes have an
// accumulator of 32 bits, which wraps, int16 one of 64.
template <typename X, typename W>
void FullyConnectedIntegerRef(DenseShape shape, int rows, const X* x,
                              const W* weights, LayerBias bias,
                              LayerZeros zeros, const Requantizer& requantizer,
                              X* y);
// The sums that int8 layers requantize: y = bias + sum of (x - x_zero) * w,
// which wraps.
void FullyConnectedS8S8SumsRef(DenseShape shape, int rows, const int8_t* x,
                               const int8_t* weights, const int32_t* bias,
                               int32_t x_zero, int32_t* y);

// Hybrid: each row quantized on its own to `quantized` (depth bytes);
// y = bias + acc * (x_scale * w_scale). `scales` holds one an output channel.
void FullyConnectedF32S8Ref(DenseShape shape, int rows, const float* x,
                            const int8_t* weights, const float* bias,
                            std::span<const float> scales, bool asymmetric,
                            float lo, float hi, int8_t* quantized, float* y);

}  // namespace litesmith

#endif  // LITESMITH_KERNELS_DENSE_REFERENCE_H_
