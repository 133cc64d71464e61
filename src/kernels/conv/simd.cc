// Packs a convolution for the best target of this machine and chooses its
// kernel.
#include "src/kernels/conv/simd.h"

#include "src/kernels/common/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "src/kernels/conv/simd.cc"
#include <hwy/foreach_target.h>
// After foreach_target.
#include <hwy/highway.h>

#include "src/kernels/common/words-inl.h"
#include "src/kernels/conv/choose.h"
#include "src/kernels/conv/pack.h"

HWY_BEFORE_NAMESPACE();
namespace litesmith {
namespace HWY_NAMESPACE {
namespace {

#if HWY_TARGET == HWY_SCALAR
bool Pack(const ConvSpec&, PackedConv*) { return false; }
#else
bool Pack(const ConvSpec& spec, PackedConv* p) {
  return PackConvCommon(spec, static_cast<int>(hn::Lanes(DS32())), HasVnni(),
                        p);
}
#endif

}  // namespace
// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace litesmith
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace litesmith {

HWY_EXPORT(Pack);

std::unique_ptr<const PackedConv> PackConv2D(const ConvSpec& spec) {
  const Window& g = spec.window;
  if (g.filter_c != g.in_c) return nullptr;
  auto packed = std::make_unique<PackedConv>();
  if (!HWY_DYNAMIC_DISPATCH(Pack)(spec, packed.get())) return nullptr;
  switch (spec.kind) {
    case LayerKind::kF32F32:
      spec.exact ? ChooseConvExact(packed.get()) : ChooseConvF32(packed.get());
      break;
    case LayerKind::kS8S8:
      ChooseConvS8(packed.get());
      break;
    case LayerKind::kS16S8:
      ChooseConvS16(packed.get());
      break;
    case LayerKind::kF32S8:
      ChooseConvHybrid(packed.get());
      break;
  }
  return packed;
}

}  // namespace litesmith
#endif  // HWY_ONCE
