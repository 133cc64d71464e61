// Sums of rows, on SIMD: what a mean over the pixels of an image adds up.
#ifndef LITESMITH_KERNELS_REDUCE_ADD_ROWS_H_
#define LITESMITH_KERNELS_REDUCE_ADD_ROWS_H_

#include <cstdint>

namespace litesmith {

// totals[i] = x[0][i] + x[1][i] + ..., of x [rows, n]: floats in that order,
// from zero, integers in 32 bits, which wrap.
void AddRows(const float* x, int64_t rows, int64_t n, float* totals);
void AddRows(const int8_t* x, int64_t rows, int64_t n, uint32_t* totals);
void AddRows(const int16_t* x, int64_t rows, int64_t n, uint32_t* totals);

}  // namespace litesmith

#endif  // LITESMITH_KERNELS_REDUCE_ADD_ROWS_H_
