// Dot products with outputs in lanes: a word of x, four int8 or two int16, is
// broadcast and multiplies with the same word of as many outputs' weights, up
// to eight vectors of them at a time, so that no sum is across lanes. On AVX2,
// which has no dot product of bytes, pairs of |x| and of weights with x's sign
// multiply exactly in 16 bits, since a weight of -128 is not taken. With VNNI
// this is for layers of small depth.
#if defined(LITESMITH_KERNELS_DENSE_LANES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LITESMITH_KERNELS_DENSE_LANES_INL_H_
#undef LITESMITH_KERNELS_DENSE_LANES_INL_H_
#else
#define LITESMITH_KERNELS_DENSE_LANES_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "src/kernels/common/words-inl.h"
#include "src/kernels/dense/pack.h"
#include "src/kernels/dense/simd.h"

HWY_BEFORE_NAMESPACE();
namespace litesmith {
namespace HWY_NAMESPACE {

#if HWY_TARGET == HWY_AVX3

// Four int8 a word, as x + 128.
struct LanesS8 {
  using X = int8_t;
  using D = DS32;
  static constexpr bool kLanes = true;
  static constexpr int kAWord = 4;
  static constexpr ptrdiff_t kWeightBytes = 64;  // of a vector
  using Word = VS32;
  static HWY_INLINE Word Broadcast(const std::byte* x, ptrdiff_t) {
    return BroadcastWord(x);
  }
  static HWY_INLINE VS32 Step(VS32 sum, Word x, const std::byte* w) {
    return QuadDotVnni(sum, x,
                       hn::Load(DS32(), reinterpret_cast<const int32_t*>(w)));
  }
  // The row, whatever is behind it; gives its end.
  static std::byte* CopyRow(const int8_t* x, int depth, ptrdiff_t row_bytes,
                            std::byte* to) {
    std::memset(to + row_bytes - 32, 0, 32);
    std::memcpy(to, x, static_cast<size_t>(depth));
    for (ptrdiff_t i = 0; i < row_bytes; i += 32) {
      auto* at = reinterpret_cast<__m256i*>(to + i);
      _mm256_storeu_si256(
          at, _mm256_xor_si256(_mm256_loadu_si256(at), _mm256_set1_epi8(-128)));
    }
    return to + row_bytes;
  }
};

// Two int16 a word; weights are widened as they are read.
struct LanesS16 {
  using X = int16_t;
  using D = DS32;
  static constexpr bool kLanes = true;
  static constexpr int kAWord = 2;
  static constexpr ptrdiff_t kWeightBytes = 32;
  using Word = VS32;
  static HWY_INLINE Word Broadcast(const std::byte* x, ptrdiff_t) {
    return BroadcastWord(x);
  }
  static HWY_INLINE VS32 Step(VS32 sum, Word x, const std::byte* w) {
    return PairDotVnni(sum, x,
                       VS32{_mm512_cvtepi8_epi16(_mm256_load_si256(
                           reinterpret_cast<const __m256i*>(w)))});
  }
  static std::byte* CopyRow(const int16_t* x, int depth, ptrdiff_t row_bytes,
                            std::byte* to) {
    std::memset(to + row_bytes - 32, 0, 32);
    std::memcpy(to, x, static_cast<size_t>(depth) * 2);
    return to + row_bytes;
  }
};

#elif HWY_TARGET == HWY_AVX2

// Four int8 a word. `x` is the row, then, p.row_bytes behind it, its absolute
// values.
struct LanesS8 {
  using X = int8_t;
  using D = DS32;
  static constexpr bool kLanes = true;
  static constexpr int kAWord = 4;
  static constexpr ptrdiff_t kWeightBytes = 32;  // of a vector
  struct Word {
    __m256i x, magnitude;
  };
  static HWY_INLINE Word Broadcast(const std::byte* x, ptrdiff_t row_bytes) {
    return {BroadcastWord(x).raw, BroadcastWord(x + row_bytes).raw};
  }
  static HWY_INLINE VS32 Step(VS32 sum, const Word& x, const std::byte* w) {
    const __m256i signed_w = _mm256_sign_epi8(
        _mm256_load_si256(reinterpret_cast<const __m256i*>(w)), x.x);
    const __m256i pairs = _mm256_maddubs_epi16(x.magnitude, signed_w);
    return VS32{_mm256_add_epi32(
        sum.raw, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)))};
  }
  // The row and its magnitudes, with zeros behind them; gives their end.
  static std::byte* CopyRow(const int8_t* x, int depth, ptrdiff_t row_bytes,
                            std::byte* to) {
    std::memset(to + row_bytes - 32, 0, 32);
    std::memcpy(to, x, static_cast<size_t>(depth));
    for (ptrdiff_t i = 0; i < row_bytes; i += 32) {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + row_bytes + i),
                          _mm256_abs_epi8(_mm256_loadu_si256(
                              reinterpret_cast<const __m256i*>(to + i))));
    }
    return to + 2 * row_bytes;
  }
};

