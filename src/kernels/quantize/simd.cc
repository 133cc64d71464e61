// Ranges and rounding a vector at a time.
#include "src/kernels/quantize/simd.h"

#include "src/kernels/common/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "src/kernels/quantize/simd.cc"
#include <hwy/foreach_target.h>
// After foreach_target.
#include <hwy/highway.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "src/kernels/common/requantize-inl.h"
#include "src/kernels/quantize/reference.h"

HWY_BEFORE_NAMESPACE();
namespace litesmith {
namespace HWY_NAMESPACE {
namespace {

#if HWY_TARGET == HWY_SCALAR

DynamicScale Asymmetric(const float* x, int64_t n, int8_t* q) {
  return QuantizeAsymmetric(x, n, q);
}
DynamicScale Symmetric(const float* x, int64_t n, int8_t* q) {
  return QuantizeSymmetric(x, n, q);
}
template <typename T>
void Quantize(const float* x, int64_t n, float scale, int32_t zero, T* y) {
  QuantizeRef<T>(x, n, scale, zero, y);
}

#else

using D = DF32;
using DI = DS32;
using V = VF32;

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
class Scaler {
 public:
  Scaler(float inverse, int32_t zero, int32_t lo)
      : inverse_(inverse), zero_(zero), lo_(lo) {}

  void Run(const float* x, int64_t n, int8_t* q) const {
    constexpr int64_t kBlock = 4 * hn::MaxLanes(D());
    const int64_t groups = n / 8 * 8;
    if (groups >= kBlock) {
      for (int64_t i = 0; i < groups - kBlock; i += kBlock) Block(x + i, q + i);
      // The last one may overlap the one before.
      Block(x + groups - kBlock, q + groups - kBlock);
    } else {
      HWY_ALIGN float from[kBlock] = {};
      HWY_ALIGN int8_t to[kBlock];
      std::copy_n(x, groups, from);
      Block(from, to);
      std::copy_n(to, groups, q);
    }
    for (int64_t i = groups; i < n; ++i) {
      const float scaled = x[i] * inverse_;
      const float v = std::min(scaled > -1024.0f ? scaled : -1024.0f, 1024.0f);
      q[i] = static_cast<int8_t>(
          std::clamp(static_cast<int32_t>(std::round(v)) + zero_, lo_, 127));
    }
  }

 private:
  HWY_INLINE VS32 Round(V x) const {
    const D d;
    const V scaled = hn::Mul(x, hn::Set(d, inverse_));
    // NaN becomes the lower bound, as in the reference twin.
    const V cut =
        hn::Min(MaxOrSecond(scaled, hn::Set(d, -1024.0f)), hn::Set(d, 1024.0f));
    const V sum = hn::Add(cut, hn::CopySignToAbs(hn::Set(d, 0.5f), cut));
    return hn::Add(TruncateSmall(sum), hn::Set(DS32(), zero_));
  }
  // Four vectors.
  HWY_INLINE void Block(const float* x, int8_t* q) const {
    const D d;
    constexpr int64_t kLanes = hn::MaxLanes(d);
    const auto y =
        NarrowFour(Round(hn::LoadU(d, x)), Round(hn::LoadU(d, x + kLanes)),
                   Round(hn::LoadU(d, x + 2 * kLanes)),
                   Round(hn::LoadU(d, x + 3 * kLanes)));
    const DS8 d8;
    hn::StoreU(hn::Max(y, hn::Set(d8, static_cast<int8_t>(lo_))), d8, q);
  }

  float inverse_;
  int32_t zero_;
  int32_t lo_;
};

DynamicScale Asymmetric(const float* x, int64_t n, int8_t* q) {
  float lo = 0;
  float hi = 0;
  Extremes(x, n, &lo, &hi);
  const DynamicScale s = AsymmetricScale(lo, hi);
  if (lo == hi) {
    std::fill(q, q + n, int8_t{0});
  } else {
    Scaler(1.0f / s.scale, s.zero_point, -128).Run(x, n, q);
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
  Scaler(127.0f / range, 0, -127).Run(x, n, q);
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

#endif  // HWY_SCALAR

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
