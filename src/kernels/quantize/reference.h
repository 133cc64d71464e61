// QUANTIZE and DEQUANTIZE, the reference twins. Follows specs/tflite.md 3.8
// (REF). Each takes n elements that share one scale and zero point.
#ifndef LITESMITH_KERNELS_QUANTIZE_REFERENCE_H_
#define LITESMITH_KERNELS_QUANTIZE_REFERENCE_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "src/base/half.h"
#include "src/kernels/common/fixed_point.h"

namespace litesmith {

// clamp(rha(x / scale) + zero_point). The quotient is cut to +-2^20 before it
// becomes an integer, which no final clamp of at most 16 bits can see; NaN
// becomes the smallest value.
template <typename T>
T QuantizeOne(float x, float scale, int32_t zero_point) {
  static_assert(sizeof(T) <= 2);
  const float quotient = x / scale;
  const float above = quotient > -1048576.0f ? quotient : -1048576.0f;
  const auto q =
      static_cast<int32_t>(RoundHalfAway(std::min(above, 1048576.0f)));
  return static_cast<T>(std::clamp<int32_t>(q + zero_point,
                                            std::numeric_limits<T>::min(),
                                            std::numeric_limits<T>::max()));
}

template <typename T>
void QuantizeRef(const float* x, int64_t n, float scale, int32_t zero_point,
                 T* y) {
  for (int64_t i = 0; i < n; ++i)
    y[i] = QuantizeOne<T>(x[i], scale, zero_point);
}

// clamp(Mbqm(x - from_zero) + to_zero).
template <typename From, typename To>
void RequantizeRef(const From* x, int64_t n, FixedMultiplier multiplier,
                   int32_t from_zero, int32_t to_zero, To* y) {
  for (int64_t i = 0; i < n; ++i) {
    const int64_t v = int64_t{Mbqm(x[i] - from_zero, multiplier)} + to_zero;
    y[i] = static_cast<To>(std::clamp<int64_t>(
        v, std::numeric_limits<To>::min(), std::numeric_limits<To>::max()));
  }
}

// float(double(scale) * (q - zero_point)).
template <typename T>
void DequantizeRef(const T* q, int64_t n, float scale, int32_t zero_point,
                   float* y) {
  for (int64_t i = 0; i < n; ++i) {
    y[i] = static_cast<float>(static_cast<double>(scale) *
                              static_cast<double>(int64_t{q[i]} - zero_point));
  }
}

// Per channel: float32 scale * (q - zero_point).
template <typename T>
void DequantizeChannelRef(const T* q, int64_t n, float scale,
                          int32_t zero_point, float* y) {
  for (int64_t i = 0; i < n; ++i) {
    y[i] = scale * static_cast<float>(int64_t{q[i]} - zero_point);
  }
}

inline void DequantizeHalf(const Half* x, int64_t n, float* y) {
  for (int64_t i = 0; i < n; ++i) y[i] = HalfToFloat(x[i]);
}

}  // namespace litesmith

#endif  // LITESMITH_KERNELS_QUANTIZE_REFERENCE_H_
