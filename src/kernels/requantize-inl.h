// Requantization of vectors of int32 accumulators and their narrowing to bytes,
// one definition a SIMD target. What is computed: requantize_pack.h.
#if defined(LITESMITH_KERNELS_REQUANTIZE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LITESMITH_KERNELS_REQUANTIZE_INL_H_
#undef LITESMITH_KERNELS_REQUANTIZE_INL_H_
#else
#define LITESMITH_KERNELS_REQUANTIZE_INL_H_
#endif

#include <hwy/highway.h>

#include "src/kernels/requantize_pack.h"
#include "src/kernels/words-inl.h"

HWY_BEFORE_NAMESPACE();
namespace litesmith {
namespace HWY_NAMESPACE {

#if HWY_TARGET != HWY_SCALAR

using DF64 = hn::Repartition<double, DS32>;
using VF64 = hn::Vec<DF64>;

// Requantizes one vector of channels, without the clamp.
template <bool kSigned>
class VectorRequantizer {
 public:
  // `channel`: of the first lane.
  HWY_INLINE VectorRequantizer(const PackedRequantizer& p, int channel) {
    const auto n = static_cast<int>(hn::Lanes(DF64()));
    for (int h = 0; h < 2; ++h) {
      const int at = channel + h * n;
      multiplier_[h] = hn::Load(DF64(), p.multiplier.as<double>() + at);
      offset_[h] = hn::Load(DF64(), p.offset.as<double>() + at);
      negative_offset_[h] =
          hn::Load(DF64(), p.negative_offset.as<double>() + at);
    }
  }
  // The halves of a vector of accumulators.
  HWY_INLINE VS32 Apply(hn::Vec<hn::Half<DS32>> lower,
                        hn::Vec<hn::Half<DS32>> upper) const {
    const VF64 y0 = One(hn::PromoteTo(DF64(), lower), 0);
    const VF64 y1 = One(hn::PromoteTo(DF64(), upper), 1);
    return hn::ConcatEven(DS32(), hn::BitCast(DS32(), y1),
                          hn::BitCast(DS32(), y0));
  }

 private:
  HWY_INLINE VF64 One(VF64 acc, int h) const {
    VF64 offset = offset_[h];
    if constexpr (kSigned) {
      offset = hn::IfNegativeThenElse(acc, negative_offset_[h], offset);
    }
    // The sum with 1.5 * 2^52 has no fraction: it is rounded to nearest, and
    // its low 32 bits are the integer.
    return hn::Add(hn::MulAdd(acc, multiplier_[h], offset),
                   hn::Set(DF64(), 6755399441055744.0));
  }

  VF64 multiplier_[2], offset_[2], negative_offset_[2];
};

using DS16 = hn::Repartition<int16_t, DS32>;
using DS8 = hn::Repartition<int8_t, DS32>;

// The lanes of a, b, c and d in order, narrowed to int8 with saturation.
HWY_INLINE hn::Vec<DS8> NarrowFour(VS32 a, VS32 b, VS32 c, VS32 d) {
  const auto ab = hn::ReorderDemote2To(DS16(), a, b);
  const auto cd = hn::ReorderDemote2To(DS16(), c, d);
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX2
  // Each 128-bit block holds four lanes of each; one permutation sorts them.
  const auto packed = hn::BitCast(DS32(), PackBytes(ab, cd));
#if HWY_TARGET == HWY_AVX3
  HWY_ALIGN static constexpr int32_t kOrder[] = {0, 4, 8,  12, 1, 5, 9,  13,
                                                 2, 6, 10, 14, 3, 7, 11, 15};
#else
  HWY_ALIGN static constexpr int32_t kOrder[] = {0, 4, 1, 5, 2, 6, 3, 7};
#endif
  return hn::BitCast(
      DS8(), hn::TableLookupLanes(packed, hn::SetTableIndices(DS32(), kOrder)));
#else
  const hn::Half<DS8> half;
  return hn::Combine(DS8(), hn::DemoteTo(half, cd), hn::DemoteTo(half, ab));
#endif
}

#endif  // HWY_SCALAR

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace litesmith
HWY_AFTER_NAMESPACE();

#endif  // LITESMITH_KERNELS_REQUANTIZE_INL_H_
