// Sums, differences and products of float arrays on SIMD, kept within a fused
// activation's range. The same bits as one at a time; NaN stays NaN.
#ifndef LITESMITH_KERNELS_MAP_FLOAT_BINARY_H_
#define LITESMITH_KERNELS_MAP_FLOAT_BINARY_H_

#include <cstdint>

#include "src/kernels/common/float_range.h"

namespace litesmith {

enum class FloatBinary : uint8_t { kAdd, kSubtract, kMultiply };

// y = f(a, b) of n elements; one of the steps may be 0: one element for all.
void RunFloatBinary(FloatBinary f, kernels::FloatRange range, const float* a,
                    int64_t step_a, const float* b, int64_t step_b, int64_t n,
                    float* y);

}  // namespace litesmith

#endif  // LITESMITH_KERNELS_MAP_FLOAT_BINARY_H_
