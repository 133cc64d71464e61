// The inner step shared by convolution kernels, one definition a SIMD target:
// acc += x * w, where w is a vector of 32-bit words, one an output channel,
// and x one word of the input broadcast to all lanes. A word is one float, two
// int16, or four bytes (x unsigned, w signed; AVX-512 VNNI only).
//
// Highway 1.0.3 has no 8-bit dot product, and its AVX3_DL target is compiled
// for AVX-VNNI, which Zen 4 lacks. So the two VNNI instructions stand here as
// assembly in the AVX3 target, and callers ask HasVnni() first.
#if defined(LITESMITH_KERNELS_COMMON_WORDS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LITESMITH_KERNELS_COMMON_WORDS_INL_H_
#undef LITESMITH_KERNELS_COMMON_WORDS_INL_H_
#else
#define LITESMITH_KERNELS_COMMON_WORDS_INL_H_
#endif

#include <hwy/highway.h>

#include <cstdint>
#include <cstring>

HWY_BEFORE_NAMESPACE();
namespace litesmith {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using DF32 = hn::ScalableTag<float>;
using DS32 = hn::ScalableTag<int32_t>;
using VF32 = hn::Vec<DF32>;
using VS32 = hn::Vec<DS32>;

#if HWY_TARGET == HWY_AVX3
HWY_INLINE bool HasVnni() {
  return (hwy::SupportedTargets() & HWY_AVX3_DL) != 0;
}
#else
HWY_INLINE bool HasVnni() { return false; }
#endif

// acc += x * w in float32, fused.
struct WordsF32 {
  using D = DF32;
  using X = float;
  static HWY_INLINE VF32 Broadcast(const float* x) {
    return hn::Set(DF32(), *x);
  }
  static HWY_INLINE VF32 Step(VF32 acc, VF32 x, VF32 w) {
    return hn::MulAdd(x, w, acc);
  }
};

// The same as two roundings, which is what the reference twins do.
struct WordsF32Exact : WordsF32 {
  static HWY_INLINE VF32 Step(VF32 acc, VF32 x, VF32 w) {
    return hn::Add(acc, hn::Mul(x, w));
  }
};

// Two int16 products a word, exact in int32.
HWY_INLINE VS32 PairDot(VS32 acc, VS32 x, VS32 w) {
#if HWY_ARCH_X86 && HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_EMU128
  const hn::Repartition<int16_t, DS32> d16;
  VS32 unused = hn::Zero(DS32());
  return hn::ReorderWidenMulAccumulate(DS32(), hn::BitCast(d16, x),
                                       hn::BitCast(d16, w), acc, unused);
#else
  // Other targets' pair products add other lanes, EMU128's on x86 as well.
  const VS32 even = hn::Mul(hn::ShiftRight<16>(hn::ShiftLeft<16>(x)),
                            hn::ShiftRight<16>(hn::ShiftLeft<16>(w)));
  const VS32 odd = hn::Mul(hn::ShiftRight<16>(x), hn::ShiftRight<16>(w));
  return hn::Add(acc, hn::Add(even, odd));
#endif
}

// The four bytes at x, wherever they are aligned.
template <typename T>
HWY_INLINE VS32 BroadcastWord(const T* x) {
  int32_t word;
  std::memcpy(&word, x, sizeof(word));
  return hn::Set(DS32(), word);
}

#if HWY_TARGET != HWY_SCALAR
// The 16 bytes at x in every block of 128 bits.
template <typename T>
HWY_INLINE VS32 BroadcastBlock(const T* x) {
#if HWY_TARGET == HWY_AVX3
  // Highway's needs a shuffle, which this leaves to the load.
  return VS32{_mm512_broadcast_i32x4(
      _mm_loadu_si128(reinterpret_cast<const __m128i*>(x)))};
#else
  const hn::Repartition<uint8_t, DS32> d8;
  return hn::BitCast(DS32(),
                     hn::LoadDup128(d8, reinterpret_cast<const uint8_t*>(x)));
#endif
}
#endif

struct WordsS16 {
  using D = DS32;
  using X = int16_t;
  static HWY_INLINE VS32 Broadcast(const int16_t* x) {
    return BroadcastWord(x);
  }
  static HWY_INLINE VS32 Step(VS32 acc, VS32 x, VS32 w) {
    return PairDot(acc, x, w);
  }
};

#if HWY_TARGET == HWY_AVX3
HWY_INLINE VS32 QuadDotVnni(VS32 acc, VS32 x_unsigned, VS32 w) {
  asm("vpdpbusd %2, %1, %0" : "+v"(acc.raw) : "v"(x_unsigned.raw), "v"(w.raw));
  return acc;
}
HWY_INLINE VS32 PairDotVnni(VS32 acc, VS32 x, VS32 w) {
  asm("vpdpwssd %2, %1, %0" : "+v"(acc.raw) : "v"(x.raw), "v"(w.raw));
  return acc;
}
struct WordsU8Vnni {
  using D = DS32;
  using X = uint8_t;
  static HWY_INLINE VS32 Broadcast(const uint8_t* x) {
    return BroadcastWord(x);
  }
  static HWY_INLINE VS32 Step(VS32 acc, VS32 x, VS32 w) {
    return QuadDotVnni(acc, x, w);
  }
};
struct WordsS16Vnni : WordsS16 {
  static HWY_INLINE VS32 Step(VS32 acc, VS32 x, VS32 w) {
    return PairDotVnni(acc, x, w);
  }
};
#endif

// Has v in a register from here on: GCC would make a memory operand of a load
// at each use of it.
template <class V>
HWY_INLINE void HoldInRegister([[maybe_unused]] V& v) {
#if HWY_ARCH_X86 && HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_EMU128
  asm("" : "+v"(v.raw));
#endif
}

// The larger of a and b; b where a is NaN.
HWY_INLINE VF32 MaxOrSecond(VF32 a, VF32 b) {
#if HWY_ARCH_X86 && HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_EMU128
  return hn::Max(a, b);  // what the instruction does
#else
  return hn::IfThenElse(hn::Gt(a, b), a, b);
#endif
}

// Truncation of |x| < 2^31: without Highway's care for what is beyond.
HWY_INLINE VS32 TruncateSmall(VF32 x) {
#if HWY_TARGET == HWY_AVX3
  return VS32{_mm512_cvttps_epi32(x.raw)};
#elif HWY_TARGET == HWY_AVX2
  return VS32{_mm256_cvttps_epi32(x.raw)};
#else
  return hn::ConvertTo(DS32(), x);
#endif
}

#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX2
// int16 to int8 with saturation: in each 128-bit block first a's, then b's.
template <class V16>
HWY_INLINE auto PackBytes(V16 a, V16 b) {
  const hn::Repartition<int8_t, DS32> d8;
#if HWY_TARGET == HWY_AVX3
  return hn::Vec<decltype(d8)>{_mm512_packs_epi16(a.raw, b.raw)};
#else
  return hn::Vec<decltype(d8)>{_mm256_packs_epi16(a.raw, b.raw)};
#endif
}
#endif

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace litesmith
HWY_AFTER_NAMESPACE();

#endif  // LITESMITH_KERNELS_COMMON_WORDS_INL_H_
