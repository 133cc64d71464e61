// Quantization of float activations at run time, one scale a row or image, as
// hybrid layers do. Follows specs/tflite.md 2.3 but for the rounding, which is
// that of LiteRT 2.3.0 on x86 (measured): a half is added and the sum
// truncated, in float32, and only the last n mod 8 elements are rounded exactly
// (half away). Reference twins.
#ifndef LITESMITH_KERNELS_QUANTIZE_DYNAMIC_H_
#define LITESMITH_KERNELS_QUANTIZE_DYNAMIC_H_

#include <cstdint>

namespace litesmith {

struct DynamicScale {
  float scale = 1;
  int32_t zero_point = 0;
};

// The parameters that a row with these extremes (lo <= 0 <= hi) gets.
DynamicScale AsymmetricScale(float lo, float hi);

// q = clamp(round(x / scale) + zero_point, -128, 127); all zero for a zero row.
DynamicScale QuantizeAsymmetric(const float* x, int64_t n, int8_t* q);
// q = clamp(round(x * 127 / max|x|), -127, 127).
DynamicScale QuantizeSymmetric(const float* x, int64_t n, int8_t* q);

}  // namespace litesmith

#endif  // LITESMITH_KERNELS_QUANTIZE_DYNAMIC_H_
