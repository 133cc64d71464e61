// DEPTHWISE_CONV_2D of floats, quantized image by image, with int8 weights on
// SIMD.
#include "src/kernels/common/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "src/kernels/depthwise/simd_hybrid.cc"
#include <hwy/foreach_target.h>
// After foreach_target.
#include <hwy/highway.h>

#include "src/kernels/depthwise/pack.h"
#include "src/kernels/depthwise/run-inl.h"
#include "src/kernels/quantize/simd.h"

HWY_BEFORE_NAMESPACE();
namespace litesmith {
namespace HWY_NAMESPACE {
namespace {

#if HWY_TARGET != HWY_SCALAR
template <class Words>
void RunHybrid(const PackedDepthwise& p, int images, const void* x, void* y,
               std::byte* workspace) {
  const Window& g = p.spec.window;
  const auto* in = static_cast<const float*>(x);
  auto* out = static_cast<float*>(y);
  const float* end = out + images * g.out_size();
  auto* quantized = reinterpret_cast<int8_t*>(workspace + p.quantized_at);
  for (int n = 0; n < images; ++n, in += g.in_size(), out += g.out_size()) {
    const DynamicScale scale =
        QuantizeAsymmetricSimd(in, g.in_size(), quantized);
    RunImage<Words, EpilogueHybrid>(p, static_cast<const int8_t*>(quantized),
                                    scale, out, end, workspace);
  }
}

#endif

void ChooseHybridHere([[maybe_unused]] PackedDepthwise* p) {
#if HWY_TARGET != HWY_SCALAR
#if HWY_TARGET == HWY_AVX3
  if (HasVnni()) {
    p->run = &RunHybrid<WordsS16Vnni>;
    return;
  }
#endif
  p->run = &RunHybrid<WordsS16>;
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

void ChooseDepthwiseHybrid(PackedDepthwise* packed) {
  HWY_DYNAMIC_DISPATCH(ChooseHybridHere)(packed);
}

}  // namespace litesmith
#endif  // HWY_ONCE
