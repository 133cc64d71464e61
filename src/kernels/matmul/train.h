// The gradients of a product of matrices, which are added to what is there. As
// in reference.h x is [rows, depth], or transposed, and so on.
#ifndef LITESMITH_KERNELS_MATMUL_TRAIN_H_
#define LITESMITH_KERNELS_MATMUL_TRAIN_H_

#include "src/kernels/matmul/reference.h"

namespace litesmith::kernels {

// dx += dy y'.
inline void AddMatMulGradientX(const MatMulShape& s, const float* y,
                               const float* dy, float* __restrict dx) {
  for (int row = 0; row < s.rows; ++row) {
    for (int column = 0; column < s.columns; ++column) {
      const float of = dy[int64_t{row} * s.columns + column];
      for (int k = 0; k < s.depth; ++k)
        dx[s.X(row, k)] += of * y[s.Y(k, column)];
    }
  }
}

// dy_operand += x' dy.
inline void AddMatMulGradientY(const MatMulShape& s, const float* x,
                               const float* dy, float* __restrict gradient) {
  for (int row = 0; row < s.rows; ++row) {
    const float* of = dy + int64_t{row} * s.columns;
    for (int k = 0; k < s.depth; ++k) {
      const float value = x[s.X(row, k)];
      for (int column = 0; column < s.columns; ++column)
        gradient[s.Y(k, column)] += value * of[column];
    }
  }
}

}  // namespace litesmith::kernels

#endif  // LITESMITH_KERNELS_MATMUL_TRAIN_H_
