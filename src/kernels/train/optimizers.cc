// The steps of optimizers, by vectors.
#include "src/kernels/train/optimizers.h"

#include "src/kernels/common/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "src/kernels/train/optimizers.cc"
#include "hwy/foreach_target.h"
//
#include "hwy/highway.h"
#include "src/kernels/train/for_each_vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace litesmith::kernels {
namespace HWY_NAMESPACE {
namespace {  // names may occur in other files

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

void Sgd(float* w, float* velocity, const float* g, size_t n, float rate,
         float momentum) {
  const DF d;
  const VF vrate = hn::Set(d, rate);
  const VF vmomentum = hn::Set(d, momentum);
  ForEachVector(0, n, [&](auto&& load, auto&& store, size_t i) HWY_ATTR {
    const VF v = hn::Sub(hn::Mul(load(velocity + i), vmomentum),
                         hn::Mul(load(g + i), vrate));
    store(v, velocity + i);
    store(hn::Add(load(w + i), v), w + i);
  });
}

void Nesterov(float* w, float* velocity, const float* g, size_t n, float rate,
              float momentum) {
  const DF d;
  const VF vrate = hn::Set(d, rate);
  const VF vmomentum = hn::Set(d, momentum);
  ForEachVector(0, n, [&](auto&& load, auto&& store, size_t i) HWY_ATTR {
    const VF step = hn::Mul(load(g + i), vrate);
    const VF v = hn::Sub(hn::Mul(load(velocity + i), vmomentum), step);
    store(v, velocity + i);
    store(hn::Add(load(w + i), hn::Sub(hn::Mul(v, vmomentum), step)), w + i);
  });
}

void RmsProp(float* w, float* v, const float* g, size_t n, float rate,
             float rho, float eps) {
  const DF d;
  const VF vrate = hn::Set(d, rate);
  const VF vrho = hn::Set(d, rho);
  const VF vrest = hn::Set(d, 1.0f - rho);
  const VF veps = hn::Set(d, eps);
  ForEachVector(0, n, [&](auto&& load, auto&& store, size_t i) HWY_ATTR {
    const VF gi = load(g + i);
    const VF vi =
        hn::Add(hn::Mul(load(v + i), vrho), hn::Mul(hn::Mul(gi, gi), vrest));
    store(vi, v + i);
    const VF step = hn::Div(hn::Mul(gi, vrate), hn::Sqrt(hn::Add(vi, veps)));
    store(hn::Sub(load(w + i), step), w + i);
  });
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace litesmith::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace litesmith::kernels {

HWY_EXPORT(Adam);
HWY_EXPORT(Sgd);
HWY_EXPORT(Nesterov);
HWY_EXPORT(RmsProp);

void AdamStep(float* w, float* m, float* v, const float* g, size_t n,
              float alpha, float one_minus_b1, float one_minus_b2, float eps) {
  HWY_DYNAMIC_DISPATCH(Adam)
  (w, m, v, g, n, alpha, one_minus_b1, one_minus_b2, eps);
}

void SgdStep(float* w, float* velocity, const float* g, size_t n, float rate,
             float momentum) {
  HWY_DYNAMIC_DISPATCH(Sgd)(w, velocity, g, n, rate, momentum);
}

void NesterovStep(float* w, float* velocity, const float* g, size_t n,
                  float rate, float momentum) {
  HWY_DYNAMIC_DISPATCH(Nesterov)(w, velocity, g, n, rate, momentum);
}

void RmsPropStep(float* w, float* v, const float* g, size_t n, float rate,
                 float rho, float eps) {
  HWY_DYNAMIC_DISPATCH(RmsProp)(w, v, g, n, rate, rho, eps);
}

}  // namespace litesmith::kernels
#endif
