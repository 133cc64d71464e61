// The exact integer and double arithmetic of requantization, scalar. Follows
// specs/tflite.md 3.1 (LiteRT's reference kernels, double rounding). Not here:
// what multiplies what, which the op files say.
#ifndef LITESMITH_KERNELS_COMMON_FIXED_POINT_H_
#define LITESMITH_KERNELS_COMMON_FIXED_POINT_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

namespace litesmith {

// A real multiplier as value * 2^(shift - 31).
struct FixedMultiplier {
  int32_t value = 0;
  int shift = 0;
  bool operator==(const FixedMultiplier&) const = default;
};

// Largest shift for which the left shift of Mbqm is defined.
inline constexpr int kMaxShift = 30;
// Largest shift for which Mbqm64 rounds with a positive shift count, as the
// reference asserts.
inline constexpr int kMaxShift64 = 7;

// Rounds half away from zero. |x| < 2^62; x - trunc(x) is exact in double.
inline int64_t RoundHalfAway(double x) {
  const int64_t t = static_cast<int64_t>(x);
  const double fraction = x - static_cast<double>(t);
  return t + (fraction >= 0.5 ? 1 : 0) - (fraction <= -0.5 ? 1 : 0);
}

// QM: the fixed-point form of d >= 0.
inline FixedMultiplier QuantizeMultiplier(double d) {
  if (d == 0) return {};
  int shift = 0;
  const double q = std::frexp(d, &shift);
  int64_t value = RoundHalfAway(q * 2147483648.0);
  if (value == int64_t{1} << 31) {
    value /= 2;
    ++shift;
  }
  if (shift < -31) return {};
  return {static_cast<int32_t>(value), shift};
}

// SRDHM: (a * b + 2^30) >> 31; ties go up. |a * b| <= 2^62, so the sum fits.
inline int32_t RoundingDoublingHighMul(int32_t a, int32_t b) {
  if (a == b && a == std::numeric_limits<int32_t>::min()) {
    return std::numeric_limits<int32_t>::max();
  }
  const int64_t product = static_cast<int64_t>(a) * b;
  return static_cast<int32_t>((product + (int64_t{1} << 30)) >> 31);
}

// RDPOT: x / 2^n, ties away from zero; 0 <= n <= 31.
inline int32_t RoundingDivideByPot(int32_t x, int n) {
  const int32_t mask = static_cast<int32_t>((int64_t{1} << n) - 1);
  const int32_t remainder = x & mask;
  const int32_t threshold = (mask >> 1) + (x < 0 ? 1 : 0);
  return (x >> n) + (remainder > threshold ? 1 : 0);
}

// MBQM: x times the multiplier, double rounding. The left shift wraps, as the
// reference's does; shift <= kMaxShift.
inline int32_t Mbqm(int32_t x, FixedMultiplier m) {
  const int left = std::max(m.shift, 0);
  const auto shifted = static_cast<int32_t>(static_cast<uint32_t>(x) << left);
  return RoundingDivideByPot(RoundingDoublingHighMul(shifted, m.value),
                             std::max(-m.shift, 0));
}

// The 15-bit multiplier of Mbqm64.
inline int32_t ReducedMultiplier(int32_t value) {
  return value < 0x7FFF0000 ? (value + (1 << 15)) >> 16 : 0x7FFF;
}

// MBQM64: for 64-bit accumulators. |x| < 2^47 and 15 bits: below 2^62, and
// wrapping beyond, where only a damaged bias leads; shift <= kMaxShift64.
inline int64_t Mbqm64(int64_t x, FixedMultiplier m) {
  const int total = 15 - m.shift;
  const auto multiplier = static_cast<uint64_t>(ReducedMultiplier(m.value));
  const uint64_t product = static_cast<uint64_t>(x) * multiplier;
  return static_cast<int64_t>(product + (uint64_t{1} << (total - 1))) >> total;
}

// F64: rha(acc * real), kept within +-2^40 so that any multiplier is defined.
inline int64_t RequantizeF64(int64_t acc, double real) {
  constexpr double kBound = 1099511627776.0;
  return RoundHalfAway(
      std::clamp(static_cast<double>(acc) * real, -kBound, kBound));
}

}  // namespace litesmith

#endif  // LITESMITH_KERNELS_COMMON_FIXED_POINT_H_