// Two int16 a word; weights are widened as they are read.
struct LanesS16 {
  using X = int16_t;
  using D = DS32;
  static constexpr bool kLanes = true;
  static constexpr int kAWord = 2;
  static constexpr ptrdiff_t kWeightBytes = 16;
  using Word = __m256i;
  static HWY_INLINE Word Broadcast(const std::byte* x, ptrdiff_t) {
    return BroadcastWord(x).raw;
  }
  static HWY_INLINE VS32 Step(VS32 sum, Word x, const std::byte* w) {
    const __m256i wide = _mm256_cvtepi8_epi16(
        _mm_load_si128(reinterpret_cast<const __m128i*>(w)));
    return VS32{_mm256_add_epi32(sum.raw, _mm256_madd_epi16(x, wide))};
  }
  static std::byte* CopyRow(const int16_t* x, int depth, ptrdiff_t row_bytes,
                            std::byte* to) {
    std::memset(to + row_bytes - 32, 0, 32);
    std::memcpy(to, x, static_cast<size_t>(depth) * 2);
    return to + row_bytes;
  }
};

#endif

#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX2

constexpr int kOutputLanes = hn::MaxLanes(DS32());

// kX rows with kV vectors of outputs, of a group of `group`, over the words
// [from, to): sums[k * pitch].
template <class Lanes, int kX, int kV>
HWY_INLINE void LaneDots(const PackedDense& p, const std::byte* const* x,
                         const std::byte* w, ptrdiff_t group, int from, int to,
                         int32_t* sums, ptrdiff_t pitch) {
  VS32 acc[kX][kV];
  HWY_UNROLL(8)
  for (int i = 0; i < kX * kV; ++i) acc[i / kV][i % kV] = hn::Zero(DS32());
  const ptrdiff_t step = group * Lanes::kWeightBytes;
  w += from * step;
  for (ptrdiff_t at = from * ptrdiff_t{4}; at < to * ptrdiff_t{4};
       at += 4, w += step) {
    typename Lanes::Word words[kX];
    HWY_UNROLL(2)
    for (int k = 0; k < kX; ++k) {
      words[k] = Lanes::Broadcast(x[k] + at, p.row_bytes);
    }
    HWY_UNROLL(8)
    for (int v = 0; v < kV; ++v) {
      HWY_UNROLL(2)
      for (int k = 0; k < kX; ++k) {
        acc[k][v] =
            Lanes::Step(acc[k][v], words[k], w + v * Lanes::kWeightBytes);
      }
    }
  }
  HWY_UNROLL(2)
  for (int k = 0; k < kX; ++k) {
    HWY_UNROLL(8)
    for (int v = 0; v < kV; ++v) {
      hn::StoreU(acc[k][v], DS32(), sums + k * pitch + v * kOutputLanes);
    }
  }
}

// A group of vectors, no more at a time than registers hold.
template <class Lanes, int kX, int kGroup>
HWY_INLINE void LaneGroup(const PackedDense& p, const std::byte* const* x,
                          const std::byte* w, int from, int to, int32_t* sums,
                          ptrdiff_t pitch) {
  constexpr int kV = std::min(kGroup, 8 / kX);
  for (int v = 0; v < kGroup; v += kV) {
    LaneDots<Lanes, kX, kV>(p, x, w + v * Lanes::kWeightBytes, kGroup, from, to,
                            sums + v * kOutputLanes, pitch);
  }
}

// The dot products of kX rows with all outputs: sums[k][segment][pitch].
template <class Lanes, int kX>
void AllLaneDots(const PackedDense& p, const std::byte* const* x,
                 int32_t* sums) {
  const ptrdiff_t pitch = ptrdiff_t{p.segments} * p.pitch;
  const ptrdiff_t column = ptrdiff_t{p.vectors} * Lanes::kWeightBytes;
  const int blocks = (p.spec.shape.outputs + kOutputLanes - 1) / kOutputLanes;
  for (int s = 0; s < p.segments; ++s, sums += p.pitch) {
    const int from = s * p.segment_vectors;
    const int to = std::min(from + p.segment_vectors, p.vectors);
    const std::byte* w = p.weights.get();
    int32_t* at = sums;
    const auto group = [&]<int kGroup>(std::integral_constant<int, kGroup>) {
      LaneGroup<Lanes, kX, kGroup>(p, x, w, from, to, at, pitch);
      w += kGroup * column, at += kGroup * kOutputLanes;
    };
    int b = blocks;
    for (; b >= 8; b -= 8) group(std::integral_constant<int, 8>());
    if (b >= 4) group(std::integral_constant<int, 4>()), b -= 4;
    if (b >= 2) group(std::integral_constant<int, 2>()), b -= 2;
    if (b >= 1) group(std::integral_constant<int, 1>());
  }
}

#endif  // HWY_AVX3 or HWY_AVX2

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace litesmith
HWY_AFTER_NAMESPACE();

#endif  // LITESMITH_KERNELS_DENSE_LANES_INL_H_
