// exp and 1/(1+x) in 32-bit fixed point, as gemmlowp computes them
// (specs/tflite.md 3.11). Scalar, exact to the bit.
#ifndef LITESMITH_KERNELS_COMMON_FIXED_EXP_H_
#define LITESMITH_KERNELS_COMMON_FIXED_EXP_H_

#include <algorithm>
#include <cstdint>
#include <limits>

#include "src/kernels/common/fixed_point.h"

namespace litesmith {

// EXP: e^a of a <= 0 in Q5.26, in Q0.31. A quarter at a time: a = rem - r with
// r in [-1/4, 0) by a polynomial about -1/8, and rem by its bits.
inline int32_t FixedExp(int32_t a) {
  if (a == 0) return std::numeric_limits<int32_t>::max();
  constexpr int32_t kQuarter = 1 << 24;
  const int32_t below = (a & (kQuarter - 1)) - kQuarter;
  const int32_t rem = below - a;
  const int32_t t = below * 32 + (1 << 28);  // in [-2^28, 2^28)
  const int32_t t2 = RoundingDoublingHighMul(t, t);
  const int32_t t3 = RoundingDoublingHighMul(t2, t);
  const int32_t t4 = RoundingDoublingHighMul(t2, t2);
  const int32_t sum = RoundingDivideByPot(
      RoundingDoublingHighMul(RoundingDivideByPot(t4, 2) + t3, 715827883) + t2,
      1);
  constexpr int32_t kExpMinusEighth = 1895147668;
  int32_t result =
      kExpMinusEighth + RoundingDoublingHighMul(kExpMinusEighth, t + sum);
  // e^-(2^k / 4) in Q0.31.
  constexpr int32_t kPowers[] = {1672461947, 1302514674, 790015084, 290630308,
                                 39332535,   720401,     242};
  for (int k = 0; k < 7; ++k) {
    if ((rem & (kQuarter << k)) != 0)
      result = RoundingDoublingHighMul(result, kPowers[k]);
  }
  return result;
}

// INV: 1/(1+a) of a in [0, 1) in Q0.31, in Q0.31: three steps of Newton's
// method on half the denominator, in Q2.29.
inline int32_t FixedInverseOfOnePlus(int32_t a) {
  constexpr int64_t kMin = std::numeric_limits<int32_t>::min();
  constexpr int64_t kMax = std::numeric_limits<int32_t>::max();
  const auto half = static_cast<int32_t>((int64_t{a} + kMax + 1) / 2);
  int32_t x = 1515870810 + RoundingDoublingHighMul(half, -1010580540);
  for (int i = 0; i < 3; ++i) {
    const int32_t rest = (1 << 29) - RoundingDoublingHighMul(half, x);
    const int64_t step = int64_t{RoundingDoublingHighMul(x, rest)} * 4;
    x += static_cast<int32_t>(std::clamp(step, kMin, kMax));
  }
  return static_cast<int32_t>(std::clamp(int64_t{x} * 2, kMin, kMax));
}

}  // namespace litesmith

#endif  // LITESMITH_KERNELS_COMMON_FIXED_EXP_H_
