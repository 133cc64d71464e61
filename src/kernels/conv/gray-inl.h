// A convolution of a one-channel image with its 2x2 max pool, for first layers
// whose channels leave lanes idle: a vector holds neighbouring elements of the
// pooled NHWC row instead (with 12 channels, 4 pixels fill 3 vectors of 16).
// One definition a SIMD target.
//
// Every lane needs words of its own pixel, which a lookup in one loaded vector
// gives; the four windows of the pool share them, so that there are fewer
// lookups than products. The phase of a vector says which channel each lane
// has.
#if defined(LITESMITH_KERNELS_CONV_GRAY_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LITESMITH_KERNELS_CONV_GRAY_INL_H_
#undef LITESMITH_KERNELS_CONV_GRAY_INL_H_
#else
#define LITESMITH_KERNELS_CONV_GRAY_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "src/kernels/common/epilogue-inl.h"
#include "src/kernels/common/words-inl.h"
#include "src/kernels/conv/simd.h"

HWY_BEFORE_NAMESPACE();
namespace litesmith {
namespace HWY_NAMESPACE {

#if HWY_TARGET != HWY_SCALAR

// A piece of a row, and the words that lanes look up in it.
HWY_INLINE VF32 LoadRow(const float* x) { return hn::LoadU(DF32(), x); }
HWY_INLINE VF32 LookUp(VF32 row, VS32 lookup) {
  return hn::TableLookupLanes(row, hn::IndicesFromVec(DF32(), lookup));
}
template <typename T>
HWY_INLINE VS32 LoadRow(const T* x) {
  return BroadcastBlock(x);
}
HWY_INLINE VS32 LookUp(VS32 row, VS32 lookup) {
  return hn::TableLookupBytes(row, lookup);
}

// The weights and lookups of one phase, in registers.
template <class Words, int kFilter>
class GrayPhase {
 public:
  using D = typename Words::D;
  using V = hn::Vec<D>;
  using X = typename Words::X;
  HWY_INLINE GrayPhase(const PackedConv& p, int phase) {
    const auto* w = p.weights.as<hn::TFromD<D>>() + phase * kWeights * kLanes;
    const int32_t* l = p.lookups.as<int32_t>() + phase * kWords * kLanes;
    HWY_UNROLL(32)
    for (int i = 0; i < kWeights; ++i) w_[i] = hn::Load(D(), w + i * kLanes);
    HWY_UNROLL(8)
    for (int i = 0; i < kWords; ++i)
      lookup_[i] = hn::Load(DS32(), l + i * kLanes);
  }

  // For two pools at once, as one has too little independent work: best[n] is
  // the largest of the sums over the four windows that begin at x[n].
  HWY_INLINE void Best(const X* const* x, ptrdiff_t pitch, V start,
                       V* best) const {
    constexpr int kN = 2;
    // Of the window dy down and dx to the right: sums[n][2 * dy + dx].
    V sums[kN][4];
    HWY_UNROLL(2)
    for (int n = 0; n < kN; ++n) {
      HWY_UNROLL(4)
      for (int at = 0; at < 4; ++at) sums[n][at] = start;
    }
    HWY_UNROLL(8)
    for (int r = 0; r <= kFilter; ++r) {
      V rows[kN];
      HWY_UNROLL(2)
      for (int n = 0; n < kN; ++n) rows[n] = LoadRow(x[n] + r * pitch);
      HWY_UNROLL(8)
      for (int j = 0; j < kWords; ++j) {
        HWY_UNROLL(2)
        for (int n = 0; n < kN; ++n) {
          const V word = LookUp(rows[n], lookup_[j]);
          HWY_UNROLL(4)
          for (int at = 0; at < 4; ++at) {
            const int ky = r - at / 2;
            const int dx = at % 2;
            if (ky < 0 || ky >= kFilter) continue;
            if (kBytes == 4 && (j < dx || j - dx >= kFilter)) continue;
            const int i = kBytes == 4 ? ky * kFilter + j - dx
                                      : (ky * kWords + j) * 2 + dx;
            sums[n][at] = Words::Step(sums[n][at], word, w_[i]);
          }
        }
      }
    }
    HWY_UNROLL(2)
    for (int n = 0; n < kN; ++n) {
      best[n] = hn::Max(hn::Max(sums[n][0], sums[n][1]),
                        hn::Max(sums[n][2], sums[n][3]));
    }
  }

 private:
  static constexpr int kLanes = hn::MaxLanes(D());
  static constexpr int kBytes = sizeof(X);
  // Words of a row that two windows side by side take.
  static constexpr int kWords = ((kFilter + 1) * kBytes + 3) / 4;
  static constexpr int kWeights =
      kFilter * (kBytes == 4 ? kFilter : 2 * kWords);
  V w_[kWeights];
  VS32 lookup_[kWords];
};

// One image, phase by phase. A row's last vector spills over into the first one
// of the next row, which has phase 0 and comes later: phase 0 is the last.
template <class Words, int kFilter, class Epilogue>
void RunGray(const PackedConv& p, const void* image, DynamicScale scale,
             typename Epilogue::Out* y, const typename Epilogue::Out* y_end) {
  using V = typename Epilogue::V;
  using Result = decltype(std::declval<Epilogue>().Finish(V()));
  using Out = typename Epilogue::Out;
  using X = typename Words::X;
  constexpr int kLanes = hn::MaxLanes(typename Words::D());
  const ptrdiff_t pitch = p.copy_w;
  const auto* x = static_cast<const X*>(image);
  const int32_t* windows = p.window_offsets.data();
  const int32_t* outputs = p.output_offsets.data();
  for (int phase = 0; phase < p.blocks; ++phase) {
    const GrayPhase<Words, kFilter> layer(p, p.blocks - 1 - phase);
    const Epilogue epilogue(p, (p.blocks - 1 - phase) * kLanes, scale);
    const int32_t* end =
        p.window_offsets.data() + p.phase_ends[static_cast<size_t>(phase)];
    for (; windows != end; windows += 4, outputs += 4) {
      const X* const from[] = {x + windows[0], x + windows[1], x + windows[2],
                               x + windows[3]};
      V best[4];
      layer.Best(from, pitch, epilogue.Start(), best);
      layer.Best(from + 2, pitch, epilogue.Start(), best + 2);
      Result out[4];
      for (int k = 0; k < 4; ++k) out[k] = epilogue.Finish(best[k]);
      const bool room = y_end - y >= outputs[3] + kLanes;
      HWY_ALIGN Out tile[4 * kLanes];
      Out* to[4];
      for (int k = 0; k < 4; ++k) {
        to[k] = room ? y + outputs[k] : tile + k * kLanes;
      }
      StoreTile<4, 1>(out, p.requantizer, to);
      if (room) continue;
      for (int k = 0; k < 4; ++k) {
        Out* const at = y + outputs[k];
        std::copy_n(to[k], std::min<ptrdiff_t>(kLanes, y_end - at), at);
      }
    }
  }
}

#endif  // HWY_SCALAR

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace litesmith
HWY_AFTER_NAMESPACE();

#endif  // LITESMITH_KERNELS_CONV_GRAY_INL_H_
