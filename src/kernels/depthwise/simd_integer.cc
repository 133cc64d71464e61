// DEPTHWISE_CONV_2D with int8 weights on SIMD: of int8, int16, and floats that
// are quantized image by image.
#include "src/kernels/common/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "src/kernels/depthwise/simd_integer.cc"
#include <hwy/foreach_target.h>
// After foreach_target.
#include <hwy/highway.h>

#include <type_traits>

#include "src/kernels/depthwise/pack.h"
#include "src/kernels/depthwise/run-inl.h"
#include "src/kernels/quantize/simd.h"

HWY_BEFORE_NAMESPACE();
namespace litesmith {
namespace HWY_NAMESPACE {
namespace {

#if HWY_TARGET != HWY_SCALAR

// Requantization, narrowing, which brings channels back into order, and clamp.
template <typename T, RequantForm kForm>
class EpilogueInteger {
 public:
  using Out = T;
  EpilogueInteger(const PackedDepthwise& p, int block, DynamicScale)
      : start_{hn::Load(DS32(), p.bias.as<int32_t>() + First(p, block)),
               hn::Load(DS32(),
                        p.bias.as<int32_t>() + First(p, block) + p.lanes)},
        lower_(p.requantizer, First(p, block)),
        upper_(p.requantizer, First(p, block) + p.lanes),
        lo_(hn::Set(DS16(), static_cast<int16_t>(p.requantizer.lo))),
        hi_(hn::Set(DS16(), static_cast<int16_t>(p.requantizer.hi))) {}
  HWY_INLINE TwoTaps::Sum Start() const { return start_; }
  HWY_INLINE void Store(const TwoTaps::Sum& sum, T* y) const {
    const DS16 d;
    const auto narrow = hn::ReorderDemote2To(d, lower_.Apply(sum.lower),
                                             upper_.Apply(sum.upper));
    const auto clamped = hn::Min(hn::Max(narrow, lo_), hi_);
    if constexpr (std::is_same_v<T, int16_t>) {
      hn::StoreU(clamped, d, y);
    } else {
      const hn::Rebind<int8_t, DS16> d8;
      hn::StoreU(hn::DemoteTo(d8, clamped), d8, y);
    }
  }

 private:
  static int First(const PackedDepthwise& p, int block) {
    return 2 * block * p.lanes;
  }
  TwoTaps::Sum start_;
  VectorRequantizer<kForm> lower_, upper_;
  hn::Vec<DS16> lo_, hi_;
};

// The 128 bits of both in turn.
template <class D, class V>
HWY_INLINE void StoreAlternating(V lower, V upper, D d, float* y) {
  if constexpr (hn::MaxLanes(d) <= 4) {
    hn::StoreU(lower, d, y);
    hn::StoreU(upper, d, y + hn::MaxLanes(d));
  } else {
    const hn::Half<D> half;
    StoreAlternating(hn::LowerHalf(half, lower), hn::LowerHalf(half, upper),
                     half, y);
    StoreAlternating(hn::UpperHalf(half, lower), hn::UpperHalf(half, upper),
                     half, y + hn::MaxLanes(d));
  }
}

// Back to float: acc * (w_scale * x_scale) + bias, then the clamp.
class EpilogueHybrid {
 public:
  using Out = float;
  EpilogueHybrid(const PackedDepthwise& p, int block, DynamicScale image)
      : lo_(hn::Set(DF32(), p.spec.lo)), hi_(hn::Set(DF32(), p.spec.hi)) {
    for (int h = 0; h < 2; ++h) {
      const int at = (2 * block + h) * p.lanes;
      scale_[h] = hn::Mul(hn::Load(DF32(), p.scales.as<float>() + at),
                          hn::Set(DF32(), image.scale));
      bias_[h] = hn::Load(DF32(), p.bias.as<float>() + at);
    }
  }
  HWY_INLINE TwoTaps::Sum Start() const {
    return {hn::Zero(DS32()), hn::Zero(DS32())};
  }
  HWY_INLINE void Store(const TwoTaps::Sum& sum, float* y) const {
    StoreAlternating(Real(sum.lower, 0), Real(sum.upper, 1), DF32(), y);
  }

 private:
  HWY_INLINE VF32 Real(VS32 sum, int half) const {
    const VF32 real = hn::Mul(hn::ConvertTo(DF32(), sum), scale_[half]);
    return hn::Min(hn::Max(hn::Add(real, bias_[half]), lo_), hi_);
  }
  VF32 lo_, hi_;
  VF32 scale_[2], bias_[2];
};

template <typename T, RequantForm kForm>
void RunInteger(const PackedDepthwise& p, int images, const void* x, void* y,
                std::byte* workspace) {
  const Window& g = p.spec.window;
  const auto* in = static_cast<const T*>(x);
  auto* out = static_cast<T*>(y);
  for (int n = 0; n < images; ++n, in += g.in_size(), out += g.out_size()) {
    const void* image = p.needs_copy ? static_cast<const void*>(workspace) : in;
    if constexpr (std::is_same_v<T, int8_t>) {
      CopyChannels(p, CopyWidened{static_cast<int16_t>(p.spec.x_zero)}, in,
                   workspace);
    } else if (p.needs_copy) {
      CopyChannels(p, CopySame<int16_t>(), in, workspace);
    }
    RunImage<TwoTaps, EpilogueInteger<T, kForm> >(p, image, {}, out);
  }
}

void RunHybrid(const PackedDepthwise& p, int images, const void* x, void* y,
               std::byte* workspace) {
  const Window& g = p.spec.window;
  const auto* in = static_cast<const float*>(x);
  auto* out = static_cast<float*>(y);
  auto* quantized = reinterpret_cast<int8_t*>(workspace + p.quantized_at);
  for (int n = 0; n < images; ++n, in += g.in_size(), out += g.out_size()) {
    const DynamicScale scale =
        QuantizeAsymmetricSimd(in, g.in_size(), quantized);
    CopyChannels(p, CopyWidened{static_cast<int16_t>(scale.zero_point)},
                 quantized, workspace);
    RunImage<TwoTaps, EpilogueHybrid>(p, workspace, scale, out);
  }
}

template <typename T>
auto ChooseForm(const PackedDepthwise& p) {
  switch (p.requantizer.form) {
    case RequantForm::kPlain:
      return &RunInteger<T, RequantForm::kPlain>;
    case RequantForm::kSigned:
      return &RunInteger<T, RequantForm::kSigned>;
    default:
      return &RunInteger<T, RequantForm::kLeft>;
  }
}

#endif  // HWY_SCALAR

void ChooseIntegerHere([[maybe_unused]] PackedDepthwise* p) {
#if HWY_TARGET != HWY_SCALAR
  p->run = p->spec.kind == LayerKind::kS8S8    ? ChooseForm<int8_t>(*p)
           : p->spec.kind == LayerKind::kS16S8 ? ChooseForm<int16_t>(*p)
                                               : &RunHybrid;
#endif
}

}  // namespace
// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace litesmith
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace litesmith {

HWY_EXPORT(ChooseIntegerHere);

void ChooseDepthwiseInteger(PackedDepthwise* packed) {
  HWY_DYNAMIC_DISPATCH(ChooseIntegerHere)(packed);
}

}  // namespace litesmith
#endif  // HWY_ONCE
