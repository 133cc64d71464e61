// A convolution by Winograd's tiles (winograd.h): some tiles at a time are
// transformed, multiplied position by position, and transformed back. One
// definition a SIMD target.
#if defined(LITESMITH_KERNELS_CONV_WINOGRAD_INL_H_) == \
    defined(HWY_TARGET_TOGGLE)
#ifdef LITESMITH_KERNELS_CONV_WINOGRAD_INL_H_
#undef LITESMITH_KERNELS_CONV_WINOGRAD_INL_H_
#else
#define LITESMITH_KERNELS_CONV_WINOGRAD_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "src/kernels/common/epilogue-inl.h"
#include "src/kernels/conv/run-inl.h"
#include "src/kernels/conv/winograd.h"
#include "src/kernels/conv/winograd_sides-inl.h"

HWY_BEFORE_NAMESPACE();
namespace litesmith {
namespace HWY_NAMESPACE {

#if HWY_TARGET != HWY_SCALAR

// kT tiles by kV vectors of output channels: v is [tiles][channels], w
// [kV][words][lanes], m [tiles][out].
template <class Words, int kV, size_t... kT, size_t... kVs>
HWY_INLINE void MultiplyTiles(const typename Words::X* v, int channels,
                              const hn::TFromD<typename Words::D>* w,
                              hn::TFromD<typename Words::D>* m, ptrdiff_t out,
                              std::index_sequence<kT...>,
                              std::index_sequence<kVs...> vs) {
  using D = typename Words::D;
  using V = hn::Vec<D>;
  const D d;
  constexpr int kAWord = 4 / sizeof(typename Words::X);
  const ptrdiff_t block = ptrdiff_t{channels} / kAWord * hn::MaxLanes(d);
  const typename Words::X* const x[] = {v + static_cast<ptrdiff_t>(kT) *
                                                channels...};
  V sums[sizeof...(kT) * kV];
  for (V& sum : sums) sum = hn::Zero(d);
  for (ptrdiff_t c = 0; c < channels; c += kAWord, w += hn::MaxLanes(d)) {
    const V ws[] = {hn::Load(d, w + static_cast<ptrdiff_t>(kVs) * block)...};
    (StepWindow<Words>(sums + kT * kV, x[kT] + c, ws, vs), ...);
  }
  for (size_t t = 0; t < sizeof...(kT); ++t) {
    for (size_t k = 0; k < kV; ++k) {
      hn::StoreU(sums[t * kV + k], d,
                 m + static_cast<ptrdiff_t>(t) * out + k * hn::MaxLanes(d));
    }
  }
}

// As many tiles at a time against two vectors as registers hold.
#if HWY_TARGET <= HWY_AVX3 || HWY_ARCH_ARM_A64
inline constexpr int kWinogradStep = 8;
#else
inline constexpr int kWinogradStep = 4;
#endif

// One position of all tiles.
template <class Words>
void MultiplyPlane(const PackedConv& p, int position,
                   const typename Words::X* v, int tiles,
                   hn::TFromD<typename Words::D>* m) {
  using T = hn::TFromD<typename Words::D>;
  const Window& g = p.spec.window;
  const ptrdiff_t block =
      ptrdiff_t{g.in_c} * sizeof(typename Words::X) / 4 * p.lanes;
  const T* w = p.weights.as<T>() + ptrdiff_t{position} * p.blocks * block;
  constexpr auto kTiles = std::make_index_sequence<kWinogradStep>();
  for (int b = 0; b < p.blocks; b += 2, w += 2 * block) {
    for (int t = 0; t < tiles; t += kWinogradStep) {
      const auto* x = v + ptrdiff_t{t} * g.in_c;
      T* to = m + ptrdiff_t{t} * g.out_c + ptrdiff_t{b} * p.lanes;
      if (b + 2 <= p.blocks) {
        MultiplyTiles<Words, 2>(x, g.in_c, w, to, g.out_c, kTiles,
                                std::make_index_sequence<2>());
      } else {
        MultiplyTiles<Words, 1>(x, g.in_c, w, to, g.out_c, kTiles,
                                std::make_index_sequence<1>());
      }
    }
  }
}

// Some tiles of one image, which is of whole tiles: p.copy_w pixels a row.
template <class Words, int kTile, class Epilogue>
class WinogradBand {
 public:
  using X = typename Words::X;
  using E = hn::TFromD<typename Words::D>;
  using Out = typename Epilogue::Out;

  WinogradBand(const PackedConv& p, const X* image, DynamicScale scale,
               std::byte* workspace)
      : p_(p),
        g_(p.spec.window),
        image_(image),
        scale_(scale),
        v_(reinterpret_cast<X*>(workspace)),
        m_(reinterpret_cast<E*>(workspace + p.winograd_products_at)),
        across_((g_.out_w + kTile - 1) / kTile),
        v_plane_(p.winograd_tiles * ptrdiff_t{g_.in_c} + kApart<X>),
        m_plane_(p.winograd_tiles * ptrdiff_t{g_.out_c} + kApart<E>) {}

