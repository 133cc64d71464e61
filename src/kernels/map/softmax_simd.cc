// Softmax of float rows, for each SIMD target: the largest value, the
// exponentials with their sum, and the quotients, a vector at a time.
#include "src/kernels/common/simd_targets.h"
#include "src/kernels/map/softmax.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "src/kernels/map/softmax_simd.cc"
#include <hwy/foreach_target.h>
// After foreach_target.
#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

#include <limits>

#include "src/kernels/common/train_simd.h"

HWY_BEFORE_NAMESPACE();
namespace litesmith::kernels {
namespace HWY_NAMESPACE {
namespace {

// e^v of v <= 0; NaN stays NaN.
HWY_INLINE VF ExpOf(VF v) {
  return hn::IfThenElse(hn::Eq(v, v), hn::Exp(DF(), v), v);
}

HWY_INLINE VF LargestOfRow(const float* x, int64_t whole, int left) {
  const DF d;
  VF max = hn::Set(d, -std::numeric_limits<float>::infinity());
  for (int64_t i = 0; i < whole; i += kLanes)
    max = hn::Max(max, hn::LoadU(d, x + i));
  if (left > 0) {
    const auto mask = hn::FirstN(d, static_cast<size_t>(left));
    max = hn::Max(max, hn::IfThenElse(mask, LoadFirst(x + whole, left), max));
  }
  return hn::MaxOfLanes(d, max);
}

void Softmax(const float* x, int64_t rows, int64_t depth, float beta,
             float* y) {
  const DF d;
  const VF factor = hn::Set(d, beta);
  const int left = static_cast<int>(depth % kLanes);
  const int64_t whole = depth - left;
  for (int64_t r = 0; r < rows; ++r, x += depth, y += depth) {
    const VF max = LargestOfRow(x, whole, left);
    const auto term = [&](VF v) HWY_ATTR {
      return ExpOf(hn::Mul(hn::Sub(v, max), factor));
    };
    VF sum = hn::Zero(d);
    for (int64_t i = 0; i < whole; i += kLanes) {
      const VF share = term(hn::LoadU(d, x + i));
      hn::StoreU(share, d, y + i);
      sum = hn::Add(sum, share);
    }
    VF last = hn::Zero(d);
    if (left > 0) {
      last = hn::IfThenElseZero(hn::FirstN(d, static_cast<size_t>(left)),
                                term(LoadFirst(x + whole, left)));
    }
    sum = hn::SumOfLanes(d, hn::Add(sum, last));
    for (int64_t i = 0; i < whole; i += kLanes)
      hn::StoreU(hn::Div(hn::LoadU(d, y + i), sum), d, y + i);
    if (left > 0) StoreFirst(hn::Div(last, sum), left, y + whole);
  }
}

}  // namespace
// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace litesmith::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace litesmith::kernels {

HWY_EXPORT(Softmax);

void SoftmaxF32Simd(const float* x, int64_t rows, int64_t depth, float beta,
                    float* y) {
  HWY_DYNAMIC_DISPATCH(Softmax)(x, rows, depth, beta, y);
}

}  // namespace litesmith::kernels
#endif  // HWY_ONCE
