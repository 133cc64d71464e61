// The SIMD twins of DequantizeRef (quantize_reference.h) for integers of 8 and
// 16 bits: y[i] = scale * (q[i] - zero), the same bits. The reference
// multiplies in double precision, where the product is exact; a float product
// of a float and an integer of at most 24 bits is rounded once as well.
#ifndef LITESMITH_KERNELS_QUANTIZE_DEQUANTIZE_SIMD_H_
#define LITESMITH_KERNELS_QUANTIZE_DEQUANTIZE_SIMD_H_

#include <cstdint>

namespace litesmith {

void DequantizeS8Simd(const int8_t* q, int64_t n, float scale, int32_t zero,
                      float* y);
void DequantizeU8Simd(const uint8_t* q, int64_t n, float scale, int32_t zero,
                      float* y);
void DequantizeS16Simd(const int16_t* q, int64_t n, float scale, int32_t zero,
                       float* y);

}  // namespace litesmith

#endif  // LITESMITH_KERNELS_QUANTIZE_DEQUANTIZE_SIMD_H_
