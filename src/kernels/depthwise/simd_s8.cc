// DEPTHWISE_CONV_2D of int8 on SIMD.
#include "src/kernels/common/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "src/kernels/depthwise/simd_s8.cc"
#include <hwy/foreach_target.h>
// After foreach_target.
#include <hwy/highway.h>

#include "src/kernels/depthwise/pack.h"
#include "src/kernels/depthwise/run-inl.h"

HWY_BEFORE_NAMESPACE();
namespace litesmith {
namespace HWY_NAMESPACE {
namespace {

void ChooseS8Here([[maybe_unused]] PackedDepthwise* p) {
#if HWY_TARGET != HWY_SCALAR
  p->run = ChooseWords<int8_t>(*p);
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

void ChooseDepthwiseS8(PackedDepthwise* packed) {
  HWY_DYNAMIC_DISPATCH(ChooseS8Here)(packed);
}

}  // namespace litesmith
#endif  // HWY_ONCE
