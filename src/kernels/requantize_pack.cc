#include "src/kernels/requantize_pack.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace litesmith {

bool PackRequantizer(const Requantizer& exact, std::span<const int64_t> bounds,
                     int padded, PackedRequantizer* packed) {
  const auto bytes = static_cast<size_t>(padded) * sizeof(double);
  packed->multiplier = PackedBuffer(bytes);
  packed->offset = PackedBuffer(bytes);
  packed->negative_offset = PackedBuffer(bytes);
  packed->lo = exact.lo;
  packed->hi = exact.hi;
  if (exact.method == RequantMethod::kF64) return false;
  const bool wide = exact.method == RequantMethod::kMbqm64;
  const double zero = exact.zero_point;
  // The sum before rounding must be exact below this; above it is clamped.
  const double limit = std::max(std::abs(exact.lo), std::abs(exact.hi));
  for (size_t o = 0; o < bounds.size(); ++o) {
    const FixedMultiplier m = exact.multipliers[o];
    const auto bound = static_cast<double>(bounds[o]);
    // The product is a multiple of 2^last.
    const int last = wide ? m.shift - 15 : m.shift - 31;
    const double real =
        std::ldexp(wide ? ReducedMultiplier(m.value) : m.value, last);
    const double half_last = std::ldexp(0.5, last);
    if (limit / half_last > 0x1p53) return false;
    // The accumulator, MBQM's left shift and the result stay in 32 bits.
    if (bound >= 0x1p30 || real * bound >= 0x1p30) return false;
    if (!wide && std::ldexp(bound, m.shift) >= 0x1p31) return false;
    const double first = !wide && m.shift < 0 ? std::ldexp(0.5, m.shift) : 0;
    packed->multiplier.as<double>()[o] = real;
    packed->offset.as<double>()[o] = zero + first + half_last;
    packed->negative_offset.as<double>()[o] = zero - first + half_last;
    // Negative accumulators never get above the zero point.
    packed->is_signed |= first != 0 && exact.lo < exact.zero_point;
  }
  return true;
}

}  // namespace litesmith
