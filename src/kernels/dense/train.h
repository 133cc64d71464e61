// Float fully connected layer for training. x [rows, in], weights [out, in],
// y [rows, out]. Nothing is packed: forward runs along `in` in both operands,
// and both gradients along `in` of the other.
#ifndef LITESMITH_KERNELS_DENSE_TRAIN_H_
#define LITESMITH_KERNELS_DENSE_TRAIN_H_

#include <cstddef>

#include "src/kernels/common/float_range.h"
#include "src/kernels/dense/reference.h"

namespace litesmith::kernels {

// Floats of workspace that forward and backward of `rows` rows need.
size_t DenseWorkspace(DenseShape size, int rows);

// y = clamp(x * w' + bias); bias [out] may be null.
void DenseF32(DenseShape size, FloatRange range, int rows, const float* x,
              const float* w, const float* bias, float* y, float* workspace);

// Gradients are overwritten; null where not wanted. y is forward's result.
void DenseGradF32(DenseShape size, FloatRange range, int rows, const float* x,
                  const float* w, const float* y, const float* dy, float* dx,
                  float* dw, float* db, float* workspace);

}  // namespace litesmith::kernels

#endif  // LITESMITH_KERNELS_DENSE_TRAIN_H_
