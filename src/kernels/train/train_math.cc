#include "src/kernels/train/train_math.h"

#include <algorithm>
#include <cmath>
#include <limits>

#define HWY_DISABLED_TARGETS \
  (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "src/kernels/train/train_math.cc"
#include "hwy/foreach_target.h"
//
#include "hwy/contrib/math/math-inl.h"
#include "hwy/highway.h"
#include "src/kernels/common/train_simd.h"

HWY_BEFORE_NAMESPACE();
namespace litesmith::kernels {
namespace HWY_NAMESPACE {
namespace {  // names may occur in other files

// Calls f(load, store, i) for each vector of [begin, end), the last one
// partial. `load` and `store` take addresses of element i.
template <typename F>
HWY_INLINE void ForEachVector(size_t begin, size_t end, F&& f) {
  const DF d;
  size_t i = begin;
  for (; i + kLanes <= end; i += kLanes) {
    f([&](const float* p) HWY_ATTR { return hn::LoadU(d, p); },
      [&](VF v, float* p) HWY_ATTR { hn::StoreU(v, d, p); }, i);
  }
  const int left = static_cast<int>(end - i);
  if (left > 0) {
    f([&](const float* p) HWY_ATTR { return LoadFirst(p, left); },
      [&](VF v, float* p) HWY_ATTR { StoreFirst(v, left, p); }, i);
  }
}

void Adam(float* w, float* m, float* v, const float* g, size_t n, float alpha,
          float one_minus_b1, float one_minus_b2, float eps) {
  const DF d;
  const VF valpha = hn::Set(d, alpha);
  const VF vb1 = hn::Set(d, one_minus_b1);
  const VF vb2 = hn::Set(d, one_minus_b2);
  const VF veps = hn::Set(d, eps);
  ForEachVector(0, n, [&](auto&& load, auto&& store, size_t i) HWY_ATTR {
    const VF gi = load(g + i);
    VF mi = load(m + i);
    VF vi = load(v + i);
    mi = hn::Add(mi, hn::Mul(hn::Sub(gi, mi), vb1));
    vi = hn::Add(vi, hn::Mul(hn::Sub(hn::Mul(gi, gi), vi), vb2));
    const VF step = hn::Div(hn::Mul(mi, valpha), hn::Add(hn::Sqrt(vi), veps));
    store(mi, m + i);
    store(vi, v + i);
    store(hn::Sub(load(w + i), step), w + i);
  });
}

template <typename Load>
HWY_INLINE VF Sum8(const float* p, size_t stride, Load&& load) {
  const auto pair = [&](size_t s) HWY_ATTR {
    return hn::Add(load(p + s * stride), load(p + (s + 1) * stride));
  };
  return hn::Add(hn::Add(pair(0), pair(2)), hn::Add(pair(4), pair(6)));
}

float SumTree(const float* p, size_t stride, int count) {
  if (count == 1) return *p;
  int left = 1;
  while (2 * left < count) left *= 2;
  const float a = SumTree(p, stride, left);
  return a +
         SumTree(p + static_cast<size_t>(left) * stride, stride, count - left);
}

void Sum(const float* shards, size_t stride, int count, size_t begin,
         size_t end, float* out) {
  if (count != 8) {
    for (size_t i = begin; i < end; ++i) {
      out[i] = count == 0 ? 0.0f : SumTree(shards + i, stride, count);
    }
    return;
  }
  ForEachVector(begin, end, [&](auto&& load, auto&& store, size_t i) HWY_ATTR {
    store(Sum8(shards + i, stride, load), out + i);
  });
}

void SoftmaxLoss(const float* logits, const int32_t* labels, int batch,
                 int classes, float scale, double* loss_sum, int* correct,
                 float* dlogits) {
  const DF d;
  double loss = 0;
  int right = 0;
  const auto n = static_cast<size_t>(classes);
  for (int b = 0; b < batch; ++b, logits += n, dlogits += n) {
    int best = 0;
    for (int c = 1; c < classes; ++c) {
      if (logits[c] > logits[best]) best = c;
    }
    const auto label = static_cast<size_t>(labels[b]);
    const float max = logits[best];
    const VF vmax = hn::Set(d, max);
    // exp of values <= 0: no overflow; the largest is 1, so sum >= 1.
    ForEachVector(0, n, [&](auto&& load, auto&& store, size_t i) HWY_ATTR {
      store(hn::Exp(d, hn::Sub(load(logits + i), vmax)), dlogits + i);
    });
    float sum = 0;
    for (size_t c = 0; c < n; ++c) sum += dlogits[c];
    loss += static_cast<double>(std::log(sum) - (logits[label] - max));
    right += static_cast<size_t>(best) == label;
    const float factor = 1.0f / sum;
    for (size_t c = 0; c < n; ++c) {
      const float p = dlogits[c] * factor;
      dlogits[c] = (p - (c == label ? 1.0f : 0.0f)) * scale;
    }
  }
  *loss_sum = loss;
  *correct = right;
}

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
  const NudgedRange r = NudgeRange(min, max, qmin, qmax);
  const float inverse = 1.0f / r.scale;
  const float zero =
      std::floor((kInverse ? -r.min * inverse : -r.min / r.scale) + 0.5f);
  const DF d;
  const VF low = hn::Set(d, r.min);
  const VF high = hn::Set(d, r.max);
  const VF scale = hn::Set(d, r.scale);
  const VF vinverse = hn::Set(d, inverse);
  const VF vzero = hn::Set(d, zero);
  const VF half = hn::Set(d, 0.5f);
  ForEachVector(0, n, [&](auto&& load, auto&& store, size_t i) HWY_ATTR {
    const VF clamped = hn::Max(hn::Min(load(x + i), high), low);
    const VF shifted = hn::Sub(clamped, low);
    const VF steps =
        kInverse ? hn::Mul(shifted, vinverse) : hn::Div(shifted, scale);
    store(hn::Mul(hn::Floor(hn::Add(hn::Sub(steps, vzero), half)), scale),
          y + i);
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

HWY_EXPORT(Adam);
HWY_EXPORT(Sum);
HWY_EXPORT(SoftmaxLoss);
HWY_EXPORT(MinMax);
HWY_EXPORT(FakeQuantDivide);
HWY_EXPORT(FakeQuantMultiply);
HWY_EXPORT(FakeQuantGrad);

void AdamStep(float* w, float* m, float* v, const float* g, size_t n,
              float alpha, float one_minus_b1, float one_minus_b2, float eps) {
  HWY_DYNAMIC_DISPATCH(Adam)
  (w, m, v, g, n, alpha, one_minus_b1, one_minus_b2, eps);
}

void SumShards(const float* shards, size_t stride, int count, size_t begin,
               size_t end, float* out) {
  HWY_DYNAMIC_DISPATCH(Sum)(shards, stride, count, begin, end, out);
}

void SoftmaxCrossEntropy(const float* logits, const int32_t* labels, int batch,
                         int classes, float scale, double* loss_sum,
                         int* correct, float* dlogits) {
  HWY_DYNAMIC_DISPATCH(SoftmaxLoss)
  (logits, labels, batch, classes, scale, loss_sum, correct, dlogits);
}

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
