// The lines of words that depthwise kernels read, made of an image's rows. One
// definition a SIMD target.
#if defined(LITESMITH_KERNELS_DEPTHWISE_LINES_INL_H_) == \
    defined(HWY_TARGET_TOGGLE)
#ifdef LITESMITH_KERNELS_DEPTHWISE_LINES_INL_H_
#undef LITESMITH_KERNELS_DEPTHWISE_LINES_INL_H_
#else
#define LITESMITH_KERNELS_DEPTHWISE_LINES_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "src/kernels/common/words-inl.h"
#include "src/kernels/depthwise/simd.h"

HWY_BEFORE_NAMESPACE();
namespace litesmith {
namespace HWY_NAMESPACE {

#if HWY_TARGET != HWY_SCALAR

// Calls many(i) for whole vectors of n elements, the last of which may overlap
// the one before, or one(i) for each element of what is shorter.
template <class Many, class One>
HWY_INLINE void ForVectors(int64_t n, const Many& many, const One& one) {
  constexpr int64_t kLanes = hn::MaxLanes(DS32());
  if (n < kLanes) {
    for (int64_t i = 0; i < n; ++i) one(i);
    return;
  }
  for (int64_t i = 0; i < n - kLanes; i += kLanes) many(i);
  many(n - kLanes);
}

inline int32_t PairWord(int32_t low, int32_t high) {
  return static_cast<int32_t>((static_cast<uint32_t>(low) & 0xffff) |
                              static_cast<uint32_t>(high) << 16);
}
HWY_INLINE VS32 PairWords(VS32 low, VS32 high) {
  const hn::Repartition<int16_t, DS32> d16;
  return hn::BitCast(DS32(),
                     hn::OddEven(hn::BitCast(d16, hn::ShiftLeft<16>(high)),
                                 hn::BitCast(d16, low)));
}
template <typename T>
HWY_INLINE VS32 LoadLess(const T* x, VS32 zero) {
  const hn::Rebind<T, DS32> narrow;
  return hn::Sub(hn::PromoteTo(DS32(), hn::LoadU(narrow, x)), zero);
}

// Pairs of two rows of n values; a row that is null is outside of the image.
template <typename T>
void PairRows(const T* low, const T* high, int32_t zero, int64_t n,
              int32_t* to) {
  const VS32 zeros = hn::Set(DS32(), zero);
  if (low != nullptr && high != nullptr) {
    ForVectors(
        n,
        [&](int64_t i) {
          hn::StoreU(
              PairWords(LoadLess(low + i, zeros), LoadLess(high + i, zeros)),
              DS32(), to + i);
        },
        [&](int64_t i) { to[i] = PairWord(low[i] - zero, high[i] - zero); });
  } else if (low != nullptr) {
    ForVectors(
        n,
        [&](int64_t i) {
          hn::StoreU(PairWords(LoadLess(low + i, zeros), hn::Zero(DS32())),
                     DS32(), to + i);
        },
        [&](int64_t i) { to[i] = PairWord(low[i] - zero, 0); });
  } else if (high != nullptr) {
    ForVectors(
        n,
        [&](int64_t i) {
          hn::StoreU(hn::ShiftLeft<16>(LoadLess(high + i, zeros)), DS32(),
                     to + i);
        },
        [&](int64_t i) { to[i] = PairWord(0, high[i] - zero); });
  } else {
    std::fill_n(to, n, 0);
  }
}

// Makes line number `line` of an image of T: its row is line * line_rows -
// pad_top. E is float or int32_t.
template <typename T, typename E>
class LineMaker {
 public:
  // `single` is memory for one line.
  LineMaker(const PackedDepthwise& p, const T* image, int32_t zero, T* single)
      : p_(p),
        g_(p.spec.window),
        image_(image),
        zero_(zero),
        single_(single),
        row_size_(int64_t{g_.in_w} * g_.out_c),
        before_(int64_t{g_.pad_left} * g_.out_c),
        line_size_(int64_t{p.copy_w} * g_.out_c) {}

  void Make(int line, E* to) const {
    const int row = line * p_.line_rows - g_.pad_top;
    if constexpr (sizeof(T) == sizeof(E)) {
      const T* x = RowOf(row, single_);
      if (x == nullptr) {
        std::fill_n(to, line_size_, E{0});
        return;
      }
      Pad(to);
      ForVectors(
          row_size_,
          [&](int64_t i) {
            hn::StoreU(hn::LoadU(DF32(), x + i), DF32(), to + before_ + i);
          },
          [&](int64_t i) { to[before_ + i] = x[i]; });
    } else if (p_.side_by_side) {
      SideBySide(RowOf(row, single_), to);
    } else {
      const T* low = RowOf(row, single_);
      const T* high = RowOf(row + g_.dilation_h, single_ + row_size_);
      Pad(to);
      PairRows(low, high, zero_, row_size_, to + before_);
    }
  }

 private:
  // The row with its channels as often as the multiplier says; null outside.
  const T* RowOf(int row, T* memory) const {
    if (row < 0 || row >= g_.in_h) return nullptr;
    const T* x = image_ + int64_t{row} * g_.in_w * g_.in_c;
    if (g_.out_c == g_.in_c) return x;
    const int multiplier = g_.out_c / g_.in_c;
    T* to = memory;
    for (int64_t i = 0; i < int64_t{g_.in_w} * g_.in_c; ++i)
      to = std::fill_n(to, multiplier, x[i]);
    return memory;
  }

  void Pad(E* to) const {
    std::fill_n(to, before_, E{0});
    std::fill(to + before_ + row_size_, to + line_size_, E{0});
  }

  // Pairs of pixels that are a dilation apart.
  void SideBySide(const T* x, E* to) const {
    std::fill_n(to, line_size_, E{0});
    if (x == nullptr) return;
    const int64_t apart = int64_t{g_.dilation_w} * g_.out_c;
    const int64_t both = std::max<int64_t>(row_size_ - apart, 0);
    // What has its left pixel outside, both inside, its right one outside.
    const int64_t first = std::min(before_, apart);
    const int64_t rights = std::min(row_size_ - (apart - first), first);
    if (rights > 0) {
      PairRows<T>(nullptr, x + apart - first, zero_, rights,
                  to + before_ - first);
    }
    if (both > 0) PairRows<T>(x, x + apart, zero_, both, to + before_);
    PairRows<T>(x + both, nullptr, zero_, row_size_ - both,
                to + before_ + both);
  }

  const PackedDepthwise& p_;
  const Window& g_;
  const T* image_;
  int32_t zero_;
  T* single_;
  int64_t row_size_, before_, line_size_;
};

#endif  // HWY_SCALAR

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace litesmith
HWY_AFTER_NAMESPACE();

#endif  // LITESMITH_KERNELS_DEPTHWISE_LINES_INL_H_
