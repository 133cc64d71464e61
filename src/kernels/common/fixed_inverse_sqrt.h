// 1 / sqrt(n) of an integer in 32-bit fixed point, as the reference computes it
// (specs/ops.md 3, INVSQRT). Exact to the bit.
#ifndef LITESMITH_KERNELS_COMMON_FIXED_INVERSE_SQRT_H_
#define LITESMITH_KERNELS_COMMON_FIXED_INVERSE_SQRT_H_

#include <algorithm>
#include <bit>
#include <cstdint>
#include <limits>

#include "src/kernels/common/fixed_point.h"

namespace litesmith {

// Of n >= 0; that of 0 is 1. Five steps of Newton's method on n brought to
// [2^27, 2^29), x from 1 in Q3.28.
inline FixedMultiplier FixedInverseSqrt(int32_t n) {
  if (n <= 1) return {std::numeric_limits<int32_t>::max(), 0};
  int shift = 11;
  while (n >= 1 << 29) {
    n /= 4;
    ++shift;
  }
  const int left = (std::countl_zero(static_cast<uint32_t>(n)) - 1) / 2 - 1;
  shift -= left;
  n <<= 2 * left;
  const int32_t half = RoundingDivideByPot(n >> 1, 1);
  const auto shifted = [](int64_t x, int by) {
    return static_cast<int32_t>(std::clamp<int64_t>(
        x * (int64_t{1} << by), std::numeric_limits<int32_t>::min(),
        std::numeric_limits<int32_t>::max()));
  };
  int32_t x = 1 << 28;
  for (int i = 0; i < 5; ++i) {
    const int32_t cube =
        shifted(RoundingDoublingHighMul(RoundingDoublingHighMul(x, x), x), 6);
    constexpr int32_t kOneAndAHalf = 402653184;
    x = shifted(int64_t{RoundingDoublingHighMul(kOneAndAHalf, x)} -
                    RoundingDoublingHighMul(half, cube),
                3);
  }
  constexpr int32_t kSqrtHalf = 1518500250;
  const int32_t value = RoundingDoublingHighMul(x, kSqrtHalf);
  if (shift < 0) return {value << -shift, 0};
  return {value, -shift};
}

}  // namespace litesmith

#endif  // LITESMITH_KERNELS_COMMON_FIXED_INVERSE_SQRT_H_
