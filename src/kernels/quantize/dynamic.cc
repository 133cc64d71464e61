// The range of a row, and its integers.
#include "src/kernels/quantize/dynamic.h"

#include <algorithm>
#include <cmath>

namespace litesmith {
namespace {

// Far outside int8, cut so that it converts; NaN becomes the lower bound.
float Cut(float x) {
  const float above = x > -1024.0f ? x : -1024.0f;
  return std::min(above, 1024.0f);
}

// Rounding of element i of n. LiteRT takes groups of 8, where it adds a half
// in float32 and truncates (0.49999997 becomes 1), and rounds half away in the
// rest.
int32_t RoundElement(float x, int64_t i, int64_t n) {
  const float v = Cut(x);
  if (i < n / 8 * 8) return static_cast<int32_t>(v + (v < 0 ? -0.5f : 0.5f));
  return static_cast<int32_t>(std::round(v));
}

}  // namespace

DynamicScale AsymmetricScale(float lo, float hi) {
  if (!(lo < hi)) return {};
  // hi - lo in float, then double: the order decides the last bit.
  const double scale = static_cast<double>(hi - lo) / 255.0;
  const double from_lo = lo / scale;
  const double from_hi = hi / scale;
  const double zero = 128.0 + std::abs(from_lo) < 127.0 + std::abs(from_hi)
                          ? -128.0 - from_lo
                          : 127.0 - from_hi;
  DynamicScale result;
  result.scale = static_cast<float>(scale);
  result.zero_point = zero <= -128.0  ? -128
                      : zero >= 127.0 ? 127
                                      : static_cast<int32_t>(std::round(zero));
  return result;
}

DynamicScale QuantizeAsymmetric(const float* x, int64_t n, int8_t* q) {
  float lo = 0;
  float hi = 0;
  for (int64_t i = 0; i < n; ++i) {
    lo = std::min(lo, x[i]);
    hi = std::max(hi, x[i]);
  }
  const DynamicScale s = AsymmetricScale(lo, hi);
  if (lo == hi) {
    std::fill(q, q + n, int8_t{0});
    return s;
  }
  const float inverse = 1.0f / s.scale;
  for (int64_t i = 0; i < n; ++i) {
    q[i] = static_cast<int8_t>(std::clamp(
        RoundElement(x[i] * inverse, i, n) + s.zero_point, -128, 127));
  }
  return s;
}

DynamicScale QuantizeSymmetric(const float* x, int64_t n, int8_t* q) {
  float range = 0;
  for (int64_t i = 0; i < n; ++i) range = std::max(range, std::abs(x[i]));
  if (range == 0) {
    std::fill(q, q + n, int8_t{0});
    return {};
  }
  const float inverse = 127.0f / range;
  for (int64_t i = 0; i < n; ++i) {
    q[i] = static_cast<int8_t>(
        std::clamp(RoundElement(x[i] * inverse, i, n), -127, 127));
  }
  return {range / 127.0f, 0};
}

}  // namespace litesmith
