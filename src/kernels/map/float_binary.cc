// One vector after the other; what is left goes one at a time.
#include "src/kernels/map/float_binary.h"

#include "src/kernels/common/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "src/kernels/map/float_binary.cc"
#include <hwy/foreach_target.h>
// After foreach_target.
#include <hwy/highway.h>

#include "src/kernels/common/words-inl.h"

HWY_BEFORE_NAMESPACE();
namespace litesmith {
namespace HWY_NAMESPACE {
namespace {

template <FloatBinary kF, class V>
HWY_INLINE V Join(V a, V b) {
  if constexpr (kF == FloatBinary::kAdd) return hn::Add(a, b);
  if constexpr (kF == FloatBinary::kSubtract) return hn::Sub(a, b);
  return hn::Mul(a, b);
}

// kConstant: which input is one element for all, 2: none.
template <FloatBinary kF, int kConstant, class D>
HWY_INLINE int64_t Loop(D d, kernels::FloatRange range, const float* a,
                        const float* b, int64_t i, int64_t n, float* y) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto low = hn::Set(d, range.low);
  const auto high = hn::Set(d, range.high);
  for (; i + lanes <= n; i += lanes) {
    const auto of_a = kConstant == 0 ? hn::Set(d, *a) : hn::LoadU(d, a + i);
    const auto of_b = kConstant == 1 ? hn::Set(d, *b) : hn::LoadU(d, b + i);
    const auto v = Join<kF>(of_a, of_b);
    // Where v is NaN, neither is true.
    const auto above = hn::IfThenElse(hn::Lt(v, low), low, v);
    hn::StoreU(hn::IfThenElse(hn::Gt(above, high), high, above), d, y + i);
  }
  return i;
}

template <FloatBinary kF, int kConstant>
void RunAll(kernels::FloatRange range, const float* a, const float* b,
            int64_t n, float* y) {
  const int64_t i = Loop<kF, kConstant>(DF32(), range, a, b, 0, n, y);
  Loop<kF, kConstant>(hn::CappedTag<float, 1>(), range, a, b, i, n, y);
}

template <FloatBinary kF>
void RunOne(int constant, kernels::FloatRange range, const float* a,
            const float* b, int64_t n, float* y) {
  const auto run = constant == 0   ? RunAll<kF, 0>
                   : constant == 1 ? RunAll<kF, 1>
                                   : RunAll<kF, 2>;
  run(range, a, b, n, y);
}

void FloatBinaryHere(FloatBinary f, int constant, kernels::FloatRange range,
                     const float* a, const float* b, int64_t n, float* y) {
  const auto run = f == FloatBinary::kAdd ? RunOne<FloatBinary::kAdd>
                   : f == FloatBinary::kSubtract
                       ? RunOne<FloatBinary::kSubtract>
                       : RunOne<FloatBinary::kMultiply>;
  run(constant, range, a, b, n, y);
}

}  // namespace
// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace litesmith
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace litesmith {

HWY_EXPORT(FloatBinaryHere);

void RunFloatBinary(FloatBinary f, kernels::FloatRange range, const float* a,
                    int64_t step_a, const float* b, int64_t step_b, int64_t n,
                    float* y) {
  HWY_DYNAMIC_DISPATCH(FloatBinaryHere)
  (f, step_a == 0 ? 0 : step_b == 0 ? 1 : 2, range, a, b, n, y);
}

}  // namespace litesmith
#endif  // HWY_ONCE
