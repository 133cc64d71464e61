// CONV_2D of floats on SIMD.
#include "src/kernels/common/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "src/kernels/conv/simd_f32.cc"
#include <hwy/foreach_target.h>
// After foreach_target.
#include <hwy/highway.h>

#include "src/kernels/conv/choose.h"
#include "src/kernels/conv/even-inl.h"
#include "src/kernels/conv/run-inl.h"
#include "src/kernels/conv/winograd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace litesmith {
namespace HWY_NAMESPACE {
namespace {

void ChooseF32Here([[maybe_unused]] PackedConv* p) {
#if HWY_TARGET != HWY_SCALAR
  p->run = p->winograd != 0      ? ChooseWinograd<WordsF32, EpilogueF32>(*p)
           : p->window_pitch > 0 ? &RunEven
                                 : Choose<WordsF32, EpilogueF32>(*p);
#endif
}

}  // namespace
// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace litesmith
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace litesmith {

HWY_EXPORT(ChooseF32Here);

void ChooseConvF32(PackedConv* packed) {
  HWY_DYNAMIC_DISPATCH(ChooseF32Here)(packed);
}

}  // namespace litesmith
#endif  // HWY_ONCE
