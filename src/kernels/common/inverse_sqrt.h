// 1/sqrt(n) in 32-bit fixed point, as TFLite's integer normalizations compute
// it (INVSQRT of specs/ops.md 3). Scalar, exact to the bit.
#ifndef LITESMITH_KERNELS_COMMON_INVERSE_SQRT_H_
#define LITESMITH_KERNELS_COMMON_INVERSE_SQRT_H_

#include <algorithm>
#include <bit>
#include <cstdint>
#include <limits>

#include "src/kernels/common/fixed_point.h"

namespace litesmith {

// Of n >= 0; of 0 and 1 the largest number below 1. Newton's method on n scaled
// by a power of four into Q3.28, five steps.
inline FixedMultiplier FixedInverseSqrt(int32_t n) {
  if (n <= 1) return {std::numeric_limits<int32_t>::max(), 0};
  const auto shifted = [](int32_t v, int by) {
    return static_cast<int32_t>(std::clamp<int64_t>(
        int64_t{v} * (int64_t{1} << by), std::numeric_limits<int32_t>::min(),
        std::numeric_limits<int32_t>::max()));
  };
  int shift = 11;
  for (; n >= 1 << 29; n /= 4) ++shift;
  const int left = (std::countl_zero(static_cast<uint32_t>(n)) - 1) / 2 - 1;
  shift -= left;
  n <<= 2 * left;
  const int32_t half = RoundingDivideByPot(n >> 1, 1);
  int32_t x = 1 << 28;
  for (int i = 0; i < 5; ++i) {
    const int32_t cube =
        shifted(RoundingDoublingHighMul(RoundingDoublingHighMul(x, x), x), 6);
    x = shifted(RoundingDoublingHighMul(402653184, x) -
                    RoundingDoublingHighMul(half, cube),
                3);
  }
  int32_t value = RoundingDoublingHighMul(x, 1518500250);
  if (shift < 0) {
    value <<= -shift;
    shift = 0;
  }
  return {value, -shift};
}

}  // namespace litesmith

#endif  // LITESMITH_KERNELS_COMMON_INVERSE_SQRT_H_
