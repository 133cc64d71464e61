// DEPTHWISE_CONV_2D of int16 with int8 weights on SIMD.
#include "src/kernels/common/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "src/kernels/depthwise/simd_s16.cc"
#include <hwy/foreach_target.h>
// After foreach_target.
#include <hwy/highway.h>

#include "src/kernels/depthwise/pack.h"
#include "src/kernels/depthwise/run-inl.h"

HWY_BEFORE_NAMESPACE();
namespace litesmith {
namespace HWY_NAMESPACE {
namespace {

void ChooseS16Here([[maybe_unused]] PackedDepthwise* p) {
#if HWY_TARGET != HWY_SCALAR
  p->run = ChooseWords<int16_t>(*p);
#endif
}

}  // namespace
// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace litesmith
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace litesmith {

HWY_EXPORT(ChooseS16Here);

void ChooseDepthwiseS16(PackedDepthwise* packed) {
  HWY_DYNAMIC_DISPATCH(ChooseS16Here)(packed);
}

}  // namespace litesmith
#endif  // HWY_ONCE
