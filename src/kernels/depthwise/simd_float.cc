// DEPTHWISE_CONV_2D of floats on SIMD.
#include "src/kernels/common/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "src/kernels/depthwise/simd_float.cc"
#include <hwy/foreach_target.h>
// After foreach_target.
#include <hwy/highway.h>

#include "src/kernels/depthwise/pack.h"
#include "src/kernels/depthwise/run-inl.h"

HWY_BEFORE_NAMESPACE();
namespace litesmith {
namespace HWY_NAMESPACE {
namespace {

#if HWY_TARGET != HWY_SCALAR

// The bias comes last, as in the reference twin; then the clamp.
class EpilogueFloat {
 public:
  using Out = float;
  EpilogueFloat(const PackedDepthwise& p, int block, DynamicScale)
      : bias_(hn::Load(DF32(), p.bias.as<float>() + block * p.lanes)),
        lo_(hn::Set(DF32(), p.spec.lo)),
        hi_(hn::Set(DF32(), p.spec.hi)) {}
  HWY_INLINE VF32 Start() const { return hn::Zero(DF32()); }
  HWY_INLINE void Store(VF32 sum, float* y) const {
    const VF32 v = hn::Add(sum, bias_);
    hn::StoreU(hn::Min(hn::Max(v, lo_), hi_), DF32(), y);
  }

 private:
  VF32 bias_, lo_, hi_;
};

template <class Taps>
void RunFloat(const PackedDepthwise& p, int images, const void* x, void* y,
              std::byte* workspace) {
  const Window& g = p.spec.window;
  const auto* in = static_cast<const float*>(x);
  auto* out = static_cast<float*>(y);
  for (int n = 0; n < images; ++n, in += g.in_size(), out += g.out_size()) {
    if (p.needs_copy) CopyChannels(p, CopySame<float>(), in, workspace);
    RunImage<Taps, EpilogueFloat>(
        p, p.needs_copy ? static_cast<const void*>(workspace) : in, {}, out);
  }
}

#endif  // HWY_SCALAR

void ChooseFloatHere([[maybe_unused]] PackedDepthwise* p) {
#if HWY_TARGET != HWY_SCALAR
  p->run = p->spec.exact ? RunFloat<OneTapExact> : RunFloat<OneTap>;
#endif
}

}  // namespace
// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace litesmith
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace litesmith {

HWY_EXPORT(ChooseFloatHere);

void ChooseDepthwiseFloat(PackedDepthwise* packed) {
  HWY_DYNAMIC_DISPATCH(ChooseFloatHere)(packed);
}

}  // namespace litesmith
#endif  // HWY_ONCE
