// From the sums of a convolution of any kind to its output: bias, activation,
// requantization, narrowing and the store, one definition a SIMD target. What
// is packed has `spec` (common/layer_spec.h), bias, scales and requantizer.
//
// Requantization is long compared with the products of a small window, and uses
// other execution units. So integers may be written one tile late, in four
// parts between the products of the next tile.
#if defined(LITESMITH_KERNELS_COMMON_EPILOGUE_INL_H_) == \
    defined(HWY_TARGET_TOGGLE)
#ifdef LITESMITH_KERNELS_COMMON_EPILOGUE_INL_H_
#undef LITESMITH_KERNELS_COMMON_EPILOGUE_INL_H_
#else
#define LITESMITH_KERNELS_COMMON_EPILOGUE_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "src/kernels/common/requantize-inl.h"
#include "src/kernels/quantize/dynamic.h"

HWY_BEFORE_NAMESPACE();
namespace litesmith {
namespace HWY_NAMESPACE {

#if HWY_TARGET != HWY_SCALAR

// What becomes of a vector of sums. Each has: V, the sums' vector; Out, the
// output's elements; Start, the value that sums begin with; Finish.

// Float: clamp.
class EpilogueF32 {
 public:
  using V = VF32;
  using Out = float;
  template <class Packed>
  EpilogueF32(const Packed& p, int channel, DynamicScale)
      : bias_(hn::Load(DF32(), p.bias.template as<float>() + channel)),
        lo_(hn::Set(DF32(), p.spec.lo)),
        hi_(hn::Set(DF32(), p.spec.hi)) {}
  HWY_INLINE VF32 Start() const { return bias_; }
  HWY_INLINE VF32 Finish(VF32 sum) const {
    return hn::Min(hn::Max(sum, lo_), hi_);
  }

 private:
  VF32 bias_, lo_, hi_;
};

// The same, but the bias comes last, as in the reference twin.
class EpilogueF32Exact {
 public:
  using V = VF32;
  using Out = float;
  template <class Packed>
  EpilogueF32Exact(const Packed& p, int channel, DynamicScale scale)
      : bias_(hn::Load(DF32(), p.bias.template as<float>() + channel)),
        clamp_(p, channel, scale) {}
  HWY_INLINE VF32 Start() const { return hn::Zero(DF32()); }
  HWY_INLINE VF32 Finish(VF32 sum) const {
    return clamp_.Finish(hn::Add(sum, bias_));
  }

 private:
  VF32 bias_;
  EpilogueF32 clamp_;
};

// Hybrid: the sum of products back to float. `image` is this image's scale.
class EpilogueHybrid {
 public:
  using V = VS32;
  using Out = float;
  template <class Packed>
  EpilogueHybrid(const Packed& p, int channel, DynamicScale image)
      : start_(hn::Zero(DS32())),
        bias_(hn::Load(DF32(), p.bias.template as<float>() + channel)),
        lo_(hn::Set(DF32(), p.spec.lo)),
        hi_(hn::Set(DF32(), p.spec.hi)),
        w_scale_(hn::Load(DF32(), p.scales.template as<float>() + channel)),
        x_scale_(hn::Set(DF32(), image.scale)),
        per_channel_(p.spec.per_channel) {
    if (p.vnni) {  // the image holds x + 128
      start_ = hn::Mul(
          hn::Load(DS32(), p.weight_sums.template as<int32_t>() + channel),
          hn::Set(DS32(), -128 - image.zero_point));
    }
  }
  HWY_INLINE VS32 Start() const { return start_; }
  HWY_INLINE VF32 Finish(VS32 sum) const {
    const VF32 x = hn::ConvertTo(DF32(), sum);
    const VF32 real = per_channel_ ? hn::Mul(hn::Mul(x, w_scale_), x_scale_)
                                   : hn::Mul(x, hn::Mul(x_scale_, w_scale_));
    return hn::Min(hn::Max(hn::Add(real, bias_), lo_), hi_);
  }

 private:
  VS32 start_;
  VF32 bias_, lo_, hi_, w_scale_, x_scale_;
  bool per_channel_;
};

// Integers: requantize. The clamp is left to the store.
template <typename T, RequantForm kForm>
class EpilogueInteger {
 public:
  using V = VS32;
  using Out = T;
  template <class Packed>
  HWY_INLINE EpilogueInteger(const Packed& p, int channel, DynamicScale)
      : bias_(hn::Load(DS32(), p.bias.template as<int32_t>() + channel)),
        requantizer_(p.requantizer, channel) {}
  HWY_INLINE VS32 Start() const { return bias_; }
  HWY_INLINE VS32 Finish(VS32 sum) const { return requantizer_.Apply(sum); }

