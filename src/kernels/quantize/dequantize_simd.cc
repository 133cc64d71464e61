// Integers to floats a vector at a time.
#include "src/kernels/quantize/dequantize_simd.h"

#include "src/kernels/common/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "src/kernels/quantize/dequantize_simd.cc"
#include <hwy/foreach_target.h>
// After foreach_target.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace litesmith {
namespace HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

template <typename T>
void Dequantize(const T* q, int64_t n, float scale, int32_t zero, float* y) {
  const hn::ScalableTag<float> d;
  const hn::RebindToSigned<decltype(d)> di;
  const hn::Rebind<T, decltype(d)> dt;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const auto wide = hn::PromoteTo(di, hn::LoadU(dt, q + i));
    const auto v = hn::ConvertTo(d, hn::Sub(wide, hn::Set(di, zero)));
    hn::StoreU(hn::Mul(v, hn::Set(d, scale)), d, y + i);
  }
  for (; i < n; ++i) y[i] = scale * static_cast<float>(int32_t{q[i]} - zero);
}

void DequantizeS8(const int8_t* q, int64_t n, float s, int32_t z, float* y) {
  Dequantize(q, n, s, z, y);
}
void DequantizeU8(const uint8_t* q, int64_t n, float s, int32_t z, float* y) {
  Dequantize(q, n, s, z, y);
}
void DequantizeS16(const int16_t* q, int64_t n, float s, int32_t z, float* y) {
  Dequantize(q, n, s, z, y);
}

}  // namespace
// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace litesmith
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace litesmith {

HWY_EXPORT(DequantizeS8);
HWY_EXPORT(DequantizeU8);
HWY_EXPORT(DequantizeS16);

void DequantizeS8Simd(const int8_t* q, int64_t n, float scale, int32_t zero,
                      float* y) {
  HWY_DYNAMIC_DISPATCH(DequantizeS8)(q, n, scale, zero, y);
}
void DequantizeU8Simd(const uint8_t* q, int64_t n, float scale, int32_t zero,
                      float* y) {
  HWY_DYNAMIC_DISPATCH(DequantizeU8)(q, n, scale, zero, y);
}
void DequantizeS16Simd(const int16_t* q, int64_t n, float scale, int32_t zero,
                       float* y) {
  HWY_DYNAMIC_DISPATCH(DequantizeS16)(q, n, scale, zero, y);
}

}  // namespace litesmith
#endif  // HWY_ONCE