  void Run(int first, int count, Out* y) {
    const int whole =
        (count + kWinogradStep - 1) / kWinogradStep * kWinogradStep;
    // What is behind the last tile is multiplied for nothing.
    for (int t = 0; t < count; ++t)
      Transform(first + t, v_ + ptrdiff_t{t} * g_.in_c);
    for (int position = 0; position < kPositions; ++position) {
      MultiplyPlane<Words>(p_, position, v_ + position * v_plane_, whole,
                           m_ + position * m_plane_);
    }
    for (int block = 0; block < p_.blocks; ++block) {
      const Epilogue epilogue(p_, block * p_.lanes, scale_);
      for (int t = 0; t < count; ++t) Finish(epilogue, block, first + t, t, y);
    }
  }

 private:
  static constexpr int kPositions = (kTile + 2) * (kTile + 2);
  template <typename T>
  static constexpr ptrdiff_t kApart = kWinogradApart / sizeof(T);

  void Transform(int tile, X* to) const {
    const std::conditional_t<std::is_same_v<X, float>, DF32,
                             hn::CappedTag<X, 16> >
        d;
    const ptrdiff_t row = ptrdiff_t{p_.copy_w} * g_.in_c;
    const X* from = image_ + tile / across_ * kTile * row +
                    ptrdiff_t{tile % across_} * kTile * g_.in_c;
    for (int c = 0; c < g_.in_c; c += static_cast<int>(hn::MaxLanes(d))) {
      TransformPatch<kTile>(d, from + c, row, g_.in_c, to + c, v_plane_);
    }
  }

  // The outputs of the band's tile t, `block` of its channels.
  void Finish(const Epilogue& epilogue, int block, int tile, int t,
              Out* y) const {
    const int channel = block * p_.lanes;
    typename Epilogue::V sums[kTile * kTile];
    TransformSums<kTile>(typename Words::D(),
                         m_ + ptrdiff_t{t} * g_.out_c + channel, m_plane_,
                         sums);
    const int from_y = tile / across_ * kTile, from_x = tile % across_ * kTile;
    const ptrdiff_t row = ptrdiff_t{g_.out_w} * g_.out_c;
    HWY_ALIGN Out outside[hn::MaxLanes(DS32())];
    Out* at = y + from_y * row + ptrdiff_t{from_x} * g_.out_c + channel;
    const int inside = std::min(kTile, g_.out_w - from_x);
    const int rows = std::min(kTile, g_.out_h - from_y);
    for (int i = 0; i < rows; ++i, at += row) {
      decltype(epilogue.Finish(sums[0])) out[kTile];
      Out* to[kTile];
      for (int k = 0; k < kTile; ++k) {
        out[k] =
            epilogue.Finish(hn::Add(sums[i * kTile + k], epilogue.Start()));
        to[k] = k < inside ? at + ptrdiff_t{k} * g_.out_c : outside;
      }
      StoreTile<kTile, 1>(out, p_.requantizer, to);
    }
  }

  const PackedConv& p_;
  const Window& g_;
  const X* image_;
  const DynamicScale scale_;
  X* v_;
  E* m_;
  int across_;
  ptrdiff_t v_plane_, m_plane_;
};

// All images of one call.
template <class Words, int kTile, class Epilogue>
void RunWinograd(const PackedConv& p, int images, const void* x, void* y,
                 std::byte* workspace) {
  const Window& g = p.spec.window;
  const int tiles =
      (g.out_h + kTile - 1) / kTile * ((g.out_w + kTile - 1) / kTile);
  ForEachImage<Epilogue>(
      p, images, x, y, workspace, g.out_size(),
      [&](const std::byte* image, DynamicScale scale, auto* out, const auto*) {
        WinogradBand<Words, kTile, Epilogue> band(
            p, reinterpret_cast<const typename Words::X*>(image), scale,
            workspace);
        for (int t = 0; t < tiles; t += p.winograd_tiles)
          band.Run(t, std::min(p.winograd_tiles, tiles - t), out);
      });
}

// Null where p is not packed for it.
template <class Words, class Epilogue>
auto ChooseWinograd(const PackedConv& p) {
  return p.winograd == 4   ? &RunWinograd<Words, 4, Epilogue>
         : p.winograd == 2 ? &RunWinograd<Words, 2, Epilogue>
                           : nullptr;
}

#endif  // HWY_SCALAR

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace litesmith
HWY_AFTER_NAMESPACE();

#endif  // LITESMITH_KERNELS_CONV_WINOGRAD_INL_H_
