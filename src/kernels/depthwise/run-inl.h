// A depthwise convolution on SIMD: bands of rows, block by block of channels,
// over all images of a call. simd_*.cc choose among these. One definition a
// SIMD target.
#if defined(LITESMITH_KERNELS_DEPTHWISE_RUN_INL_H_) == \
    defined(HWY_TARGET_TOGGLE)
#ifdef LITESMITH_KERNELS_DEPTHWISE_RUN_INL_H_
#undef LITESMITH_KERNELS_DEPTHWISE_RUN_INL_H_
#else
#define LITESMITH_KERNELS_DEPTHWISE_RUN_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "src/kernels/common/epilogue-inl.h"
#include "src/kernels/depthwise/lines-inl.h"
#include "src/kernels/depthwise/pack.h"
#include "src/kernels/depthwise/simd.h"
#include "src/kernels/depthwise/tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace litesmith {
namespace HWY_NAMESPACE {

#if HWY_TARGET != HWY_SCALAR

// kV blocks of channels. Where its last vector has idle lanes, its stores spill
// over the next output, which is stored later: blocks are done from the last to
// the first.
template <class Words, class Epilogue, int kV, int kW, int kS>
class Block {
 public:
  using E = hn::TFromD<typename Words::D>;
  using Out = typename Epilogue::Out;

  // `ring`: its first line; y: the image's output.
  Block(const PackedDepthwise& p, int block, DynamicScale scale, const E* ring,
        Out* y, const Out* y_end)
      : epilogues_{Epilogue(p, block * p.lanes, scale),
                   Epilogue(p, (block + kV - 1) * p.lanes, scale)},
        requantizer_(p.requantizer),
        line_(ptrdiff_t{p.copy_w} * p.spec.window.out_c),
        ring_(ring + ptrdiff_t{block} * kLanes),
        y_(y + ptrdiff_t{block} * kLanes),
        y_end_(y_end),
        row_(ptrdiff_t{p.spec.window.out_w} * p.spec.window.out_c),
        channels_(
            std::min(p.spec.window.out_c * p.group - block * kLanes, kWidth)) {
    const int vectors = (p.spec.window.out_w + p.group - 1) / p.group;
    tiles_ = (vectors + kMost - 1) / kMost;
    size_ = vectors / tiles_;
    larger_ = vectors % tiles_;
    const ptrdiff_t pixel = p.spec.window.out_c;
    pitch_ = p.group * pixel;
    walk_.row_words = ptrdiff_t{p.cols} * kLanes;
    walk_.block_words = p.rows * walk_.row_words;
    walk_.weights = p.weights.template as<E>() + block * walk_.block_words;
    walk_.cols = p.cols;
    walk_.pixel = pixel;
    walk_.col = p.col_step * pixel;
    walk_.tile = p.tile_step * pixel;
    walk_.row = p.row_step * line_;
    walk_.around = p.ring * line_;
    walk_.end = ring + walk_.around;
    if (!p.needs_copy) {
      const Window& g = p.spec.window;
      before_ = g.pad_left * pixel;
      left_ = g.pad_left > 0;
      right_ = (g.out_w - 1) * g.stride_w + g.filter_w > g.in_w + g.pad_left;
    }
  }

  // A row of outputs whose windows begin in this line, of which rows [from, to)
  // are inside of the image.
  HWY_INLINE void Row(int oy, int line, int from, int to) const {
    const E* x = ring_ + line * line_ + from * walk_.row - before_;
    Out* y = y_ + oy * row_;
    for (int i = 0; i < tiles_; ++i) {
      const int count = size_ + (i < larger_ ? 1 : 0);
      AnyTile(count, {from, to, left_ && i == 0, right_ && i + 1 == tiles_}, x,
              y);
      x += count * walk_.tile;
      y += count * pitch_;
    }
  }

 private:
  static constexpr int kLanes = hn::MaxLanes(typename Words::D());
  static constexpr int kWidth = kV * kLanes;
  // Floats need as many sums at a time as hide the time of an addition.
  static constexpr int kMost = !std::is_same_v<E, float> || kW == 0
                                   ? kDepthwiseTile
                               : kV == 1 ? 8
                               : kS == 1 ? 6
                                         : kDepthwiseTile;

  template <int kT = kMost>
  HWY_INLINE void AnyTile(int count, const Outside& outside, const E* x,
                          Out* y) const {
    if (count == kT) {
      Tile<kT>(outside, x, y);
    } else if constexpr (kT > 1) {
      AnyTile<kT - 1>(count, outside, x, y);
    }
  }

  template <int kT>
  HWY_INLINE void Tile(const Outside& outside, const E* x, Out* y) const {
    typename Epilogue::V sums[kT * kV];
    for (int k = 0; k < kT * kV; ++k) sums[k] = epilogues_[k % kV].Start();
    SumTile<Words, kV, kW, kS>(walk_, outside, x, sums,
                               std::make_index_sequence<kT>());
    TileWriter<Epilogue, kT, kV> writer(requantizer_, epilogues_, nullptr,
                                        nullptr);
    if (y_end_ - y >= (kT - 1) * pitch_ + kWidth) {
      writer.Put(sums, y, pitch_);
      return;
    }
    // The last tiles: nothing may be written behind the output.
    HWY_ALIGN Out tile[kT * kWidth];
    writer.Put(sums, tile, kWidth);
    for (int k = 0; k < kT; ++k, y += pitch_)
      std::copy_n(tile + k * kWidth, std::min<ptrdiff_t>(channels_, y_end_ - y),
                  y);
  }

