// Each requantization method as factors, offsets and shifts for vectors.
#include "src/kernels/common/requantize_pack.h"

#include <algorithm>

namespace litesmith {

bool PackRequantizer(const Requantizer& exact, std::span<const int64_t> bounds,
                     int lanes, int vectors, PackedRequantizer* packed) {
  if (exact.method == RequantMethod::kF64) return false;
  const auto width = static_cast<size_t>(lanes);
  const size_t count = width * static_cast<size_t>(vectors);
  packed->multiplier = PackedBuffer(count * sizeof(int32_t));
  packed->add = PackedBuffer(count * sizeof(uint64_t));
  packed->shift = PackedBuffer(count * sizeof(uint64_t));
  packed->subtract = PackedBuffer(count * sizeof(int32_t));
  packed->sign = PackedBuffer(count * sizeof(uint64_t));
  packed->left = PackedBuffer(count * sizeof(int32_t));
  packed->lo = exact.lo;
  packed->hi = exact.hi;
  bool is_signed = false;
  bool any_left = false;
  for (size_t o = 0; o < bounds.size(); ++o) {
    const FixedMultiplier m = exact.multipliers[o];
    const bool wide = exact.method == RequantMethod::kMbqm64;
    // MBQM64's 15 bits, moved up to where MBQM's 31 are.
    const int32_t multiplier =
        wide ? ReducedMultiplier(m.value) << 16 : m.value;
    const int total = 31 - m.shift;
    // With these, the left shift does not wrap, |acc * multiplier| < 2^62 and
    // `add` is below 2^63, so that their sum is positive and has 64 bits. What
    // is left of it may have 32; `subtract` brings that back into range.
    const int left = std::max(32 - total, 0);
    const int shift = total + left;
    if (shift > 61 || left > 30 || bounds[o] >= int64_t{1} << (31 - left)) {
      return false;
    }
    const size_t lane = o % width;
    const size_t at64 = o - lane + lane % 2 * (width / 2) + lane / 2;
    uint64_t add = uint64_t{1} << (total - 1);
    if (!wide && m.shift < 0) {
      add += uint64_t{1} << 30;
      packed->sign.as<uint64_t>()[at64] = uint64_t{1} << 31;
      // Otherwise the clamp hides what the sign would change.
      is_signed |= exact.lo < exact.zero_point;
    }
    packed->multiplier.as<int32_t>()[o] = multiplier;
    packed->add.as<uint64_t>()[at64] = (add << left) + (uint64_t{1} << 62);
    packed->shift.as<uint64_t>()[at64] =
        static_cast<uint64_t>(shift) - (lane % 2 != 0 ? 32 : 0);
    packed->subtract.as<int32_t>()[o] =
        static_cast<int32_t>((int64_t{1} << (62 - shift)) - exact.zero_point);
    packed->left.as<int32_t>()[o] = left;
    any_left |= left > 0;
  }
  packed->form = any_left    ? RequantForm::kLeft
                 : is_signed ? RequantForm::kSigned
                             : RequantForm::kPlain;
  return true;
}

}  // namespace litesmith