 private:
  VS32 bias_;
  VectorRequantizer<kForm> requantizer_;
};

// Stores kOutputs positions of kV vectors each, position k at y[k].
template <int kOutputs, int kV>
HWY_INLINE void StoreTile(const VF32* v, const PackedRequantizer&,
                          float* const* y) {
  for (int k = 0; k < kOutputs; ++k) {
    for (int i = 0; i < kV; ++i) {
      hn::StoreU(v[k * kV + i], DF32(), y[k] + i * hn::MaxLanes(DF32()));
    }
  }
}

template <int kOutputs, int kV>
HWY_INLINE void StoreTile(const VS32* v, const PackedRequantizer& p,
                          int16_t* const* y) {
  const DS32 d;
  const hn::Rebind<int16_t, DS32> d16;
  const VS32 lo = hn::Set(d, p.lo);
  const VS32 hi = hn::Set(d, p.hi);
  for (int k = 0; k < kOutputs; ++k) {
    for (int i = 0; i < kV; ++i) {
      const VS32 clamped = hn::Min(hn::Max(v[k * kV + i], lo), hi);
      hn::StoreU(hn::DemoteTo(d16, clamped), d16, y[k] + i * hn::MaxLanes(d));
    }
  }
}

// Stores kPieces of a vector's 4 / kV parts, part k at y[k].
template <int kParts, int kPieces, class D, class V>
HWY_INLINE void StoreParts(V v, D d, int8_t* const* y) {
  if constexpr (kParts == 1) {
    hn::StoreU(v, d, y[0]);
  } else {
    const hn::Half<D> half;
    StoreParts<kParts / 2, std::min(kPieces, kParts / 2)>(
        hn::LowerHalf(half, v), half, y);
    if constexpr (kPieces > kParts / 2) {
      StoreParts<kParts / 2, kPieces - kParts / 2>(hn::UpperHalf(half, v), half,
                                                   y + kParts / 2);
    }
  }
}

template <int kOutputs, int kV>
HWY_INLINE void StoreTile(const VS32* v, const PackedRequantizer& p,
                          int8_t* const* y) {
  const DS8 d;
  const auto lo = hn::Set(d, static_cast<int8_t>(p.lo));
  const auto hi = hn::Set(d, static_cast<int8_t>(p.hi));
  // Positions that one vector of bytes holds.
  constexpr int kParts = 4 / kV;
  constexpr int kPieces = std::min(kOutputs, kParts);
  constexpr int kLast = kPieces * kV - 1;
  const auto narrow = NarrowFour(v[0], v[std::min(1, kLast)],
                                 v[std::min(2, kLast)], v[std::min(3, kLast)]);
  StoreParts<kParts, kPieces>(hn::Min(hn::Max(narrow, lo), hi), d, y);
  if constexpr (kOutputs > kPieces)
    StoreTile<kOutputs - kPieces, kV>(v + kPieces * kV, p, y + kPieces);
}

// Takes tiles of kOutputs positions of kV vectors of sums, and writes them.
template <class Epilogue, int kOutputs, int kV>
class TileWriter {
 public:
  static constexpr bool kLate = false;
  using Out = typename Epilogue::Out;
  HWY_INLINE TileWriter(const PackedRequantizer& requantizer,
                        const Epilogue* epilogues, std::byte*, Out*)
      : epilogues_(epilogues), requantizer_(requantizer) {}
  HWY_INLINE void Put(const typename Epilogue::V* sums, Out* y,
                      ptrdiff_t pitch) {
    decltype(epilogues_->Finish(sums[0])) out[kOutputs * kV];
    HWY_UNROLL(32)  // else sums of large tiles would go through memory
    for (int k = 0; k < kOutputs * kV; ++k) {
      out[k] = epilogues_[k % kV].Finish(sums[k]);
    }
    Out* positions[kOutputs];
    for (int k = 0; k < kOutputs; ++k) positions[k] = y + k * pitch;
    StoreTile<kOutputs, kV>(out, requantizer_, positions);
  }
  HWY_INLINE void Flush() const {}

 private:
  const Epilogue* epilogues_;
  const PackedRequantizer& requantizer_;
};

// The same for integers, one tile late: a tile is kept in memory, as the next
// one needs the registers, and written by Part<0> .. Part<3> and Write.
template <class Epilogue, int kOutputs, int kV>
class LateTileWriter {
 public:
  static constexpr bool kLate = true;
  static constexpr int kCount = kOutputs * kV;
  using Out = typename Epilogue::Out;
  // Before the first tile, what `memory` happens to hold becomes `scratch`.
  HWY_INLINE LateTileWriter(const PackedRequantizer& requantizer,
                            const Epilogue* epilogues, std::byte* memory,
                            Out* scratch)
      : epilogues_(epilogues),
        requantizer_(requantizer),
        sums_(reinterpret_cast<int32_t*>(memory)),
        y_(scratch),
        pitch_(kV * kLanes) {}
  HWY_INLINE void Put(const VS32* sums, Out* y, ptrdiff_t pitch) {
    for (int k = 0; k < kCount; ++k) {
      hn::Store(sums[k], DS32(), sums_ + k * kLanes);
    }
    y_ = y;
    pitch_ = pitch;
  }
  // `out` holds kCount vectors.
  template <int kPart>
  HWY_INLINE void Part(VS32* out) const {
    for (int k = kCount * kPart / 4; k < kCount * (kPart + 1) / 4; ++k) {
      out[k] = epilogues_[k % kV].Finish(hn::Load(DS32(), sums_ + k * kLanes));
    }
  }
  HWY_INLINE void Write(const VS32* out) const {
    Out* positions[kOutputs];
    for (int k = 0; k < kOutputs; ++k) positions[k] = y_ + k * pitch_;
    StoreTile<kOutputs, kV>(out, requantizer_, positions);
  }
  HWY_INLINE void Flush() const {
    VS32 out[kCount];
    Part<0>(out), Part<1>(out), Part<2>(out), Part<3>(out);
    Write(out);
  }

 private:
  static constexpr int kLanes = hn::MaxLanes(DS32());
  const Epilogue* epilogues_;
  const PackedRequantizer& requantizer_;
  int32_t* sums_;
  Out* y_;
  ptrdiff_t pitch_;
};

#endif  // HWY_SCALAR

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace litesmith
HWY_AFTER_NAMESPACE();

#endif  // LITESMITH_KERNELS_COMMON_EPILOGUE_INL_H_
