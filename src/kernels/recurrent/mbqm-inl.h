// MBQM of vectors of 32 bits by any multiplier, one definition a SIMD target.
// What is computed: kernels/common/fixed_point.h.
#if defined(LITESMITH_KERNELS_RECURRENT_MBQM_INL_H_) == \
    defined(HWY_TARGET_TOGGLE)
#ifdef LITESMITH_KERNELS_RECURRENT_MBQM_INL_H_
#undef LITESMITH_KERNELS_RECURRENT_MBQM_INL_H_
#else
#define LITESMITH_KERNELS_RECURRENT_MBQM_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>

#include "src/kernels/common/fixed_point.h"
#include "src/kernels/common/words-inl.h"

HWY_BEFORE_NAMESPACE();
namespace litesmith {
namespace HWY_NAMESPACE {

#if HWY_TARGET != HWY_SCALAR

// RDPOT: x / 2^bits, ties away from zero.
class VectorDivideByPot {
 public:
  explicit VectorDivideByPot(int bits)
      : bits_(bits),
        mask_(hn::Set(DS32(), static_cast<int32_t>((int64_t{1} << bits) - 1))),
        half_(hn::ShiftRight<1>(mask_)) {}

  HWY_INLINE VS32 operator()(VS32 x) const {
    // One more where the rest is above the half, which counts one more below
    // zero.
    const VS32 threshold = hn::Sub(half_, hn::ShiftRight<31>(x));
    const VS32 up =
        hn::VecFromMask(DS32(), hn::Gt(hn::And(x, mask_), threshold));
    return hn::Sub(hn::ShiftRightSame(x, bits_), up);
  }

 private:
  int bits_;
  VS32 mask_, half_;
};

// The upper half of the doubled product in 64 bits, then the second rounding in
// 32.
class VectorMbqm {
 public:
  using DU64 = hn::Repartition<uint64_t, DS32>;

  explicit VectorMbqm(FixedMultiplier m)
      : left_(std::max(m.shift, 0)),
        divide_(std::max(-m.shift, 0)),
        value_(hn::Set(DS32(), m.value)) {}

  HWY_INLINE VS32 operator()(VS32 x) const {
    const DS32 d;
    x = hn::ShiftLeftSame(x, left_);
    const VS32 even = HighDoubled(x);
    const VS32 odd =
        HighDoubled(hn::BitCast(d, hn::ShiftRight<32>(hn::BitCast(DU64(), x))));
    return divide_(hn::OddEven(
        hn::BitCast(d, hn::ShiftLeft<32>(hn::BitCast(DU64(), odd))), even));
  }

 private:
  // (x * value + 2^30) >> 31 of the even lanes, in these.
  HWY_INLINE VS32 HighDoubled(VS32 x) const {
    const auto product = hn::BitCast(DU64(), hn::MulEven(x, value_));
    const auto rounded = hn::Add(product, hn::Set(DU64(), uint64_t{1} << 30));
    return hn::BitCast(DS32(), hn::ShiftRight<31>(rounded));
  }

  int left_;
  VectorDivideByPot divide_;
  VS32 value_;
};

#endif  // HWY_SCALAR

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace litesmith
HWY_AFTER_NAMESPACE();

#endif  // LITESMITH_KERNELS_RECURRENT_MBQM_INL_H_
