// The sums of products of a packed convolution, one definition a SIMD target:
// kTile windows by kV vectors of output channels in registers, one word of each
// window at a time.
#if defined(LITESMITH_KERNELS_CONV_TILE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LITESMITH_KERNELS_CONV_TILE_INL_H_
#undef LITESMITH_KERNELS_CONV_TILE_INL_H_
#else
#define LITESMITH_KERNELS_CONV_TILE_INL_H_
#endif

#include <hwy/highway.h>

#include <cstddef>
#include <cstdint>
#include <utility>

#include "src/kernels/common/words-inl.h"
#include "src/kernels/conv/simd.h"

HWY_BEFORE_NAMESPACE();
namespace litesmith {
namespace HWY_NAMESPACE {

#if HWY_TARGET != HWY_SCALAR

// sum[v] += x * w[v].
template <class Words, class V, size_t... kVs>
HWY_INLINE void StepWindow(V* sum, const typename Words::X* x, const V* w,
                           std::index_sequence<kVs...>) {
  const V word = Words::Broadcast(x);
  ((sum[kVs] = Words::Step(sum[kVs], word, w[kVs])), ...);
}

// The words of kTile windows, against kV blocks of channels.
template <class Words, int kTile, int kV>
class Tile {
 public:
  using D = typename Words::D;
  using V = hn::Vec<D>;
  using X = typename Words::X;
  // `windows`: offsets of kTile of them.
  HWY_INLINE Tile(const PackedConv& p, int block, const X* image,
                  const int32_t* windows)
      : offset_(p.word_offsets.data()),
        end_(offset_ + p.word_offsets.size()),
        pitch_(p.word_offsets.size() * hn::Lanes(D())),
        w_(p.weights.as<hn::TFromD<D>>() +
           static_cast<size_t>(block) * pitch_) {
    for (int k = 0; k < kTile; ++k) x_[k] = image + windows[k];
  }

  // sums[k * kV + v] += the sum over window k of channel vector v. Meanwhile a
  // late writer does its parts, one after each of the first words.
  template <class Writer>
  HWY_INLINE void Accumulate(V* sums, const Writer& writer) {
    if constexpr (Writer::kLate) {
      V out[Writer::kCount];
      Step(sums);
      writer.template Part<0>(out);
      if (offset_ != end_) Step(sums);
      writer.template Part<1>(out);
      if (offset_ != end_) Step(sums);
      writer.template Part<2>(out);
      if (offset_ != end_) Step(sums);
      writer.template Part<3>(out);
      writer.Write(out);
    }
    while (offset_ != end_) Step(sums);
  }

 private:
  HWY_INLINE void Step(V* sums) {
    StepAll(sums, std::make_index_sequence<kTile>(),
            std::make_index_sequence<kV>());
    ++offset_;
    w_ += hn::Lanes(D());
  }
  template <size_t... kK, size_t... kVs>
  HWY_INLINE void StepAll(V* sums, std::index_sequence<kK...>,
                          std::index_sequence<kVs...> vs) {
    const V w[] = {hn::Load(D(), w_ + kVs * pitch_)...};
    const ptrdiff_t at = *offset_;
    (StepWindow<Words>(sums + kK * kV, x_[kK] + at, w, vs), ...);
  }

  const int32_t* offset_;
  const int32_t* end_;
  size_t pitch_;  // of a block's weights
  const hn::TFromD<D>* w_;
  const X* x_[kTile];
};

#endif  // HWY_SCALAR

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace litesmith
HWY_AFTER_NAMESPACE();

#endif  // LITESMITH_KERNELS_CONV_TILE_INL_H_
