#include "src/kernels/dynamic_quantize_simd.h"

#include "src/kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "src/kernels/dynamic_quantize_simd.cc"
#include <hwy/foreach_target.h>
// After foreach_target.
#include <hwy/highway.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "src/kernels/quantize_reference.h"

HWY_BEFORE_NAMESPACE();
namespace litesmith {
namespace HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::ScalableTag<float>;
using DI = hn::RebindToSigned<D>;
using V = hn::Vec<D>;

// Smallest and largest of 0 and all x.
void Extremes(const float* x, int64_t n, float* lo, float* hi) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  V low = hn::Zero(d), high = hn::Zero(d);
  V low2 = low, high2 = high;
  int64_t i = 0;
  for (; i + 2 * lanes <= n; i += 2 * lanes) {
    const V a = hn::LoadU(d, x + i);
    const V b = hn::LoadU(d, x + i + lanes);
    low = hn::Min(a, low);
    high = hn::Max(a, high);
    low2 = hn::Min(b, low2);
    high2 = hn::Max(b, high2);
  }
  float l = hn::GetLane(hn::MinOfLanes(d, hn::Min(low, low2)));
  float h = hn::GetLane(hn::MaxOfLanes(d, hn::Max(high, high2)));
  for (; i < n; ++i) {
    l = std::min(l, x[i]);
    h = std::max(h, x[i]);
  }
  *lo = l;
  *hi = h;
}

// clamp(round(x * inverse) + zero, lo, 127), rounded as the reference twin:
// groups of 8 by adding a half and truncating, the rest half away.
void Scale(const float* x, int64_t n, float inverse, int32_t zero, int32_t lo,
           int8_t* q) {
  const D d;
  const DI di;
  const hn::Rebind<int8_t, D> d8;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const V bound = hn::Set(d, 1024.0f);
  const V least = hn::Set(d, -1024.0f);
  const V half = hn::Set(d, 0.5f);
  const auto one = [&](V v) HWY_ATTR {
    const V scaled = hn::Mul(v, hn::Set(d, inverse));
    // NaN becomes the lower bound, as in the reference twin.
    const V above = hn::IfThenElse(hn::Gt(scaled, least), scaled, least);
    const V cut = hn::Min(above, bound);
    const V sum = hn::Add(cut, hn::CopySign(half, cut));
    const auto r = hn::Add(hn::ConvertTo(di, sum), hn::Set(di, zero));
    return hn::DemoteTo(d8, hn::Max(r, hn::Set(di, lo)));
  };
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    hn::StoreU(one(hn::LoadU(d, x + i)), d8, q + i);
  }
  const int64_t groups = n / 8 * 8;
  if (i < groups) {
    HWY_ALIGN float tail[hn::MaxLanes(d)] = {};
    HWY_ALIGN int8_t out[hn::MaxLanes(d)];
    for (int64_t k = i; k < groups; ++k) tail[k - i] = x[k];
    hn::Store(one(hn::Load(d, tail)), d8, out);
    for (int64_t k = i; k < groups; ++k) q[k] = out[k - i];
  }
  for (int64_t k = groups; k < n; ++k) {
    const float scaled = x[k] * inverse;
    const float v = std::min(scaled > -1024.0f ? scaled : -1024.0f, 1024.0f);
    q[k] = static_cast<int8_t>(
        std::clamp(static_cast<int32_t>(std::round(v)) + zero, lo, 127));
  }
}

DynamicScale Asymmetric(const float* x, int64_t n, int8_t* q) {
  float lo = 0;
  float hi = 0;
  Extremes(x, n, &lo, &hi);
  const DynamicScale s = AsymmetricScale(lo, hi);
  if (lo == hi) {
    std::fill(q, q + n, int8_t{0});
  } else {
    Scale(x, n, 1.0f / s.scale, s.zero_point, -128, q);
  }
  return s;
}

DynamicScale Symmetric(const float* x, int64_t n, int8_t* q) {
  float lo = 0;
  float hi = 0;
  Extremes(x, n, &lo, &hi);
  const float range = std::max(-lo, hi);
  if (range == 0) {
    std::fill(q, q + n, int8_t{0});
    return {};
  }
  Scale(x, n, 127.0f / range, 0, -127, q);
  return {range / 127.0f, 0};
}

// QuantizeRef: clamp(rha(x / scale) + zero).
template <typename T>
void Quantize(const float* x, int64_t n, float scale, int32_t zero, T* y) {
  const D d;
  const DI di;
  const hn::Rebind<T, D> dt;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const V bound = hn::Set(d, 1048576.0f);
  const V least = hn::Set(d, -1048576.0f);
  const V half = hn::Set(d, 0.5f);
  const auto divisor = hn::Set(d, scale);
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const V v = hn::Div(hn::LoadU(d, x + i), divisor);
    const V above = hn::IfThenElse(hn::Gt(v, least), v, least);
    const V cut = hn::Min(above, bound);
    // Round half away: |cut| <= 2^20, so cut - trunc(cut) is exact.
    const auto t = hn::ConvertTo(di, cut);
    const V fraction = hn::Sub(cut, hn::ConvertTo(d, t));
    const auto up =
        hn::VecFromMask(di, hn::RebindMask(di, hn::Ge(fraction, half)));
    const auto down = hn::VecFromMask(
        di, hn::RebindMask(di, hn::Le(fraction, hn::Neg(half))));
    // Masks are -1 where set.
    const auto r = hn::Add(hn::Sub(t, up), down);
    hn::StoreU(hn::DemoteTo(dt, hn::Add(r, hn::Set(di, zero))), dt, y + i);
  }
  for (; i < n; ++i) y[i] = QuantizeOne<T>(x[i], scale, zero);
}

void QuantizeS8(const float* x, int64_t n, float s, int32_t z, int8_t* y) {
  Quantize(x, n, s, z, y);
}
void QuantizeU8(const float* x, int64_t n, float s, int32_t z, uint8_t* y) {
  Quantize(x, n, s, z, y);
}
void QuantizeS16(const float* x, int64_t n, float s, int32_t z, int16_t* y) {
  Quantize(x, n, s, z, y);
}

}  // namespace
// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace litesmith
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace litesmith {

HWY_EXPORT(Asymmetric);
HWY_EXPORT(Symmetric);
HWY_EXPORT(QuantizeS8);
HWY_EXPORT(QuantizeU8);
HWY_EXPORT(QuantizeS16);

DynamicScale QuantizeAsymmetricSimd(const float* x, int64_t n, int8_t* q) {
  return HWY_DYNAMIC_DISPATCH(Asymmetric)(x, n, q);
}
DynamicScale QuantizeSymmetricSimd(const float* x, int64_t n, int8_t* q) {
  return HWY_DYNAMIC_DISPATCH(Symmetric)(x, n, q);
}
void QuantizeF32S8Simd(const float* x, int64_t n, float scale, int32_t zero,
                       int8_t* y) {
  HWY_DYNAMIC_DISPATCH(QuantizeS8)(x, n, scale, zero, y);
}
void QuantizeF32U8Simd(const float* x, int64_t n, float scale, int32_t zero,
                       uint8_t* y) {
  HWY_DYNAMIC_DISPATCH(QuantizeU8)(x, n, scale, zero, y);
}
void QuantizeF32S16Simd(const float* x, int64_t n, float scale, int32_t zero,
                        int16_t* y) {
  HWY_DYNAMIC_DISPATCH(QuantizeS16)(x, n, scale, zero, y);
}

}  // namespace litesmith
#endif  // HWY_ONCE