  const Epilogue epilogues_[2];
  const PackedRequantizer& requantizer_;
  WindowWalk<E> walk_;
  ptrdiff_t line_;  // words
  const E* ring_;
  Out* y_;
  const Out* y_end_;
  ptrdiff_t row_, pitch_;  // of the output: a row, the outputs of a vector
  // Of a row: tiles whose sizes differ by one at most, the larger ones first.
  int tiles_, size_, larger_;
  int channels_;
  // Of an image that is read where it is: from the windows' first column to its
  // own, and whether windows have columns outside.
  ptrdiff_t before_ = 0;
  bool left_ = false, right_ = false;
};

// kV blocks from `block` on of `count` rows from `oy` on.
template <class Words, class Epilogue, int kV, int kW, int kS>
void RunBlocks(const PackedDepthwise& p, int first, int oy, int count,
               DynamicScale scale, const void* ring, typename Epilogue::Out* y,
               const typename Epilogue::Out* y_end) {
  using E = hn::TFromD<typename Words::D>;
  const Block<Words, Epilogue, kV, kW, kS> block(
      p, first, scale, static_cast<const E*>(ring), y, y_end);
  const Window& g = p.spec.window;
  const int step = g.stride_h / p.line_rows;
  // Of an image that is read where it is, lines are its rows.
  int line = p.needs_copy ? oy * step % p.ring : oy * step - g.pad_top;
  const int reach = (p.rows - 1) * p.row_step + 1;
  const auto lines = [&](int rows) {  // of a window, that so many rows have
    return std::clamp((rows + p.row_step - 1) / p.row_step, 0, p.rows);
  };
  for (int i = oy; i < oy + count; ++i, line += step) {
    int from = 0, to = p.rows;
    if (p.needs_copy) {
      if (line >= p.ring) line %= p.ring;
    } else if (line < 0 || line + reach > g.in_h) {
      from = lines(-line), to = lines(g.in_h - line);
    }
    block.Row(i, line, from, to);
  }
}

template <class Words, class Epilogue, int kW, int kS>
void RunBand(const PackedDepthwise& p, int oy, int count, DynamicScale scale,
             const void* ring, typename Epilogue::Out* y,
             const typename Epilogue::Out* y_end) {
  int block = p.blocks;
  if (block % 2 != 0) {
    RunBlocks<Words, Epilogue, 1, kW, kS>(p, --block, oy, count, scale, ring, y,
                                          y_end);
  }
  while (block > 0) {
    block -= 2;
    RunBlocks<Words, Epilogue, 2, kW, kS>(p, block, oy, count, scale, ring, y,
                                          y_end);
  }
}

// By the shape of the windows.
template <class Words, class Epilogue>
auto Band(const PackedDepthwise& p) {
  const bool three = p.cols == 3 && p.col_step == 1;
  if constexpr (std::is_same_v<hn::TFromD<typename Words::D>, float>) {
    if (three && p.tile_step == 2) return &RunBand<Words, Epilogue, 3, 2>;
  }
  return three && p.tile_step == 1 ? &RunBand<Words, Epilogue, 3, 1>
                                   : &RunBand<Words, Epilogue, 0, 0>;
}

// One image of T.
template <class Words, class Epilogue, typename T>
void RunImage(const PackedDepthwise& p, const T* image, DynamicScale scale,
              typename Epilogue::Out* y, const typename Epilogue::Out* y_end,
              std::byte* workspace) {
  using E = hn::TFromD<typename Words::D>;
  const Window& g = p.spec.window;
  auto* ring = reinterpret_cast<E*>(workspace);
  const LineMaker<T, E> maker(p, image, scale.zero_point,
                              reinterpret_cast<T*>(workspace + p.line_at));
  const auto band = Band<Words, Epilogue>(p);
  const int step = g.stride_h / p.line_rows;
  int made = 0;
  for (int oy = 0; oy < g.out_h; oy += p.band) {
    const int count = std::min(p.band, g.out_h - oy);
    if (p.needs_copy) {
      const int last = (oy + count - 1) * step + (p.rows - 1) * p.row_step;
      for (made = std::max(made, oy * step); made <= last; ++made) {
        maker.Make(made, ring + ptrdiff_t{made % p.ring} * p.copy_w * g.out_c);
      }
    }
    band(p, oy, count, scale,
         p.needs_copy ? static_cast<const void*>(ring) : image, y, y_end);
  }
}

template <class Words, typename T, RequantForm kForm>
void RunInteger(const PackedDepthwise& p, int images, const void* x, void* y,
                std::byte* workspace) {
  const Window& g = p.spec.window;
  const auto* in = static_cast<const T*>(x);
  auto* out = static_cast<T*>(y);
  const T* end = out + images * g.out_size();
  const DynamicScale zero{.zero_point = p.spec.x_zero};
  for (int n = 0; n < images; ++n, in += g.in_size(), out += g.out_size()) {
    RunImage<Words, EpilogueInteger<T, kForm> >(p, in, zero, out, end,
                                                workspace);
  }
}

template <class Words, typename T>
auto ChooseInteger(const PackedDepthwise& p) {
  switch (p.requantizer.form) {
    case RequantForm::kPlain:
      return &RunInteger<Words, T, RequantForm::kPlain>;
    case RequantForm::kSigned:
      return &RunInteger<Words, T, RequantForm::kSigned>;
    default:
      return &RunInteger<Words, T, RequantForm::kLeft>;
  }
}

// By the widest product of words that this machine has.
template <typename T>
auto ChooseWords(const PackedDepthwise& p) {
#if HWY_TARGET == HWY_AVX3
  if (HasVnni()) return ChooseInteger<WordsS16Vnni, T>(p);
#endif
  return ChooseInteger<WordsS16, T>(p);
}

#endif  // HWY_SCALAR

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace litesmith
HWY_AFTER_NAMESPACE();

#endif  // LITESMITH_KERNELS_DEPTHWISE_RUN_INL_H_
