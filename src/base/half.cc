// float16 from and to float32, bit by bit.
#include "src/base/half.h"

#include <bit>
#include <cmath>

namespace litesmith {

float HalfToFloat(Half half) {
  const uint32_t sign = static_cast<uint32_t>(half.bits & 0x8000u) << 16;
  const uint32_t exponent = (half.bits >> 10) & 0x1Fu;
  const uint32_t mantissa = half.bits & 0x3FFu;
  if (exponent == 0x1F) {  // infinity or NaN
    return std::bit_cast<float>(sign | 0x7F800000u | (mantissa << 13));
  }
  if (exponent == 0) {  // zero or subnormal: mantissa * 2^-24, exact in float
    const float value = static_cast<float>(mantissa) * 0x1p-24f;
    return sign ? -value : value;
  }
  return std::bit_cast<float>(sign | ((exponent + 112) << 23) |
                              (mantissa << 13));
}

Half FloatToHalf(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint16_t sign = static_cast<uint16_t>((bits >> 16) & 0x8000u);
  if (std::isnan(value)) return {static_cast<uint16_t>(sign | 0x7E00u)};
  const float magnitude = std::fabs(value);
  if (magnitude >= 65504.0f) return {static_cast<uint16_t>(sign | 0x7BFFu)};
  if (magnitude < 0x1p-14f) {
    // Subnormal: a whole number of 2^-24 steps; nearbyint rounds half to even.
    const auto steps =
        static_cast<uint16_t>(std::nearbyint(magnitude * 0x1p24f));
    return {static_cast<uint16_t>(sign | steps)};
  }
  const uint32_t m = std::bit_cast<uint32_t>(magnitude);
  // Round the 13 dropped bits half to even; a carry runs into the exponent,
  // which is right. Below 65504 it cannot reach infinity but by rounding up
  // to 65520, which is clamped.
  const uint32_t rounded = m + 0xFFFu + ((m >> 13) & 1u);
  const uint32_t half = (rounded >> 13) - (112u << 10);
  if (half >= 0x7C00u) return {static_cast<uint16_t>(sign | 0x7BFFu)};
  return {static_cast<uint16_t>(sign | half)};
}

}  // namespace litesmith
