// Rows over their length: x / sqrt(sum of x^2). Integers follow specs/ops.md
// 7.6.
#ifndef LITESMITH_KERNELS_MAP_L2_NORMALIZATION_H_
#define LITESMITH_KERNELS_MAP_L2_NORMALIZATION_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "src/kernels/common/fixed_inverse_sqrt.h"

namespace litesmith::kernels {

// Longer rows of 8-bit values do not fit the sum of squares.
inline constexpr int64_t kMaxL2Normalization8Depth = 33025;

// `rows` rows of `depth` values each, one sum in the order of the values.
inline float L2Length(const float* x, int64_t depth) {
  float sum = 0;
  for (int64_t i = 0; i < depth; ++i) sum += x[i] * x[i];
  return std::max(std::sqrt(sum), 1e-6f);
}
inline void L2NormalizationF32(const float* x, int64_t rows, int64_t depth,
                               float* y) {
  for (int64_t r = 0; r < rows; ++r, x += depth, y += depth) {
    const float length = L2Length(x, depth);
    for (int64_t i = 0; i < depth; ++i) y[i] = x[i] / length;
  }
}
// dx = (dy - y times the sum of dy y) / length.
inline void L2NormalizationGradF32(const float* x, const float* y,
                                   const float* dy, int64_t rows, int64_t depth,
                                   float* dx) {
  for (int64_t r = 0; r < rows;
       ++r, x += depth, y += depth, dy += depth, dx += depth) {
    const float length = L2Length(x, depth);
    float sum = 0;
    for (int64_t i = 0; i < depth; ++i) sum += dy[i] * y[i];
    for (int64_t i = 0; i < depth; ++i) dx[i] = (dy[i] - y[i] * sum) / length;
  }
}

// T is int8_t or uint8_t, the output's scale 1/128, its zero point T's middle.
template <class T>
void L2Normalization8(const T* x, int64_t rows, int64_t depth, int32_t x_zero,
                      T* y) {
  constexpr int32_t kLow = std::numeric_limits<T>::min();
  constexpr int32_t kHigh = std::numeric_limits<T>::max();
  constexpr int32_t kZero = (kLow + kHigh + 1) / 2;
  for (int64_t r = 0; r < rows; ++r, x += depth, y += depth) {
    int32_t sum = 0;  // at most kMaxL2Normalization8Depth times 255^2
    for (int64_t i = 0; i < depth; ++i)
      sum += (x[i] - x_zero) * (x[i] - x_zero);
    const FixedMultiplier inverse = FixedInverseSqrt(sum);
    // Signed values are brought to steps of 1/128 at the end, others at the
    // beginning: the rounding is not the same.
    constexpr bool kSigned = std::is_signed_v<T>;
    const FixedMultiplier multiplier = {inverse.value,
                                        inverse.shift + (kSigned ? 7 : 0)};
    for (int64_t i = 0; i < depth; ++i) {
      const int32_t difference = x[i] - x_zero;
      const int32_t steps =
          Mbqm(kSigned ? difference : difference * 128, multiplier);
      y[i] = static_cast<T>(std::clamp(steps + kZero, kLow, kHigh));
    }
  }
}

}  // namespace litesmith::kernels

#endif  // LITESMITH_KERNELS_MAP_L2_NORMALIZATION_H_
