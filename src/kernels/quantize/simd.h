// The SIMD twins of dynamic_quantize.h: the same results, bit for bit.
#ifndef LITESMITH_KERNELS_QUANTIZE_SIMD_H_
#define LITESMITH_KERNELS_QUANTIZE_SIMD_H_

#include "src/kernels/quantize/dynamic.h"

namespace litesmith {

DynamicScale QuantizeAsymmetricSimd(const float* x, int64_t n, int8_t* q);
DynamicScale QuantizeSymmetricSimd(const float* x, int64_t n, int8_t* q);

// QuantizeRef of quantize_reference.h for the three types.
void QuantizeF32S8Simd(const float* x, int64_t n, float scale, int32_t zero,
                       int8_t* y);
void QuantizeF32U8Simd(const float* x, int64_t n, float scale, int32_t zero,
                       uint8_t* y);
void QuantizeF32S16Simd(const float* x, int64_t n, float scale, int32_t zero,
                        int16_t* y);

}  // namespace litesmith

#endif  // LITESMITH_KERNELS_QUANTIZE_SIMD_H_
