// Requantization of vectors of int32 accumulators and their narrowing to bytes,
// one definition a SIMD target. What is computed: requantize_pack.h.
#if defined(LITESMITH_KERNELS_COMMON_REQUANTIZE_INL_H_) == \
    defined(HWY_TARGET_TOGGLE)
#ifdef LITESMITH_KERNELS_COMMON_REQUANTIZE_INL_H_
#undef LITESMITH_KERNELS_COMMON_REQUANTIZE_INL_H_
#else
#define LITESMITH_KERNELS_COMMON_REQUANTIZE_INL_H_
#endif

#include <hwy/highway.h>

#include "src/kernels/common/requantize_pack.h"
#include "src/kernels/common/words-inl.h"

HWY_BEFORE_NAMESPACE();
namespace litesmith {
namespace HWY_NAMESPACE {

#if HWY_TARGET != HWY_SCALAR

using DU64 = hn::Repartition<uint64_t, DS32>;
using VU64 = hn::Vec<DU64>;

// Requantizes one vector of channels, without the clamp.
template <RequantForm kForm>
class VectorRequantizer {
 public:
  // `channel`: of the first lane.
  HWY_INLINE VectorRequantizer(const PackedRequantizer& p, int channel)
      : multiplier_(hn::Load(DS32(), p.multiplier.as<int32_t>() + channel)),
        odd_multiplier_(Odd(multiplier_)),
        subtract_(hn::Load(DS32(), p.subtract.as<int32_t>() + channel)),
        left_(hn::Load(DS32(), p.left.as<int32_t>() + channel)),
        add_{At(p.add, channel), At(p.add, channel + kHalf)},
        shift_{At(p.shift, channel), At(p.shift, channel + kHalf)},
        sign_{At(p.sign, channel), At(p.sign, channel + kHalf)} {}

  HWY_INLINE VS32 Apply(VS32 acc) const {
    if constexpr (kForm == RequantForm::kLeft) acc = hn::Shl(acc, left_);
    const VS32 y0 = One(acc, multiplier_, 0);
    const VS32 y1 = One(Odd(acc), odd_multiplier_, 1);
    return hn::Sub(hn::OddEven(y1, y0), subtract_);
  }

 private:
  static constexpr int kHalf = hn::MaxLanes(DU64());

  static HWY_INLINE VU64 At(const PackedBuffer& b, int i) {
    return hn::Load(DU64(), b.as<uint64_t>() + i);
  }
  static HWY_INLINE VS32 Odd(VS32 v) {
    return hn::BitCast(DS32(), hn::ShiftRight<32>(hn::BitCast(DU64(), v)));
  }
  // Of the even lanes of acc.
  HWY_INLINE VS32 One(VS32 acc, VS32 multiplier, int h) const {
    const DU64 d;
    VU64 sum = hn::Add(hn::BitCast(d, hn::MulEven(acc, multiplier)), add_[h]);
    if constexpr (kForm != RequantForm::kPlain) {
      sum = hn::Sub(sum, hn::And(hn::BitCast(d, acc), sign_[h]));
    }
    return hn::BitCast(DS32(), hn::Shr(sum, shift_[h]));
  }

  VS32 multiplier_, odd_multiplier_, subtract_, left_;
  VU64 add_[2], shift_[2], sign_[2];
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

#endif  // LITESMITH_KERNELS_COMMON_REQUANTIZE_INL_H_
