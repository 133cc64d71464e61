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

template <class Words, class Epilogue>
void RunFloat(const PackedDepthwise& p, int images, const void* x, void* y,
              std::byte* workspace) {
  const Window& g = p.spec.window;
  const auto* in = static_cast<const float*>(x);
  auto* out = static_cast<float*>(y);
  const float* end = out + images * g.out_size();
  for (int n = 0; n < images; ++n, in += g.in_size(), out += g.out_size())
    RunImage<Words, Epilogue>(p, in, {}, out, end, workspace);
}

#endif  // HWY_SCALAR

void ChooseFloatHere([[maybe_unused]] PackedDepthwise* p) {
#if HWY_TARGET != HWY_SCALAR
  p->run = p->spec.exact ? RunFloat<WordsF32Exact, EpilogueF32Exact>
                         : RunFloat<WordsF32, EpilogueF32>;
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
