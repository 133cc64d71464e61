// A convolution by Winograd's F(2x2, 3x3) (winograd.h): some tiles at a time
// are transformed, multiplied position by position, and transformed back. One
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
#include "src/kernels/conv/winograd.h"
#include "src/kernels/quantize/simd.h"

HWY_BEFORE_NAMESPACE();
namespace litesmith {
namespace HWY_NAMESPACE {

#if HWY_TARGET != HWY_SCALAR

// ---- Into the domain of products ------------------------------------------

// How pixels of T become elements of the products.
template <typename T>
struct WinogradInput;
template <>
struct WinogradInput<float> {
  using X = float;
  using D = DF32;
  explicit WinogradInput(int32_t) {}
  HWY_INLINE VF32 Load(const float* x) const { return hn::LoadU(D(), x); }
};
template <>
struct WinogradInput<int8_t> {
  using X = int16_t;
  using D = hn::CappedTag<int16_t, 16>;
  explicit WinogradInput(int32_t z)
      : zero(hn::Set(D(), static_cast<int16_t>(z))) {}
  HWY_INLINE hn::Vec<D> Load(const int8_t* x) const {
    const hn::Rebind<int8_t, D> narrow;
    return hn::Sub(hn::PromoteTo(D(), hn::LoadU(narrow, x)), zero);
  }
  hn::Vec<D> zero;
};

// B^T times four values.
template <class V>
HWY_INLINE void InputRow(const V& a, const V& b, const V& c, const V& e,
                         V* to) {
  to[0] = hn::Sub(a, c);
  to[1] = hn::Add(b, c);
  to[2] = hn::Sub(c, b);
  to[3] = hn::Sub(b, e);
}

// The patch that begins at `from`, rows and pixels so far apart; to 16 planes.
template <class Input, typename T>
HWY_INLINE void TransformPatch(const Input& input, const T* from, ptrdiff_t row,
                               ptrdiff_t pixel, int channels,
                               typename Input::X* to, ptrdiff_t plane) {
  using D = typename Input::D;
  using V = hn::Vec<D>;
  const D d;
  for (int c = 0; c < channels; c += static_cast<int>(hn::MaxLanes(d))) {
    const T* x = from + c;
    V t[16];
    for (int i = 0; i < 4; ++i, x += pixel) {
      V of[4];
      InputRow(input.Load(x), input.Load(x + row), input.Load(x + 2 * row),
               input.Load(x + 3 * row), of);
      t[i] = of[0], t[4 + i] = of[1], t[8 + i] = of[2], t[12 + i] = of[3];
    }
    typename Input::X* at = to + c;
    for (int i = 0; i < 4; ++i) {
      V of[4];
      InputRow(t[4 * i], t[4 * i + 1], t[4 * i + 2], t[4 * i + 3], of);
      for (int k = 0; k < 4; ++k, at += plane) hn::StoreU(of[k], d, at);
    }
  }
}

// ---- Products --------------------------------------------------------------

template <class Words, class V, size_t... kVs>
HWY_INLINE void StepOneTile(V* sum, const typename Words::X* x, const V* w,
                            std::index_sequence<kVs...>) {
  const V word = Words::Broadcast(x);
  ((sum[kVs] = Words::Step(sum[kVs], word, w[kVs])), ...);
}

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
    (StepOneTile<Words>(sums + kT * kV, x[kT] + c, ws, vs), ...);
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

// One of the 16 positions, of all tiles.
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

// ---- And back
// ----------------------------------------------------------------

// Integers are four times as large.
HWY_INLINE VF32 WinogradSum(VF32 sum) { return sum; }
HWY_INLINE VS32 WinogradSum(VS32 sum) { return hn::ShiftRight<2>(sum); }

// The four outputs of a tile, `block` of its channels: m is of position 0.
template <class Epilogue, typename T>
HWY_INLINE void OutputTile(const Epilogue& epilogue, const T* m,
                           ptrdiff_t plane, typename Epilogue::V* y) {
  using V = typename Epilogue::V;
  const hn::DFromV<V> d;
  V rows[2][4];
  for (int x = 0; x < 4; ++x) {
    const V a = hn::LoadU(d, m + x * plane);
    const V b = hn::LoadU(d, m + (4 + x) * plane);
    const V c = hn::LoadU(d, m + (8 + x) * plane);
    const V e = hn::LoadU(d, m + (12 + x) * plane);
    rows[0][x] = hn::Add(hn::Add(a, b), c);
    rows[1][x] = hn::Sub(hn::Sub(b, c), e);
  }
  for (int i = 0; i < 2; ++i) {
    const V* r = rows[i];
    y[2 * i] = hn::Add(WinogradSum(hn::Add(hn::Add(r[0], r[1]), r[2])),
                       epilogue.Start());
    y[2 * i + 1] = hn::Add(WinogradSum(hn::Sub(hn::Sub(r[1], r[2]), r[3])),
                           epilogue.Start());
  }
}

// Where a tile is, and what of it lies in the output.
struct WinogradTile {
  int y, x;  // of its first output
};

// Some tiles of one image: `image` is of T, whose zero point is `zero`.
template <class Words, class Epilogue, typename T>
class WinogradBand {
 public:
  using Input = WinogradInput<T>;
  using X = typename Words::X;
  using E = hn::TFromD<typename Words::D>;
  using Out = typename Epilogue::Out;

