// A depthwise convolution on SIMD: tiles of windows against one vector of
// channels, over all images of a call. simd_*.cc choose among these. One
// definition a SIMD target.
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
#include <utility>

#include "src/kernels/common/copy_image-inl.h"
#include "src/kernels/common/requantize-inl.h"
#include "src/kernels/depthwise/pack.h"
#include "src/kernels/depthwise/simd.h"
#include "src/kernels/quantize/dynamic.h"

HWY_BEFORE_NAMESPACE();
namespace litesmith {
namespace HWY_NAMESPACE {

#if HWY_TARGET != HWY_SCALAR

// How taps are summed. Each has: X, the image's elements; Sum; kTaps, taps of
// one step; Weights, those of a step; Step, sum += x * w.

// One tap of floats.
struct OneTap {
  using X = float;
  using Sum = VF32;
  using Weights = VF32;
  static constexpr int kTaps = 1;
  static constexpr int kChannels = hn::MaxLanes(DF32());
  static HWY_INLINE Weights Load(const PackedDepthwise& p, size_t step) {
    return hn::Load(DF32(), p.weights.as<float>() + step * kChannels);
  }
  static HWY_INLINE Sum Step(Sum sum, const float* x, const int32_t* taps,
                             Weights w) {
    return hn::MulAdd(hn::LoadU(DF32(), x + taps[0]), w, sum);
  }
};
// The same as two roundings, which is what the reference twin does.
struct OneTapExact : OneTap {
  static HWY_INLINE Sum Step(Sum sum, const float* x, const int32_t* taps,
                             Weights w) {
    return hn::Add(sum, hn::Mul(hn::LoadU(DF32(), x + taps[0]), w));
  }
};

// Two taps of int16, whose elements alternate: exact in int32.
struct TwoTaps {
  using X = int16_t;
  // The halves of every 128 bits of the image's vector. With constructors, as
  // g++ compiles those that it makes by itself without NEON.
  struct Sum {
    HWY_INLINE Sum() {}
    HWY_INLINE Sum(VS32 l, VS32 u) : lower(l), upper(u) {}
    VS32 lower, upper;
  };
  using Weights = Sum;
  static constexpr int kTaps = 2;
  static constexpr int kChannels = hn::MaxLanes(DS16());
  static HWY_INLINE Weights Load(const PackedDepthwise& p, size_t step) {
    const auto* w = p.weights.as<int32_t>() + step * kChannels;
    return {hn::Load(DS32(), w), hn::Load(DS32(), w + kChannels / 2)};
  }
  static HWY_INLINE Sum Step(Sum sum, const int16_t* x, const int32_t* taps,
                             const Weights& w) {
    const DS16 d;
    const DS32 d32;
    const auto a = hn::LoadU(d, x + taps[0]);
    const auto b = hn::LoadU(d, x + taps[1]);
    return {PairDot(sum.lower, hn::BitCast(d32, hn::InterleaveLower(d, a, b)),
                    w.lower),
            PairDot(sum.upper, hn::BitCast(d32, hn::InterleaveUpper(d, a, b)),
                    w.upper)};
  }
};

// sums[k] = the sum of window k.
template <class Taps, size_t... kK>
HWY_INLINE void SumTile(const PackedDepthwise& p, int block,
                        const typename Taps::X* image, const int32_t* windows,
                        const typename Taps::Sum& start,
                        typename Taps::Sum* sums, std::index_sequence<kK...>) {
  const typename Taps::X* const x[] = {image + windows[kK] +
                                       ptrdiff_t{block} * Taps::kChannels...};
  typename Taps::Sum sum[] = {(static_cast<void>(kK), start)...};
  const size_t steps = p.taps.size() / Taps::kTaps;
  const int32_t* taps = p.taps.data();
  size_t at = static_cast<size_t>(block) * steps;
  for (size_t i = 0; i < steps; ++i, ++at, taps += Taps::kTaps) {
    const typename Taps::Weights w = Taps::Load(p, at);
    ((sum[kK] = Taps::Step(sum[kK], x[kK], taps, w)), ...);
  }
  ((sums[kK] = sum[kK]), ...);
}

// All windows of one image. A chunk of them is done for all channels, so that
// it is in the cache. An Epilogue has: Out, the output's elements; Start; and
// Store, which writes a vector of channels.
template <class Taps, class Epilogue>
void RunImage(const PackedDepthwise& p, const void* image, DynamicScale scale,
              typename Epilogue::Out* y) {
  constexpr int kTile = kDepthwiseTile;
  constexpr int kChunk = 16 * kTile;
  constexpr int kWidth = Taps::kChannels;
  const auto* x = static_cast<const typename Taps::X*>(image);
  const Window& g = p.spec.window;
  const int total = g.out_h * g.out_w;
  HWY_ALIGN typename Epilogue::Out last_channels[kWidth];
  for (int first = 0; first < total; first += kChunk) {
    const int end = std::min(first + kChunk, total);
    for (int block = 0; block < p.blocks; ++block) {
      const Epilogue epilogue(p, block, scale);
      const int channels = std::min(g.out_c - block * kWidth, kWidth);
      for (int n = first; n < end; n += kTile) {
        typename Taps::Sum sums[kTile];
        SumTile<Taps>(p, block, x, p.windows.data() + n, epilogue.Start(), sums,
                      std::make_index_sequence<kTile>());
        auto* out = y + int64_t{n} * g.out_c + block * kWidth;
        for (int k = 0; k < std::min(kTile, end - n); ++k, out += g.out_c) {
          if (channels == kWidth) {
            epilogue.Store(sums[k], out);
          } else {
            epilogue.Store(sums[k], last_channels);
            std::copy_n(last_channels, channels, out);
          }
        }
      }
    }
  }
}

// The copy of an image that the kernels read, every input channel as often as
// the multiplier says.
template <class Copy, typename T>
void CopyChannels(const PackedDepthwise& p, const Copy& copy, const T* x,
                  std::byte* to) {
  const Window& g = p.spec.window;
  if (g.out_c == g.in_c) {
    CopyImage(g, p.copy_h, p.copy_w, copy, x, 0, to);
    return;
  }
  using To = typename Copy::To;
  const int multiplier = g.out_c / g.in_c;
  const int64_t line = int64_t{p.copy_w} * g.out_c;
  auto* row = reinterpret_cast<To*>(to);
  std::fill_n(row, p.copy_h * line, To{0});
  row += g.pad_top * line + int64_t{g.pad_left} * g.out_c;
  for (int y = 0; y < g.in_h; ++y, row += line) {
    To* out = row;
    for (int i = 0; i < g.in_w * g.in_c; ++i)
      out = std::fill_n(out, multiplier, copy.One(*x++));
  }
}

#endif  // HWY_SCALAR

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace litesmith
HWY_AFTER_NAMESPACE();

#endif  // LITESMITH_KERNELS_DEPTHWISE_RUN_INL_H_
