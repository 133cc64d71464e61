// The sums of a packed depthwise convolution: kT vectors of outputs of a row in
// registers, one word of each window at a time. One definition a SIMD target.
#if defined(LITESMITH_KERNELS_DEPTHWISE_TILE_INL_H_) == \
    defined(HWY_TARGET_TOGGLE)
#ifdef LITESMITH_KERNELS_DEPTHWISE_TILE_INL_H_
#undef LITESMITH_KERNELS_DEPTHWISE_TILE_INL_H_
#else
#define LITESMITH_KERNELS_DEPTHWISE_TILE_INL_H_
#endif

#include <hwy/highway.h>

#include <cstddef>
#include <utility>

#include "src/kernels/common/words-inl.h"
#include "src/kernels/depthwise/simd.h"

HWY_BEFORE_NAMESPACE();
namespace litesmith {
namespace HWY_NAMESPACE {

#if HWY_TARGET != HWY_SCALAR

// Where a block's windows lie in a ring of lines: steps in words.
template <typename E>
struct WindowWalk {
  const E* weights;       // of the block
  ptrdiff_t row_words;    // weights of a row
  ptrdiff_t block_words;  // of a block
  int cols;
  ptrdiff_t pixel;   // from one pixel to the next
  ptrdiff_t col;     // from one column of a window to the next
  ptrdiff_t tile;    // from one vector of outputs to the next
  ptrdiff_t row;     // from one line of a window to the next
  const E* end;      // of the ring: from there on
  ptrdiff_t around;  // so far back
};

// What of a tile's windows is outside of an image that is read where it is.
struct Outside {
  int from, to;      // rows of the windows inside
  bool left, right;  // whether the first column is outside, and the last
};

// sum += x * w[kTap], if the window has that column.
template <class Words, int kTap, int kW, class V>
HWY_INLINE void StepTap(V x, const V* w, V& sum) {
  if constexpr (kTap >= 0 && kTap < kW) sum = Words::Step(sum, x, w[kTap]);
}
template <class Words, int kW, int kS, int kCol, class V, class E, size_t... kK>
HWY_INLINE void StepColumn(const E* x, const Outside& outside, const V* w,
                           V* sums, std::index_sequence<kK...>) {
  constexpr int kLast = (static_cast<int>(sizeof...(kK)) - 1) * kS + kW - 1;
  if (kCol == 0 && outside.left) return;
  if (kCol == kLast && outside.right) return;
  V value = hn::LoadU(typename Words::D(), x);
  HoldInRegister(value);
  (StepTap<Words, kCol - static_cast<int>(kK) * kS, kW>(value, w, sums[kK]),
   ...);
}
// Windows of kW columns side by side, kS pixels from one to the next: what they
// share is loaded once.
template <class Words, int kW, int kS, class V, class E, size_t... kK,
          size_t... kCols, size_t... kTaps>
HWY_INLINE void StepLine(const E* x, ptrdiff_t pixel, const Outside& outside,
                         const E* weights, V* sums,
                         std::index_sequence<kK...> tile,
                         std::index_sequence<kCols...>,
                         std::index_sequence<kTaps...>) {
  const typename Words::D d;
  const V w[] = {hn::Load(d, weights + kTaps * hn::Lanes(d))...};
  (StepColumn<Words, kW, kS, kCols>(x + static_cast<ptrdiff_t>(kCols) * pixel,
                                    outside, w, sums, tile),
   ...);
}
// Of any columns and steps.
template <class Words, class V, class E, size_t... kK>
HWY_INLINE void StepLineAny(const WindowWalk<E>& walk, const E* x,
                            const E* weights, V* sums,
                            std::index_sequence<kK...>) {
  const typename Words::D d;
  const E* const starts[] = {x + static_cast<ptrdiff_t>(kK) * walk.tile...};
  ptrdiff_t at = 0;
  for (int c = 0; c < walk.cols;
       ++c, at += walk.col, weights += hn::MaxLanes(d)) {
    const V w = hn::Load(d, weights);
    ((sums[kK] = Words::Step(sums[kK], hn::LoadU(d, starts[kK] + at), w)), ...);
  }
}

// sums[k] += the products of a line of window k. kW columns, one pixel apart,
// of windows that are kS pixels apart; kW = 0: of any, all of them inside.
template <class Words, int kW, int kS, class V, class E, size_t... kK>
HWY_INLINE void StepWindows(const WindowWalk<E>& walk, const Outside& outside,
                            const E* x, const E* weights, V* sums,
                            std::index_sequence<kK...> tile) {
  constexpr int kT = sizeof...(kK);
  if constexpr (kW > 0) {
    StepLine<Words, kW, kS>(x, walk.pixel, outside, weights, sums, tile,
                            std::make_index_sequence<(kT - 1) * kS + kW>(),
                            std::make_index_sequence<kW>());
  } else {
    StepLineAny<Words>(walk, x, weights, sums, tile);
  }
}

// out[k * kV + v] += the sum of window k, of vector v of its channels; x: the
// first of window 0 that is inside.
template <class Words, int kV, int kW, int kS, size_t... kK, class E, class V>
HWY_INLINE void SumTile(const WindowWalk<E>& walk, const Outside& outside,
                        const E* x, V* out, std::index_sequence<kK...> tile) {
  constexpr int kLanes = hn::MaxLanes(typename Words::D());
  V sums[] = {out[kK * kV]...};
  V more[] = {out[kK * kV + kV - 1]...};
  const E* weights = walk.weights + outside.from * walk.row_words;
  for (int r = outside.from; r < outside.to; ++r, weights += walk.row_words) {
    StepWindows<Words, kW, kS>(walk, outside, x, weights, sums, tile);
    if constexpr (kV == 2) {
      StepWindows<Words, kW, kS>(walk, outside, x + kLanes,
                                 weights + walk.block_words, more, tile);
    }
    x += walk.row;
    if (x >= walk.end) x -= walk.around;
  }
  ((out[kK * kV] = sums[kK]), ...);
  if constexpr (kV == 2) ((out[kK * kV + 1] = more[kK]), ...);
}

#endif  // HWY_SCALAR

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace litesmith
HWY_AFTER_NAMESPACE();

#endif  // LITESMITH_KERNELS_DEPTHWISE_TILE_INL_H_
