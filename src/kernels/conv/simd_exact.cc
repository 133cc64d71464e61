// CONV_2D of floats on SIMD in the reference's order of sums and roundings.
#include "src/kernels/common/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "src/kernels/conv/simd_exact.cc"
#include <hwy/foreach_target.h>
// After foreach_target.
#include <hwy/highway.h>

#include "src/kernels/conv/choose.h"
#include "src/kernels/conv/run-inl.h"

HWY_BEFORE_NAMESPACE();
namespace litesmith {
namespace HWY_NAMESPACE {
namespace {

void ChooseExactHere([[maybe_unused]] PackedConv* p) {
#if HWY_TARGET != HWY_SCALAR
  p->run = Choose<WordsF32Exact, EpilogueF32Exact>(*p);
#endif
}

}  // namespace
// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace litesmith
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace litesmith {

HWY_EXPORT(ChooseExactHere);

void ChooseConvExact(PackedConv* packed) {
  HWY_DYNAMIC_DISPATCH(ChooseExactHere)(packed);
}

}  // namespace litesmith
#endif  // HWY_ONCE
