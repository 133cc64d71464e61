// TensorFlow's fake quantization and the ranges it goes by, by vectors.
#include "src/kernels/train/fake_quant.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "src/kernels/common/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "src/kernels/train/fake_quant.cc"
#include "hwy/foreach_target.h"
//
#include "hwy/highway.h"
#include "src/kernels/train/fake_quant-inl.h"
#include "src/kernels/train/for_each_vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace litesmith::kernels {
namespace HWY_NAMESPACE {
namespace {  // names may occur in other files

void MinMax(const float* x, size_t n, float* min, float* max) {
  const DF d;
  VF low = hn::Set(d, x[0]);
  VF high = low;
  size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    const VF v = hn::LoadU(d, x + i);
    low = hn::Min(low, v);
    high = hn::Max(high, v);
  }
  *min = hn::GetLane(hn::MinOfLanes(d, low));
  *max = hn::GetLane(hn::MaxOfLanes(d, high));
  for (; i < n; ++i) {
    *min = std::min(*min, x[i]);
    *max = std::max(*max, x[i]);
  }
}

// kInverse: the per-channel kernel's arithmetic.
template <bool kInverse>
void FakeQuant(const float* x, size_t n, float min, float max, int qmin,
               int qmax, float* y) {
  if (min == 0.0f && max == 0.0f) {
    std::fill_n(y, n, 0.0f);
    return;
  }
  FakeQuantGrid grid = MakeFakeQuantGrid(min, max, qmin, qmax);
  if (kInverse) grid.zero = std::floor(-grid.low * (1.0f / grid.scale) + 0.5f);
  const SnapToGrid<kInverse> snap(grid);
  ForEachVector(0, n, [&](auto&& load, auto&& store, size_t i) HWY_ATTR {
    store(snap(load(x + i)), y + i);
  });
}

void FakeQuantGrad(const float* x, const float* dy, size_t n, float min,
                   float max, int qmin, int qmax, float* dx) {
  if (min == 0.0f && max == 0.0f) {
    if (dx != dy) std::copy_n(dy, n, dx);
    return;
  }
  const NudgedRange r = NudgeRange(min, max, qmin, qmax);
  const DF d;
  const VF low = hn::Set(d, r.min);
  const VF high = hn::Set(d, r.max);
  ForEachVector(0, n, [&](auto&& load, auto&& store, size_t i) HWY_ATTR {
    const VF v = load(x + i);
    store(hn::IfThenElseZero(hn::And(hn::Ge(v, low), hn::Le(v, high)),
                             load(dy + i)),
          dx + i);
  });
}

// To the nearest whole number, halves away from zero.
HWY_INLINE VF RoundAway(VF v) {
  return hn::Trunc(hn::Add(v, hn::CopySignToAbs(hn::Set(DF(), 0.5f), v)));
}

void AsIntegers(const float* x, size_t rows, size_t channels,
                const NudgedRange& range, const IntegerRounding& rounding,
                float* y) {
  const DF d;
  const VF scale = hn::Set(d, range.scale);
  const VF centre = hn::Set(d, rounding.centre);
  const VF low = hn::Set(d, std::round(range.min / range.scale));
  const VF high = hn::Set(d, std::round(range.max / range.scale));
  for (size_t r = 0; r < rows; ++r, x += channels, y += channels) {
    ForEachVector(0, channels,
                  [&](auto&& load, auto&& store, size_t c) HWY_ATTR {
                    VF v = hn::Div(load(x + c), scale);
                    if (rounding.parts != nullptr) {
                      const VF parts = load(rounding.parts + c);
                      v = hn::Div(RoundAway(hn::Mul(v, parts)), parts);
                    }
                    v = hn::Sub(RoundAway(hn::Add(v, centre)), centre);
                    v = hn::Min(hn::Max(v, low), high);
                    store(hn::Mul(v, scale), y + c);
                  });
  }
}

void FakeQuantDivide(const float* x, size_t n, float min, float max, int qmin,
                     int qmax, float* y) {
  FakeQuant<false>(x, n, min, max, qmin, qmax, y);
}
void FakeQuantMultiply(const float* x, size_t n, float min, float max, int qmin,
                       int qmax, float* y) {
  FakeQuant<true>(x, n, min, max, qmin, qmax, y);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace litesmith::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace litesmith::kernels {

HWY_EXPORT(MinMax);
HWY_EXPORT(FakeQuantDivide);
HWY_EXPORT(FakeQuantMultiply);
HWY_EXPORT(FakeQuantGrad);
HWY_EXPORT(AsIntegers);

void MinMaxF32(const float* x, size_t n, float* min, float* max) {
  HWY_DYNAMIC_DISPATCH(MinMax)(x, n, min, max);
}

NudgedRange NudgeRange(float min, float max, int qmin, int qmax) {
  const auto low = static_cast<float>(qmin);
  const auto high = static_cast<float>(qmax);
  NudgedRange r;
  r.scale = (max - min) / (high - low);
  const float from_min = low - min / r.scale;
  const float zero = from_min < low    ? low
                     : from_min > high ? high
                                       : std::round(from_min);
  r.min = (low - zero) * r.scale;
  r.max = (high - zero) * r.scale;
  return r;
}

FakeQuantGrid MakeFakeQuantGrid(float min, float max, int qmin, int qmax) {
  if (min == 0.0f && max == 0.0f) {
    // All become zero, but every gradient passes.
    constexpr float kAll = std::numeric_limits<float>::infinity();
    return {0.0f, 0.0f, 1.0f, 0.0f, -kAll, kAll};
  }
  const NudgedRange r = NudgeRange(min, max, qmin, qmax);
  return {r.min, r.max, r.scale, std::floor(-r.min / r.scale + 0.5f),
          r.min, r.max};
}

void FakeQuantF32(const float* x, size_t n, float min, float max, int qmin,
                  int qmax, float* y) {
  HWY_DYNAMIC_DISPATCH(FakeQuantDivide)(x, n, min, max, qmin, qmax, y);
}

void FakeQuantAsIntegersF32(const float* x, size_t rows, size_t channels,
                            float min, float max, int qmin, int qmax,
                            const IntegerRounding& rounding, float* y) {
  if (min == 0.0f && max == 0.0f) {
    std::fill_n(y, rows * channels, 0.0f);
    return;
  }
  const NudgedRange range = NudgeRange(min, max, qmin, qmax);
  HWY_DYNAMIC_DISPATCH(AsIntegers)(x, rows, channels, range, rounding, y);
}

void FakeQuantGradF32(const float* x, const float* dy, size_t n, float min,
                      float max, int qmin, int qmax, float* dx) {
  HWY_DYNAMIC_DISPATCH(FakeQuantGrad)(x, dy, n, min, max, qmin, qmax, dx);
}

void FakeQuantF32c(const float* x, size_t outer, size_t channels, size_t inner,
                   const float* min, const float* max, int qmin, int qmax,
                   float* y) {
  const auto call = HWY_DYNAMIC_DISPATCH(FakeQuantMultiply);
  for (size_t i = 0; i < outer * channels; ++i, x += inner, y += inner) {
    call(x, inner, min[i % channels], max[i % channels], qmin, qmax, y);
  }
}

void FakeQuantGradF32c(const float* x, const float* dy, size_t outer,
                       size_t channels, size_t inner, const float* min,
                       const float* max, int qmin, int qmax, float* dx) {
  const auto call = HWY_DYNAMIC_DISPATCH(FakeQuantGrad);
  for (size_t i = 0; i < outer * channels; ++i) {
    const size_t at = i * inner;
    call(x + at, dy + at, inner, min[i % channels], max[i % channels], qmin,
         qmax, dx + at);
  }
}

}  // namespace litesmith::kernels
#endif
