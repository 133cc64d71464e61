// HARD_SWISH of 8-bit values, as the reference computes it in 16 bits
// (specs/tflite.md 3.9).
#ifndef LITESMITH_KERNELS_MAP_HARD_SWISH_H_
#define LITESMITH_KERNELS_MAP_HARD_SWISH_H_

#include <algorithm>
#include <cstdint>

#include "src/kernels/common/fixed_point.h"

namespace litesmith::kernels {

class HardSwish8 {
 public:
  HardSwish8(float x_scale, float y_scale)
      : to_y_(Ratio(x_scale, y_scale)),
        to_gate_(Ratio(x_scale, 3.0f / 32768)) {}
  // Larger ratios do not fit the output's shift.
  static bool IsPossible(float x_scale, float y_scale) {
    return Ratio(x_scale, y_scale).shift <= 0;
  }

  // The output's steps from its zero point on, not yet clamped; `v` is the
  // input's, -255 .. 255.
  int32_t operator()(int32_t v) const {
    const int32_t fine = v * 128;
    const int32_t product = HighMul(fine, to_y_.value);
    // x / 3 in Q0.15, where what is beyond saturates.
    int32_t gate = fine;
    const int shift = to_gate_.shift;
    if (shift > 0) gate = Saturated(int64_t{gate} << std::min(shift - 1, 30));
    gate = HighMul(gate, to_gate_.value);
    if (shift > 0) gate = Saturated(int64_t{gate} * 2);
    if (shift < 0) gate = RoundingDivideByPot(gate, -shift);
    gate = (gate + 32768) >> 1;  // (x + 3) / 6
    return RoundingDivideByPot(gate * product / 32768, -to_y_.shift);
  }

 private:
  // 15 bits of the multiplier. Every gate is open or closed long before 2^20.
  static FixedMultiplier Ratio(float x_scale, float y_scale) {
    const float ratio = std::min(x_scale / 128 / y_scale, 0x1p20f);
    FixedMultiplier m = QuantizeMultiplier(double{ratio});
    m.value = ReducedMultiplier(m.value);
    return m;
  }
  // Of 16 bits: (a * b + 2^14) >> 15, below 2^15 as b is not negative.
  static int32_t HighMul(int32_t a, int32_t b) {
    return (a * b + (1 << 14)) >> 15;
  }
  static int32_t Saturated(int64_t v) {
    return static_cast<int32_t>(std::clamp<int64_t>(v, -32768, 32767));
  }

  FixedMultiplier to_y_, to_gate_;
};

}  // namespace litesmith::kernels

#endif  // LITESMITH_KERNELS_MAP_HARD_SWISH_H_
