// Products of vectors of 32 bits whose values have 16, one definition a SIMD
// target: the instruction for pairs of them takes half the time of a product of
// 32 bits.
#if defined(LITESMITH_KERNELS_COMMON_PRODUCTS16_INL_H_) == \
    defined(HWY_TARGET_TOGGLE)
#ifdef LITESMITH_KERNELS_COMMON_PRODUCTS16_INL_H_
#undef LITESMITH_KERNELS_COMMON_PRODUCTS16_INL_H_
#else
#define LITESMITH_KERNELS_COMMON_PRODUCTS16_INL_H_
#endif

#include <hwy/highway.h>

#include "src/kernels/common/words-inl.h"

HWY_BEFORE_NAMESPACE();
namespace litesmith {
namespace HWY_NAMESPACE {

#if HWY_TARGET != HWY_SCALAR

// What a factor has to be, one of two: the upper half of a pair is none there.
HWY_INLINE VS32 Factor16(VS32 w) {
#if HWY_ARCH_X86
  return hn::And(w, hn::Set(DS32(), 0xFFFF));
#else
  return w;
#endif
}

// acc + x * w, x and w of 16 bits, w by Factor16.
HWY_INLINE VS32 MulAdd16(VS32 acc, VS32 x, VS32 w) {
#if HWY_ARCH_X86
  return PairDot(acc, x, w);
#else
  return hn::Add(acc, hn::Mul(x, w));
#endif
}
HWY_INLINE VS32 Mul16(VS32 x, VS32 w) {
  return MulAdd16(hn::Zero(DS32()), x, w);
}

#endif  // HWY_SCALAR

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace litesmith
HWY_AFTER_NAMESPACE();

#endif  // LITESMITH_KERNELS_COMMON_PRODUCTS16_INL_H_
