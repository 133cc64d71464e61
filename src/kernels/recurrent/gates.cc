// The functions, for each SIMD target.
#include "src/kernels/recurrent/gates.h"

#include <algorithm>
#include <cmath>

#include "src/kernels/common/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "src/kernels/recurrent/gates.cc"
#include <hwy/foreach_target.h>
// After foreach_target.
#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

#include "src/kernels/recurrent/mbqm-inl.h"
#include "src/kernels/train/for_each_vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace litesmith::kernels {
namespace HWY_NAMESPACE {
namespace {

// 1 / (1 + e^-x). Beyond the bounds that x is kept within nothing changes that
// float32 shows, and e^-x neither overflows nor is denormal.
void Logistic(float* values, size_t n) {
  const DF d;
  const VF one = hn::Set(d, 1.0f);
  const VF low = hn::Set(d, -87.0f);
  const VF high = hn::Set(d, 87.0f);
  ForEachVector(0, n, [&](auto&& load, auto&& store, size_t i) HWY_ATTR {
    const VF given = load(values + i);
    const VF x = hn::Min(hn::Max(given, low), high);
    const VF y = hn::Div(one, hn::Add(one, hn::Exp(d, hn::Neg(x))));
    store(hn::IfThenElse(hn::Eq(given, given), y, given), values + i);
  });
}

void Tanh(float* values, size_t n) {
  const DF d;
  // tanh(9.1) is 1 in float32.
  const VF low = hn::Set(d, -9.1f);
  const VF high = hn::Set(d, 9.1f);
  ForEachVector(0, n, [&](auto&& load, auto&& store, size_t i) HWY_ATTR {
    const VF given = load(values + i);
    const VF x = hn::Min(hn::Max(given, low), high);
    const VF y = hn::Tanh(d, x);
    store(hn::IfThenElse(hn::Eq(given, given), y, given), values + i);
  });
}

#if HWY_TARGET == HWY_SCALAR

void RequantizeSums(const int32_t* sums, FixedMultiplier m, bool saturate,
                    const int16_t* x, size_t n, int16_t* y) {
  RequantizeSumsRef(sums, m, saturate, x, n, y);
}

#else

using litesmith::HWY_NAMESPACE::DS32;
using litesmith::HWY_NAMESPACE::VectorMbqm;
using litesmith::HWY_NAMESPACE::VS32;

void RequantizeSums(const int32_t* sums, FixedMultiplier m, bool saturate,
                    const int16_t* x, size_t n, int16_t* y) {
  const DS32 d;
  const hn::Rebind<int16_t, DS32> narrow;
  const VectorMbqm mbqm(m);
  const auto lanes = static_cast<size_t>(hn::Lanes(d));
  // Without saturation, only far enough that adding x cannot overflow.
  const VS32 low = hn::Set(d, saturate ? -32768 : -(1 << 20));
  const VS32 high = hn::Set(d, saturate ? 32767 : 1 << 20);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    VS32 v = mbqm(hn::LoadU(d, sums + i));
    v = hn::Min(hn::Max(v, low), high);
    if (x != nullptr) {
      v = hn::Add(v, hn::PromoteTo(d, hn::LoadU(narrow, x + i)));
    }
    hn::StoreU(hn::DemoteTo(narrow, v), narrow, y + i);
  }
  RequantizeSumsRef(sums + i, m, saturate, x == nullptr ? x : x + i, n - i,
                    y + i);
}

#endif  // HWY_SCALAR

}  // namespace
// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace litesmith::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace litesmith::kernels {

HWY_EXPORT(Logistic);
HWY_EXPORT(Tanh);
HWY_EXPORT(RequantizeSums);

void LogisticF32Ref(float* values, size_t n) {
  for (size_t i = 0; i < n; ++i)
    values[i] = 1.0f / (1.0f + std::exp(-values[i]));
}

void TanhF32Ref(float* values, size_t n) {
  for (size_t i = 0; i < n; ++i) values[i] = std::tanh(values[i]);
}

void LogisticF32Simd(float* values, size_t n) {
  HWY_DYNAMIC_DISPATCH(Logistic)(values, n);
}

void TanhF32Simd(float* values, size_t n) {
  HWY_DYNAMIC_DISPATCH(Tanh)(values, n);
}

void RequantizeSumsRef(const int32_t* sums, FixedMultiplier multiplier,
                       bool saturate, const int16_t* x, size_t n, int16_t* y) {
  for (size_t i = 0; i < n; ++i) {
    int64_t v = Mbqm(sums[i], multiplier);
    if (saturate) v = std::clamp<int64_t>(v, -32768, 32767);
    if (x != nullptr) v += x[i];
    y[i] = static_cast<int16_t>(std::clamp<int64_t>(v, -32768, 32767));
  }
}

void RequantizeSumsSimd(const int32_t* sums, FixedMultiplier multiplier,
                        bool saturate, const int16_t* x, size_t n, int16_t* y) {
  HWY_DYNAMIC_DISPATCH(RequantizeSums)(sums, multiplier, saturate, x, n, y);
}

}  // namespace litesmith::kernels
#endif  // HWY_ONCE
