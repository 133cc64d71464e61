// CONV_2D of int8 on SIMD.
#include "src/kernels/common/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "src/kernels/conv/simd_s8.cc"
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

#if HWY_TARGET != HWY_SCALAR
auto ChooseTiles(const PackedConv& p) {
  switch (p.requantizer.form) {
    case RequantForm::kPlain:
      return ChooseWinograd<WordsS16,
                            EpilogueInteger<int8_t, RequantForm::kPlain> >(p);
    case RequantForm::kSigned:
      return ChooseWinograd<WordsS16,
                            EpilogueInteger<int8_t, RequantForm::kSigned> >(p);
    default:
      return ChooseWinograd<WordsS16,
                            EpilogueInteger<int8_t, RequantForm::kLeft> >(p);
  }
}
#endif

#if HWY_TARGET == HWY_AVX3
auto ChooseAmx(const PackedConv& p) {
  switch (p.requantizer.form) {
    case RequantForm::kPlain:
      return &RunAmx<EpilogueInteger<int8_t, RequantForm::kPlain> >;
    case RequantForm::kSigned:
      return &RunAmx<EpilogueInteger<int8_t, RequantForm::kSigned> >;
    default:
      return &RunAmx<EpilogueInteger<int8_t, RequantForm::kLeft> >;
  }
}
#endif

void ChooseS8Here([[maybe_unused]] PackedConv* p) {
#if HWY_TARGET != HWY_SCALAR
#if HWY_TARGET == HWY_AVX3
  if (CutForAmx(p)) {
    p->run = ChooseAmx(*p);
    return;
  }
  if (p->vnni) {
    p->run = ChooseInteger<WordsU8Vnni, int8_t>(*p);
    return;
  }
#endif
  p->run =
      p->winograd != 0 ? ChooseTiles(*p) : ChooseInteger<WordsS16, int8_t>(*p);
#endif
}

}  // namespace
// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace litesmith
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace litesmith {

HWY_EXPORT(ChooseS8Here);

void ChooseConvS8(PackedConv* packed) {
  HWY_DYNAMIC_DISPATCH(ChooseS8Here)(packed);
}

}  // namespace litesmith
#endif  // HWY_ONCE
