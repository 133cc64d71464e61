// A convolution of floats whose windows lie at even distances, as those of 1x1
// filters do: as many windows at a time as registers hold beside two vectors of
// output channels, and so that all tiles are of about the same size. One
// definition a SIMD target.
#if defined(LITESMITH_KERNELS_CONV_EVEN_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LITESMITH_KERNELS_CONV_EVEN_INL_H_
#undef LITESMITH_KERNELS_CONV_EVEN_INL_H_
#else
#define LITESMITH_KERNELS_CONV_EVEN_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "src/kernels/common/epilogue-inl.h"
#include "src/kernels/conv/run-inl.h"
#include "src/kernels/conv/simd.h"

HWY_BEFORE_NAMESPACE();
namespace litesmith {
namespace HWY_NAMESPACE {

#if HWY_TARGET != HWY_SCALAR

#if HWY_TARGET <= HWY_AVX3 || HWY_ARCH_ARM_A64
inline constexpr int kMostEven = 9;
#else
inline constexpr int kMostEven = 6;
#endif

// kV blocks of channels, from the last to the first, as in RunBlocks.
template <int kV>
class EvenBlocks {
 public:
  EvenBlocks(const PackedConv& p, int block, const float* y_end)
      : p_(p),
        pitch_(p.spec.window.out_c),
        channels_(std::min(p.spec.window.out_c - block * p.lanes, kWidth)),
        block_words_(p.word_offsets.size() * kLanes),
        weights_(p.weights.as<float>() +
                 static_cast<size_t>(block) * block_words_),
        epilogues_{
            EpilogueF32(p, block * p.lanes, {}),
            EpilogueF32(p, (block + kV - 1) * p.lanes, {}),
        },
        y_end_(y_end) {}

  // All windows of an image; y: of the first one's first channel.
  void Run(const float* x, float* y) const {
    const Window& g = p_.spec.window;
    const int total = g.out_h * g.out_w;
    const int tiles = (total + kMostEven - 1) / kMostEven;
    for (int i = 0; i < tiles; ++i) {
      const int count = total / tiles + (i < total % tiles ? 1 : 0);
      Any(count, x, y);
      x += ptrdiff_t{count} * p_.window_pitch;
      y += count * pitch_;
    }
  }

 private:
  static constexpr int kLanes = hn::MaxLanes(DF32());
  static constexpr int kWidth = kV * kLanes;

  template <int kT = kMostEven>
  HWY_INLINE void Any(int count, const float* x, float* y) const {
    if (count == kT) {
      Tile(x, y, std::make_index_sequence<kT>());
    } else if constexpr (kT > 1) {
      Any<kT - 1>(count, x, y);
    }
  }

  template <size_t... kK>
  HWY_INLINE void Tile(const float* x, float* y,
                       std::index_sequence<kK...>) const {
    constexpr int kT = sizeof...(kK);
    VF32 sums[kT * kV];
    HWY_UNROLL(32)
    for (int k = 0; k < kT * kV; ++k) sums[k] = epilogues_[k % kV].Start();
    const ptrdiff_t pitch = p_.window_pitch;
    const float* w = weights_;
    for (const int32_t at : p_.word_offsets) {
      // Every third window has a pointer, the others are so far from it.
      const float* const starts[] = {x + at, x + at + 3 * pitch,
                                     x + at + 6 * pitch};
      const VF32 ws[] = {hn::Load(DF32(), w),
                         hn::Load(DF32(), w + (kV - 1) * block_words_)};
      (StepWindow<WordsF32>(
           sums + kK * kV,
           starts[kK / 3] + static_cast<ptrdiff_t>(kK % 3) * pitch, ws,
           std::make_index_sequence<kV>()),
       ...);
      w += kLanes;
    }
    TileWriter<EpilogueF32, kT, kV> writer(p_.requantizer, epilogues_, nullptr,
                                           nullptr);
    if (y_end_ - y >= (kT - 1) * pitch_ + kWidth) {
      writer.Put(sums, y, pitch_);
      return;
    }
    // The last tile: nothing may be written behind the output.
    HWY_ALIGN float tile[kT * kWidth];
    writer.Put(sums, tile, kWidth);
    for (int k = 0; k < kT; ++k, y += pitch_)
      std::copy_n(tile + k * kWidth, channels_, y);
  }

  const PackedConv& p_;
  ptrdiff_t pitch_;  // of the output
  int channels_;
  size_t block_words_;
  const float* weights_;
  const EpilogueF32 epilogues_[2];
  const float* y_end_;
};

// All images of one call.
inline void RunEven(const PackedConv& p, int images, const void* x, void* y,
                    std::byte* workspace) {
  ForEachImage<EpilogueF32>(
      p, images, x, y, workspace, p.spec.window.out_size(),
      [&](const std::byte* image, DynamicScale, float* out, const float* end) {
        const auto* from = reinterpret_cast<const float*>(image);
        int block = p.blocks;
        if (block % 2 != 0) {
          --block;
          EvenBlocks<1>(p, block, end).Run(from, out + block * p.lanes);
        }
        while (block > 0) {
          block -= 2;
          EvenBlocks<2>(p, block, end).Run(from, out + block * p.lanes);
        }
      });
}

#endif  // HWY_SCALAR

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace litesmith
HWY_AFTER_NAMESPACE();

#endif  // LITESMITH_KERNELS_CONV_EVEN_INL_H_
