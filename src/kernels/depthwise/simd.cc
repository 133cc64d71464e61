// Packs a depthwise convolution for the best target of this machine and chooses
// its kernel.
#include "src/kernels/depthwise/simd.h"

#include "src/kernels/common/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "src/kernels/depthwise/simd.cc"
#include <hwy/foreach_target.h>
// After foreach_target.
#include <hwy/highway.h>

#include "src/kernels/common/words-inl.h"
#include "src/kernels/depthwise/pack.h"

HWY_BEFORE_NAMESPACE();
namespace litesmith {
namespace HWY_NAMESPACE {
namespace {

// 0: no vectors at all.
int DepthwiseLanes() {
#if HWY_TARGET == HWY_SCALAR
  return 0;
#else
  return static_cast<int>(hn::Lanes(DS32()));
#endif
}

}  // namespace
// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace litesmith
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace litesmith {

HWY_EXPORT(DepthwiseLanes);

std::unique_ptr<const PackedDepthwise> PackDepthwise(
    const DepthwiseSpec& spec) {
  const int lanes = HWY_DYNAMIC_DISPATCH(DepthwiseLanes)();
  auto packed = std::make_unique<PackedDepthwise>();
  if (lanes == 0 || !PackDepthwiseCommon(spec, lanes, packed.get()))
    return nullptr;
  spec.kind == LayerKind::kF32F32 ? ChooseDepthwiseFloat(packed.get())
                                  : ChooseDepthwiseInteger(packed.get());
  return packed;
}

}  // namespace litesmith
#endif  // HWY_ONCE
