// CONV_2D of floats with int8 weights on SIMD.
#include "src/kernels/common/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "src/kernels/conv/simd_hybrid.cc"
#include <hwy/foreach_target.h>
// After foreach_target.
#include <hwy/highway.h>

#include "src/kernels/conv/amx-inl.h"
#include "src/kernels/conv/choose.h"
#include "src/kernels/conv/run-inl.h"
#include "src/kernels/conv/winograd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace litesmith {
namespace HWY_NAMESPACE {
namespace {

void ChooseHybridHere([[maybe_unused]] PackedConv* p) {
#if HWY_TARGET != HWY_SCALAR
#if HWY_TARGET == HWY_AVX3
  if (CutForAmx(p)) {
    p->run = RunAmx<EpilogueHybrid>;
    return;
  }
  if (p->vnni) {
    p->run = Choose<WordsU8Vnni, EpilogueHybrid>(*p);
    return;
  }
#endif
  p->run = p->winograd != 0 ? ChooseWinograd<WordsS16, EpilogueHybrid>(*p)
                            : Choose<WordsS16, EpilogueHybrid>(*p);
#endif
}

}  // namespace
// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace litesmith
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace litesmith {

HWY_EXPORT(ChooseHybridHere);

void ChooseConvHybrid(PackedConv* packed) {
  HWY_DYNAMIC_DISPATCH(ChooseHybridHere)(packed);
}

}  // namespace litesmith
#endif  // HWY_ONCE
