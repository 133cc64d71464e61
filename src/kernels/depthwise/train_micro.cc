// The inner loops, compiled for every SIMD target.
#include "src/kernels/depthwise/train_micro.h"

#include <algorithm>
#include <utility>

#include "src/kernels/common/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "src/kernels/depthwise/train_micro.cc"
#include "hwy/foreach_target.h"
// After foreach_target.
#include "hwy/cache_control.h"
#include "hwy/highway.h"
#include "src/kernels/common/train_simd.h"

HWY_BEFORE_NAMESPACE();
namespace litesmith::kernels {
namespace HWY_NAMESPACE {
namespace {

// Neighbours that share a vector of weights, and taps that share one of
// gradients.
constexpr int kPixels = 6;
constexpr int kMostTaps = 12;

// Calls body(lanes, first channel) for every vector of channels.
template <class Body>
HWY_INLINE void ForEachVector(int channels, const Body& body) {
  int c = 0;
  for (; c + kLanes <= channels; c += kLanes) body(AllLanes(), c);
  if (c < channels) body(FirstLanes{channels - c}, c);
}

struct Clamp {
  VF low, high;
  HWY_INLINE VF operator()(VF v) const {
    return hn::Min(hn::Max(v, low), high);
  }
};

// kCount neighbours of one vector of channels.
template <int kCount, class Lanes>
HWY_INLINE void Pixels(const Lanes& lanes, const DepthwisePlan& plan,
                       const float* x, const float* w, VF bias,
                       const Clamp& clamp, bool adds, float* y) {
  VF sum[kCount];
  HWY_UNROLL(8)
  for (int k = 0; k < kCount; ++k)
    sum[k] = adds ? lanes.Load(y + k * plan.grid_step) : bias;
  for (const DepthwisePlan::Tap& tap : plan.taps) {
    const VF weight = lanes.Load(w + tap.w);
    const float* from = x + tap.x;
    HWY_UNROLL(8)
    for (int k = 0; k < kCount; ++k)
      sum[k] = hn::MulAdd(lanes.Load(from + k * plan.step), weight, sum[k]);
  }
  HWY_UNROLL(8)
  for (int k = 0; k < kCount; ++k)
    lanes.Store(clamp(sum[k]), y + k * plan.grid_step);
}

template <class Lanes>
HWY_INLINE void SomePixels(int count, const Lanes& lanes,
                           const DepthwisePlan& plan, const float* x,
                           const float* w, VF bias, const Clamp& clamp,
                           bool adds, float* y) {
  switch (count) {
    case 6:
      return Pixels<6>(lanes, plan, x, w, bias, clamp, adds, y);
    case 5:
      return Pixels<5>(lanes, plan, x, w, bias, clamp, adds, y);
    case 4:
      return Pixels<4>(lanes, plan, x, w, bias, clamp, adds, y);
    case 3:
      return Pixels<3>(lanes, plan, x, w, bias, clamp, adds, y);
    case 2:
      return Pixels<2>(lanes, plan, x, w, bias, clamp, adds, y);
    default:
      return Pixels<1>(lanes, plan, x, w, bias, clamp, adds, y);
  }
}

void Forward(const DepthwisePlan& plan, const float* x, const float* w,
             const float* bias, float low, float high, bool adds, float* y) {
  const DF d;
  const Clamp clamp{hn::Set(d, low), hn::Set(d, high)};
  ForEachVector(plan.channels, [&](const auto& lanes, int c) HWY_ATTR {
    const VF start = bias != nullptr ? lanes.Load(bias + c) : hn::Zero(d);
    for (int row = 0; row < plan.rows; ++row) {
      const float* in = x + row * plan.row + c;
      float* out = y + row * plan.grid_row + c;
      // Parts of nearly equal width.
      int parts = (plan.columns + kPixels - 1) / kPixels;
      for (int left = plan.columns; left > 0; --parts) {
        const int count = (left + parts - 1) / parts;
        SomePixels(count, lanes, plan, in, w + c, start, clamp, adds, out);
        in += count * plan.step;
        out += count * plan.grid_step;
        left -= count;
      }
    }
  });
}

// Of kCount taps and one vector of channels.
template <int kCount, class Lanes>
HWY_NOINLINE void Taps(const Lanes& lanes, const DepthwisePlan& plan,
                       const DepthwisePlan::Tap* taps, const float* x,
                       const float* g, bool accumulate,
                       const float* const ahead[2], float* dw) {
  VF sum[kCount];
  ptrdiff_t offset[kCount];
  HWY_UNROLL(12)
  for (int k = 0; k < kCount; ++k) {
    offset[k] = taps[k].x;
    sum[k] = accumulate ? lanes.Load(dw + taps[k].w) : hn::Zero(DF());
  }
  for (int row = 0; row < plan.rows; ++row) {
    const float* in = x + row * plan.row;
    const float* gradients = g + row * plan.grid_row;
    ptrdiff_t place = row * plan.grid_row;
    for (int column = 0; column < plan.columns; ++column) {
      const VF gradient = lanes.Load(gradients);
      HWY_UNROLL(12)
      for (int k = 0; k < kCount; ++k)
        sum[k] = hn::MulAdd(lanes.Load(in + offset[k]), gradient, sum[k]);
      if (ahead[0] != nullptr) {
        hwy::Prefetch(ahead[0] + place);
        hwy::Prefetch(ahead[1] + place);
      }
      in += plan.step;
      gradients += plan.grid_step;
      place += plan.grid_step;
    }
  }
  HWY_UNROLL(12)
  for (int k = 0; k < kCount; ++k) lanes.Store(sum[k], dw + taps[k].w);
}

template <class Lanes, int... kCount>
void SomeTaps(int count, const Lanes& lanes, const DepthwisePlan& plan,
              const DepthwisePlan::Tap* taps, const float* x, const float* g,
              bool accumulate, const float* const ahead[2], float* dw,
              std::integer_sequence<int, kCount...>) {
  using Fn =
      void (*)(const Lanes&, const DepthwisePlan&, const DepthwisePlan::Tap*,
               const float*, const float*, bool, const float* const*, float*);
  static constexpr Fn kCalls[] = {Taps<kCount + 1, Lanes>...};
  kCalls[count - 1](lanes, plan, taps, x, g, accumulate, ahead, dw);
}

void WeightGradient(const DepthwisePlan& plan, const float* x, const float* g,
                    bool accumulate, const float* const ahead[2], float* dw) {
  const int taps = static_cast<int>(plan.taps.size());
  if (taps == 0) return;
  // As even as it goes: 25 taps are nine, eight and eight.
  const int parts = (taps + kMostTaps - 1) / kMostTaps;
  const int most = (taps + parts - 1) / parts;
  ForEachVector(plan.channels, [&](const auto& lanes, int c) HWY_ATTR {
    for (int t = 0; t < taps; t += most) {
      // The first taps fetch for all.
      const bool fetches = t == 0 && ahead[0] != nullptr;
      const float* const here[] = {fetches ? ahead[0] + c : nullptr,
                                   fetches ? ahead[1] + c : nullptr};
      SomeTaps(std::min(most, taps - t), lanes, plan, plan.taps.data() + t,
               x + c, g + c, accumulate, here, dw + c,
               std::make_integer_sequence<int, kMostTaps>());
    }
  });
}

void BiasGradient(const DepthwisePlan& plan, const float* g, bool accumulate,
                  float* db) {
  ForEachVector(plan.channels, [&](const auto& lanes, int c) HWY_ATTR {
    VF sum = accumulate ? lanes.Load(db + c) : hn::Zero(DF());
    for (int row = 0; row < plan.rows; ++row) {
      const float* from = g + row * plan.grid_row + c;
      for (int column = 0; column < plan.columns; ++column)
        sum = hn::Add(sum, lanes.Load(from + column * plan.grid_step));
    }
    lanes.Store(sum, db + c);
  });
}

const DepthwiseMicro* Table() {
  static constexpr DepthwiseMicro kTable = {kLanes, Forward, WeightGradient,
                                            BiasGradient};
  return &kTable;
}

}  // namespace
// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace litesmith::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace litesmith::kernels {

HWY_EXPORT(Table);

const DepthwiseMicro& GetDepthwiseMicro() {
  return *HWY_DYNAMIC_DISPATCH(Table)();
}

}  // namespace litesmith::kernels
#endif  // HWY_ONCE
