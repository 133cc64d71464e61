// The natural logarithm in 32-bit fixed point, as gemmlowp computes it
// (specs/ops.md 3, LOGX). Scalar, exact to the bit.
#ifndef LITESMITH_KERNELS_COMMON_FIXED_LOG_H_
#define LITESMITH_KERNELS_COMMON_FIXED_LOG_H_

#include <algorithm>
#include <bit>
#include <cstdint>
#include <limits>

#include "src/kernels/common/fixed_exp.h"
#include "src/kernels/common/fixed_point.h"

namespace litesmith {

// Of z >= 1 in Q12.19, in Q5.26. z is a power of two, or one over the square
// root of two, times a number near 1, whose logarithm is a quotient of two
// polynomials.
inline int32_t FixedLog(int32_t z) {
  const auto shifted = [](int32_t x, int by) {
    return static_cast<int32_t>(std::clamp<int64_t>(
        x * (int64_t{1} << by), std::numeric_limits<int32_t>::min(),
        std::numeric_limits<int32_t>::max()));
  };
  constexpr int kIntegerBits = 12;  // of z
  constexpr int32_t kSqrtHalf = 1518500250;
  constexpr int32_t kQuarter = 1 << 23;  // in Q6.25
  const int above = std::countl_zero(static_cast<uint32_t>(z));
  const int32_t near_a =
      shifted(RoundingDoublingHighMul(shifted(z, above - 1), kSqrtHalf), 1);
  const int32_t power_a = (kIntegerBits - above) * (1 << 25) + kQuarter;
  const int32_t reduced = RoundingDoublingHighMul(z, kSqrtHalf);
  const int under = std::countl_zero(static_cast<uint32_t>(reduced)) - 1;
  const int32_t near_b = shifted(z, under);
  const int32_t power_b = (kIntegerBits - under) * (1 << 25) - kQuarter;
  const int32_t near = std::min(near_a, near_b);
  const int32_t power = std::max(power_a, power_b);

  constexpr int32_t kMiddle = 1805811301;
  const auto p = static_cast<int32_t>((int64_t{near} + kMiddle + 1) / 2);
  const int32_t q = 2 * (near - kMiddle);
  const int32_t q2 = RoundingDoublingHighMul(q, q);
  const int32_t numerator =
      RoundingDoublingHighMul(q, near) +
      RoundingDoublingHighMul(RoundingDoublingHighMul(q, q2), 117049297);
  const int32_t denominator =
      RoundingDoublingHighMul(
          p, 1057819769 + q + RoundingDoublingHighMul(127690142, q2)) +
      RoundingDoublingHighMul(638450708, q);
  constexpr int32_t kLogTwo = 1488522236;
  return shifted(
      RoundingDoublingHighMul(power, kLogTwo) +
          RoundingDoublingHighMul(RoundingDivideByPot(numerator, 6),
                                  FixedInverseOfOnePlus(denominator)),
      1);
}

}  // namespace litesmith

#endif  // LITESMITH_KERNELS_COMMON_FIXED_LOG_H_
