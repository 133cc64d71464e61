// Quantization of float activations at run time, one scale a row or image, as
// hybrid layers do. Follows specs/tflite.md 2.3 with the rounding of x86
// builds ("NEON": nearest even), reference twins.
#ifndef LITESMITH_KERNELS_DYNAMIC_QUANTIZE_H_
#define LITESMITH_KERNELS_DYNAMIC_QUANTIZE_H_

#include <cstdint>

namespace litesmith {

struct DynamicScale {
  float scale = 1;
  int32_t zero_point = 0;
};

// The parameters that a row with these extremes (lo <= 0 <= hi) gets.
DynamicScale AsymmetricScale(float lo, float hi);

// q = clamp(rne(x / scale) + zero_point, -128, 127); all zero for a zero row.
DynamicScale QuantizeAsymmetric(const float* x, int64_t n, int8_t* q);
// q = clamp(rne(x * 127 / max|x|), -127, 127).
DynamicScale QuantizeSymmetric(const float* x, int64_t n, int8_t* q);

}  // namespace litesmith

#endif  // LITESMITH_KERNELS_DYNAMIC_QUANTIZE_H_
