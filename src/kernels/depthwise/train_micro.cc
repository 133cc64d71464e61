// The inner loops, compiled for every SIMD target.
#include "src/kernels/depthwise/train_micro.h"

#include <algorithm>

#include "src/kernels/common/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "src/kernels/depthwise/train_micro.cc"
#include "hwy/foreach_target.h"
// After foreach_target.
#include "hwy/highway.h"
#include "src/kernels/common/train_simd.h"

HWY_BEFORE_NAMESPACE();
namespace litesmith::kernels {
namespace HWY_NAMESPACE {
namespace {

// Pixels that share a vector of weights, and taps that share one of gradients.
constexpr int kPixels = 4;
constexpr int kMostTaps = 8;

// A vector of channels: all lanes, or the first n of the last channels.
struct AllLanes {
  HWY_INLINE VF Load(const float* p) const { return hn::LoadU(DF(), p); }
  HWY_INLINE void Store(VF v, float* p) const { hn::StoreU(v, DF(), p); }
};
struct FirstLanes {
  int n;
  HWY_INLINE VF Load(const float* p) const { return LoadFirst(p, n); }
  HWY_INLINE void Store(VF v, float* p) const { StoreFirst(v, n, p); }
};

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

// kCount neighbouring outputs of one vector of channels.
template <int kCount, class Lanes>
HWY_INLINE void Pixels(const Lanes& lanes, const DepthwisePlan& plan,
                       const float* x, const float* w, VF bias,
                       const Clamp& clamp, float* y) {
  VF sum[kCount];
  for (int k = 0; k < kCount; ++k) sum[k] = bias;
  for (const ptrdiff_t tap : plan.taps) {
    const VF weight = lanes.Load(w);
    for (int k = 0; k < kCount; ++k)
      sum[k] = hn::MulAdd(lanes.Load(x + k * plan.step + tap), weight, sum[k]);
    w += plan.channels;
  }
  for (int k = 0; k < kCount; ++k)
    lanes.Store(clamp(sum[k]), y + ptrdiff_t{k} * plan.channels);
}

void Forward(const DepthwisePlan& plan, const float* x, const float* w,
             const float* bias, float low, float high, float* y) {
  const DF d;
  const Clamp clamp{hn::Set(d, low), hn::Set(d, high)};
  ForEachVector(plan.channels, [&](const auto& lanes, int c) HWY_ATTR {
    const VF start = bias != nullptr ? lanes.Load(bias + c) : hn::Zero(d);
    float* out = y + c;
    for (int oy = 0; oy < plan.rows; ++oy) {
      const float* in = x + oy * plan.row + c;
      int ox = 0;
      for (; ox + kPixels <= plan.columns; ox += kPixels) {
        Pixels<kPixels>(lanes, plan, in, w + c, start, clamp, out);
        in += kPixels * plan.step;
        out += ptrdiff_t{kPixels} * plan.channels;
      }
      for (; ox < plan.columns; ++ox) {
        Pixels<1>(lanes, plan, in, w + c, start, clamp, out);
        in += plan.step;
        out += plan.channels;
      }
    }
  });
}

// Of kCount taps and one vector of channels.
template <int kCount, class Lanes>
HWY_INLINE void Taps(const Lanes& lanes, const DepthwisePlan& plan,
                     const ptrdiff_t* taps, const float* x, const float* g,
                     bool accumulate, float* dw) {
  VF sum[kCount];
  for (int k = 0; k < kCount; ++k) {
    sum[k] = accumulate ? lanes.Load(dw + ptrdiff_t{k} * plan.channels)
                        : hn::Zero(DF());
  }
  for (int oy = 0; oy < plan.rows; ++oy) {
    const float* in = x + oy * plan.row;
    for (int ox = 0; ox < plan.columns; ++ox) {
      const VF gradient = lanes.Load(g);
      for (int k = 0; k < kCount; ++k)
        sum[k] = hn::MulAdd(lanes.Load(in + taps[k]), gradient, sum[k]);
      in += plan.step;
      g += plan.channels;
    }
  }
  for (int k = 0; k < kCount; ++k)
    lanes.Store(sum[k], dw + ptrdiff_t{k} * plan.channels);
}

template <class Lanes>
void SomeTaps(int count, const Lanes& lanes, const DepthwisePlan& plan,
              const ptrdiff_t* taps, const float* x, const float* g,
              bool accumulate, float* dw) {
  switch (count) {
    case 8:
      return Taps<8>(lanes, plan, taps, x, g, accumulate, dw);
    case 7:
      return Taps<7>(lanes, plan, taps, x, g, accumulate, dw);
    case 6:
      return Taps<6>(lanes, plan, taps, x, g, accumulate, dw);
    case 5:
      return Taps<5>(lanes, plan, taps, x, g, accumulate, dw);
    case 4:
      return Taps<4>(lanes, plan, taps, x, g, accumulate, dw);
    case 3:
      return Taps<3>(lanes, plan, taps, x, g, accumulate, dw);
    case 2:
      return Taps<2>(lanes, plan, taps, x, g, accumulate, dw);
    default:
      return Taps<1>(lanes, plan, taps, x, g, accumulate, dw);
  }
}

void WeightGradient(const DepthwisePlan& plan, const float* x, const float* g,
                    bool accumulate, float* dw) {
  const int taps = static_cast<int>(plan.taps.size());
  // As even as it goes: nine taps are five and four.
  const int parts = (taps + kMostTaps - 1) / kMostTaps;
  const int most = (taps + parts - 1) / parts;
  ForEachVector(plan.channels, [&](const auto& lanes, int c) HWY_ATTR {
    for (int t = 0; t < taps; t += most) {
      SomeTaps(std::min(most, taps - t), lanes, plan, plan.taps.data() + t,
               x + c, g + c, accumulate, dw + ptrdiff_t{t} * plan.channels + c);
    }
  });
}

void BiasGradient(const DepthwisePlan& plan, const float* g, bool accumulate,
                  float* db) {
  const int outputs = plan.rows * plan.columns;
  ForEachVector(plan.channels, [&](const auto& lanes, int c) HWY_ATTR {
    VF sum = accumulate ? lanes.Load(db + c) : hn::Zero(DF());
    for (int i = 0; i < outputs; ++i)
      sum = hn::Add(sum, lanes.Load(g + ptrdiff_t{i} * plan.channels + c));
    lanes.Store(sum, db + c);
  });
}

void InputGradient(const DepthwisePlan& plan, const float* g, const float* w,
                   float* dx) {
  ForEachVector(plan.channels, [&](const auto& lanes, int c) HWY_ATTR {
    const float* from = g + c;
    for (int oy = 0; oy < plan.rows; ++oy) {
      float* window = dx + oy * plan.row + c;
      for (int ox = 0; ox < plan.columns; ++ox) {
        const VF gradient = lanes.Load(from);
        const float* weight = w + c;
        for (const ptrdiff_t tap : plan.taps) {
          float* to = window + tap;
          lanes.Store(hn::MulAdd(gradient, lanes.Load(weight), lanes.Load(to)),
                      to);
          weight += plan.channels;
        }
        window += plan.step;
        from += plan.channels;
      }
    }
  });
}

const DepthwiseMicro* Table() {
  static constexpr DepthwiseMicro kTable = {Forward, WeightGradient,
                                            BiasGradient, InputGradient};
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
