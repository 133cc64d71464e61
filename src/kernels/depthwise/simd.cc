// Packs a depthwise convolution for the best target of this machine and chooses
// its kernel.
#include "src/kernels/depthwise/simd.h"

#include "src/kernels/common/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "src/kernels/depthwise/simd.cc"
#include <hwy/foreach_target.h>
// After foreach_target.
#include <hwy/highway.h>

#include <utility>

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

namespace {

// An image of one column as one of one row, which is the same memory: tiles lie
// along rows.
DepthwiseSpec AlongRows(const DepthwiseSpec& spec) {
  DepthwiseSpec turned = spec;
  Window& g = turned.window;
  if (g.in_w != 1 || g.filter_w != 1 || g.out_w != 1 || g.in_h == 1)
    return turned;
  std::swap(g.in_h, g.in_w);
  std::swap(g.filter_h, g.filter_w);
  std::swap(g.stride_h, g.stride_w);
  std::swap(g.dilation_h, g.dilation_w);
  std::swap(g.pad_top, g.pad_left);
  std::swap(g.out_h, g.out_w);
  return turned;
}

}  // namespace

std::unique_ptr<const PackedDepthwise> PackDepthwise(
    const DepthwiseSpec& given) {
  const DepthwiseSpec spec = AlongRows(given);
  const int lanes = HWY_DYNAMIC_DISPATCH(DepthwiseLanes)();
  auto packed = std::make_unique<PackedDepthwise>();
  if (lanes == 0 || !PackDepthwiseCommon(spec, lanes, packed.get()))
    return nullptr;
  switch (spec.kind) {
    case LayerKind::kF32F32:
      ChooseDepthwiseFloat(packed.get());
      break;
    case LayerKind::kS8S8:
      ChooseDepthwiseS8(packed.get());
      break;
    case LayerKind::kS16S8:
      ChooseDepthwiseS16(packed.get());
      break;
    case LayerKind::kF32S8:
      ChooseDepthwiseHybrid(packed.get());
      break;
  }
  return packed;
}

}  // namespace litesmith
#endif  // HWY_ONCE
