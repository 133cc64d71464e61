// Products of matrices, both computed: the reference twins. x is [rows, depth],
// or [depth, rows] if transposed, y is [depth, columns], or [columns, depth],
// out [rows, columns]. Follows specs/ops.md 4.4.
#ifndef LITESMITH_KERNELS_MATMUL_REFERENCE_H_
#define LITESMITH_KERNELS_MATMUL_REFERENCE_H_

#include <cstdint>
#include <span>

#include "src/kernels/common/integer_layer.h"
#include "src/kernels/common/requantize.h"
#include "src/kernels/quantize/dynamic.h"

namespace litesmith {

struct MatMulShape {
  int rows = 0;
  int depth = 0;
  int columns = 0;
  bool x_transposed = false;
  bool y_transposed = false;

  // Where an element lies.
  int64_t X(int row, int k) const {
    return x_transposed ? int64_t{k} * rows + row : int64_t{row} * depth + k;
  }
  int64_t Y(int k, int column) const {
    return y_transposed ? int64_t{column} * depth + k
                        : int64_t{k} * columns + column;
  }
};

// Calls emit(row, column, sum) with the sum of mul(x, y) along the depth, in
// order, for every element.
template <typename X, typename Y, typename Sum, typename Mul, typename Emit>
void ForEachDot(const MatMulShape& s, const X* x, const Y* y, Sum zero,
                const Mul& mul, const Emit& emit) {
  for (int row = 0; row < s.rows; ++row) {
    for (int column = 0; column < s.columns; ++column) {
      Sum sum = zero;
      for (int k = 0; k < s.depth; ++k)
        sum += mul(x[s.X(row, k)], y[s.Y(k, column)]);
      emit(row, column, sum);
    }
  }
}

inline void MatMulF32Ref(const MatMulShape& s, const float* x, const float* y,
                         float* out) {
  ForEachDot(
      s, x, y, 0.0f, [](float a, float b) { return a * b; },
      [&](int, int, float sum) { *out++ = sum; });
}

// acc = sum (x - x_zero) * (y - y_zero), of 32 bits for bytes, which wrap, else
// of 64. The requantizer has one channel.
template <typename X, typename Y>
void MatMulIntegerRef(const MatMulShape& s, const X* x, const Y* y,
                      LayerZeros zeros, const Requantizer& requantizer,
                      X* out) {
  ForEachDot(
      s, x, y, int64_t{0},
      [&](X a, Y b) { return int64_t{a - zeros.x} * (b - zeros.w); },
      [&](int, int, int64_t sum) {
        if constexpr (sizeof(X) == 1) sum = static_cast<int32_t>(sum);
        *out++ = static_cast<X>(requantizer.Apply(sum, 0));
      });
}

// The sums themselves, zero points not taken off, as the reference gives them.
inline void MatMulS8S32Ref(const MatMulShape& s, const int8_t* x,
                           const int8_t* y, int32_t* out) {
  ForEachDot(
      s, x, y, uint32_t{0},
      [](int8_t a, int8_t b) { return static_cast<uint32_t>(a * b); },
      [&](int, int, uint32_t sum) { *out++ = static_cast<int32_t>(sum); });
}

// Hybrid: each row of x quantized on its own; y has one scale a column.
// `quantized` holds depth bytes and, behind them rounded up to 4, depth floats.
void MatMulF32S8Ref(const MatMulShape& s, const float* x, const int8_t* y,
                    std::span<const float> scales, bool asymmetric,
                    int8_t* quantized, float* out);
// Bytes of `quantized`.
inline size_t HybridMatMulWorkspace(const MatMulShape& s) {
  return (static_cast<size_t>(s.depth) + 3) / 4 * 4 +
         static_cast<size_t>(s.depth) * sizeof(float);
}

}  // namespace litesmith

#endif  // LITESMITH_KERNELS_MATMUL_REFERENCE_H_