  WinogradBand(const PackedConv& p, const T* image, DynamicScale scale,
               std::byte* workspace)
      : p_(p),
        g_(p.spec.window),
        image_(image),
        scale_(scale),
        input_(scale.zero_point),
        v_(reinterpret_cast<X*>(workspace)),
        m_(reinterpret_cast<E*>(workspace + p.winograd_products_at)),
        patch_(reinterpret_cast<T*>(workspace + p.winograd_patch_at)),
        across_((g_.out_w + 1) / 2),
        v_plane_(ptrdiff_t{kWinogradTiles} * g_.in_c),
        m_plane_(ptrdiff_t{kWinogradTiles} * g_.out_c) {}

  void Run(int first, int count, Out* y) {
    const int whole =
        (count + kWinogradStep - 1) / kWinogradStep * kWinogradStep;
    for (int t = 0; t < whole; ++t) {
      // What is behind the last tile is computed for nothing.
      Transform(TileAt(first + std::min(t, count - 1)),
                v_ + ptrdiff_t{t} * g_.in_c);
    }
    for (int position = 0; position < 16; ++position) {
      MultiplyPlane<Words>(p_, position, v_ + position * v_plane_, whole,
                           m_ + position * m_plane_);
    }
    for (int block = 0; block < p_.blocks; ++block) {
      const Epilogue epilogue(p_, block * p_.lanes, scale_);
      for (int t = 0; t < count; ++t)
        Finish(epilogue, block, t, TileAt(first + t), y);
    }
  }

 private:
  WinogradTile TileAt(int t) const {
    return {2 * (t / across_), 2 * (t % across_)};
  }

  void Transform(WinogradTile tile, X* to) {
    const int y = tile.y - g_.pad_top;
    const int x = tile.x - g_.pad_left;
    const ptrdiff_t row = ptrdiff_t{g_.in_w} * g_.in_c;
    if (y >= 0 && x >= 0 && y + 4 <= g_.in_h && x + 4 <= g_.in_w) {
      TransformPatch(input_, image_ + y * row + ptrdiff_t{x} * g_.in_c, row,
                     g_.in_c, g_.in_c, to, v_plane_);
      return;
    }
    T* out = patch_;
    for (int i = 0; i < 4; ++i) {
      for (int k = 0; k < 4; ++k, out += g_.in_c) {
        const bool inside =
            y + i >= 0 && y + i < g_.in_h && x + k >= 0 && x + k < g_.in_w;
        if (inside) {
          std::copy_n(image_ + (y + i) * row + ptrdiff_t{x + k} * g_.in_c,
                      g_.in_c, out);
        } else {
          std::fill_n(out, g_.in_c, static_cast<T>(scale_.zero_point));
        }
      }
    }
    TransformPatch(input_, patch_, ptrdiff_t{4} * g_.in_c, g_.in_c, g_.in_c, to,
                   v_plane_);
  }

  void Finish(const Epilogue& epilogue, int block, int t, WinogradTile tile,
              Out* y) {
    const int channel = block * p_.lanes;
    typename Epilogue::V sums[4];
    OutputTile(epilogue, m_ + ptrdiff_t{t} * g_.out_c + channel, m_plane_,
               sums);
    decltype(epilogue.Finish(sums[0])) out[4];
    for (int k = 0; k < 4; ++k) out[k] = epilogue.Finish(sums[k]);
    const bool below = tile.y + 1 < g_.out_h;
    const bool right = tile.x + 1 < g_.out_w;
    const ptrdiff_t row = ptrdiff_t{g_.out_w} * g_.out_c;
    HWY_ALIGN Out outside[hn::MaxLanes(DS32())];
    Out* const at = y + tile.y * row + ptrdiff_t{tile.x} * g_.out_c + channel;
    Out* const to[] = {at, right ? at + g_.out_c : outside,
                       below ? at + row : outside,
                       below && right ? at + row + g_.out_c : outside};
    StoreTile<4, 1>(out, p_.requantizer, to);
  }

  const PackedConv& p_;
  const Window& g_;
  const T* image_;
  const DynamicScale scale_;
  const Input input_;
  X* v_;
  E* m_;
  T* patch_;
  int across_;
  ptrdiff_t v_plane_, m_plane_;
};

// All images of one call.
template <class Words, class Epilogue, typename T>
void RunWinograd(const PackedConv& p, int images, const void* x, void* y,
                 std::byte* workspace) {
  using Out = typename Epilogue::Out;
  constexpr bool kHybrid = std::is_same_v<Epilogue, EpilogueHybrid>;
  using In = std::conditional_t<kHybrid, float, T>;
  const Window& g = p.spec.window;
  const auto* in = static_cast<const In*>(x);
  auto* out = static_cast<Out*>(y);
  const int tiles = (g.out_h + 1) / 2 * ((g.out_w + 1) / 2);
  for (int n = 0; n < images; ++n, in += g.in_size(), out += g.out_size()) {
    DynamicScale scale{.zero_point = p.spec.x_zero};
    const T* image;
    if constexpr (kHybrid) {
      auto* quantized = reinterpret_cast<int8_t*>(workspace + p.quantized_at);
      scale = p.spec.per_channel
                  ? QuantizeAsymmetricSimd(in, g.in_size(), quantized)
                  : QuantizeSymmetricSimd(in, g.in_size(), quantized);
      image = quantized;
    } else {
      image = in;
    }
    WinogradBand<Words, Epilogue, T> band(p, image, scale, workspace);
    for (int t = 0; t < tiles; t += kWinogradTiles)
      band.Run(t, std::min(kWinogradTiles, tiles - t), out);
  }
}

#endif  // HWY_SCALAR

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace litesmith
HWY_AFTER_NAMESPACE();

#endif  // LITESMITH_KERNELS_CONV_WINOGRAD_INL_H_
