// A convolution on SIMD: tiles of windows against blocks of output channels,
// over all images of a call. simd_*.cc choose among these, a kind of numbers
// each.
#if defined(LITESMITH_KERNELS_CONV_RUN_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LITESMITH_KERNELS_CONV_RUN_INL_H_
#undef LITESMITH_KERNELS_CONV_RUN_INL_H_
#else
#define LITESMITH_KERNELS_CONV_RUN_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <type_traits>

#include "src/kernels/common/copy_image-inl.h"
#include "src/kernels/common/epilogue-inl.h"
#include "src/kernels/conv/gray-inl.h"
#include "src/kernels/conv/simd.h"
#include "src/kernels/conv/tile-inl.h"
#include "src/kernels/quantize/simd.h"

HWY_BEFORE_NAMESPACE();
namespace litesmith {
namespace HWY_NAMESPACE {

#if HWY_TARGET != HWY_SCALAR

// The copy of an image; `zero` is the image's zero point (bytes).
inline void CopyAny(const PackedConv& p, const void* x, int32_t zero,
                    std::byte* to) {
  const Window& g = p.spec.window;
  if (p.spec.kind == LayerKind::kF32F32) {
    CopyImage(g, p.copy_h, p.copy_w, CopySame<float>(),
              static_cast<const float*>(x), 0, to);
  } else if (p.spec.kind == LayerKind::kS16S8) {
    CopyImage(g, p.copy_h, p.copy_w, CopySame<int16_t>(),
              static_cast<const int16_t*>(x), 0, to);
  } else if (p.vnni) {
    CopyImage(g, p.copy_h, p.copy_w, CopyFlipped(),
              static_cast<const int8_t*>(x), static_cast<uint8_t>(zero + 128),
              to);
  } else {
    CopyImage(g, p.copy_h, p.copy_w, CopyWidened{static_cast<int16_t>(zero)},
              static_cast<const int8_t*>(x), 0, to);
  }
}

// How many windows at a time against two vectors of channels: as many sums as
// the 32 vector registers of AVX-512 and aarch64, or 16, hold beside operands.
// Requantization wants registers, too.
#if HWY_TARGET <= HWY_AVX3 || HWY_ARCH_ARM_A64
template <class Words>
constexpr int kTileOfTwo = std::is_same_v<typename Words::X, float> ? 8 : 4;
#else
template <class Words>
constexpr int kTileOfTwo = 4;
#endif

// All windows of one image and kV blocks of output channels. Where the last
// vector has idle lanes, its stores spill over the next position, which is
// stored later: blocks are done from the last to the first.
template <class Words, int kTile, int kV, bool kPool, class Epilogue>
void RunBlocks(const PackedConv& p, const void* image, int block,
               DynamicScale scale, typename Epilogue::Out* y,
               const typename Epilogue::Out* y_end, std::byte* late) {
  using V = typename Epilogue::V;
  constexpr int kOutputs = kPool ? kTile / 4 : kTile;
  constexpr int kWidth = kV * hn::MaxLanes(DS32());
  const auto* x = static_cast<const typename Words::X*>(image);
  const Window& g = p.spec.window;
  const int first = block * p.lanes;
  const int channels = std::min(g.out_c - first, kWidth);
  const ptrdiff_t pitch = g.out_c;
  const int total = kPool ? g.out_h / 2 * (g.out_w / 2) : g.out_h * g.out_w;
  const Epilogue epilogues[] = {Epilogue(p, first, scale),
                                Epilogue(p, first + (kV - 1) * p.lanes, scale)};
  HWY_ALIGN typename Epilogue::Out tile[kOutputs * kWidth];
  // A pool leaves too little to write for doing it late.
  constexpr bool kLate =
      !kPool && !std::is_same_v<typename Epilogue::Out, float>;
  std::conditional_t<kLate, LateTileWriter<Epilogue, kOutputs, kV>,
                     TileWriter<Epilogue, kOutputs, kV> >
      writer(p.requantizer, epilogues, late, tile);
  y += first;
  const int32_t* windows = p.window_offsets.data();
  for (int i = 0; i < total; i += kOutputs, windows += kTile) {
    V sums[kTile * kV];
    for (int k = 0; k < kTile * kV; ++k) sums[k] = epilogues[k % kV].Start();
    Tile<Words, kTile, kV>(p, block, x, windows).Accumulate(sums, writer);
    if constexpr (kPool) {
      for (int k = 0; k < kOutputs * kV; ++k) {
        const V* four = sums + k / kV * 4 * kV + k % kV;
        sums[k] = hn::Max(hn::Max(four[0], four[kV]),
                          hn::Max(four[2 * kV], four[3 * kV]));
      }
    }
    if (i + kOutputs <= total && y_end - y >= (kOutputs - 1) * pitch + kWidth) {
      writer.Put(sums, y, pitch);
      y += kOutputs * pitch;
      continue;
    }
    // The last tiles: nothing may be written behind the output.
    writer.Put(sums, tile, kWidth);
    writer.Flush();
    for (int k = 0; k < std::min(kOutputs, total - i); ++k, y += pitch) {
      std::copy_n(tile + k * kWidth, channels, y);
    }
  }
  writer.Flush();
}

template <class Words, bool kPool, class Epilogue>
void RunImage(const PackedConv& p, const void* image, DynamicScale scale,
              typename Epilogue::Out* y, const typename Epilogue::Out* y_end,
              std::byte* late) {
  if constexpr (kPool) {
    if (p.gray) {
      return p.spec.window.filter_h == 3
                 ? RunGray<Words, 3, Epilogue>(p, image, scale, y, y_end)
                 : RunGray<Words, 5, Epilogue>(p, image, scale, y, y_end);
    }
  }
  int block = p.blocks;
  if (block % 2 != 0) {
    RunBlocks<Words, 8, 1, kPool, Epilogue>(p, image, --block, scale, y, y_end,
                                            late);
  }
  while (block > 0) {
    block -= 2;
    RunBlocks<Words, kTileOfTwo<Words>, 2, kPool, Epilogue>(
        p, image, block, scale, y, y_end, late);
  }
}

// Calls run(image, scale, y, y_end) for each image of a call, with the copy of
// it where it needs one; `out_size`: elements of y an image.
template <class Epilogue, class RunOne>
void ForEachImage(const PackedConv& p, int images, const void* x, void* y,
                  std::byte* workspace, int64_t out_size, const RunOne& run) {
  using Out = typename Epilogue::Out;
  constexpr bool kHybrid = std::is_same_v<Epilogue, EpilogueHybrid>;
  const Window& g = p.spec.window;
  const int64_t in_bytes =
      g.in_size() * (kHybrid ? 4 : static_cast<int64_t>(sizeof(Out)));
  const auto* in = static_cast<const std::byte*>(x);
  auto* out = static_cast<Out*>(y);
  const Out* end = out + images * out_size;
  std::byte* copy = workspace + p.copy_at;
  for (int n = 0; n < images; ++n, in += in_bytes, out += out_size) {
    DynamicScale scale;
    const std::byte* image = in;
    if constexpr (kHybrid) {
      auto* quantized = reinterpret_cast<int8_t*>(workspace + p.quantized_at);
      const auto* reals = reinterpret_cast<const float*>(in);
      scale = p.spec.per_channel
                  ? QuantizeAsymmetricSimd(reals, g.in_size(), quantized)
                  : QuantizeSymmetricSimd(reals, g.in_size(), quantized);
      CopyAny(p, quantized, scale.zero_point, copy);
      image = copy;
    } else if (p.needs_copy) {
      CopyAny(p, in, p.spec.x_zero, copy);
      image = copy;
    }
    run(image, scale, out, end);
  }
}

// All images of one call.
template <class Words, bool kPool, class Epilogue>
void Run(const PackedConv& p, int images, const void* x, void* y,
         std::byte* workspace) {
  const Window& g = p.spec.window;
  const int64_t out_size =
      kPool ? int64_t{g.out_h / 2} * (g.out_w / 2) * g.out_c : g.out_size();
  ForEachImage<Epilogue>(p, images, x, y, workspace, out_size,
                         [&](const std::byte* image, DynamicScale scale,
                             auto* out, const auto* end) {
                           RunImage<Words, kPool, Epilogue>(
                               p, image, scale, out, end, workspace);
                         });
}

template <class Words, class Epilogue>
auto Choose(const PackedConv& p) {
  return p.spec.pool_2x2 ? &Run<Words, true, Epilogue>
                         : &Run<Words, false, Epilogue>;
}

template <class Words, typename T>
auto ChooseInteger(const PackedConv& p) {
  switch (p.requantizer.form) {
    case RequantForm::kPlain:
      return Choose<Words, EpilogueInteger<T, RequantForm::kPlain> >(p);
    case RequantForm::kSigned:
      return Choose<Words, EpilogueInteger<T, RequantForm::kSigned> >(p);
    default:
      return Choose<Words, EpilogueInteger<T, RequantForm::kLeft> >(p);
  }
}

#endif  // HWY_SCALAR

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace litesmith
HWY_AFTER_NAMESPACE();

#endif  // LITESMITH_KERNELS_CONV_RUN_INL_H_
