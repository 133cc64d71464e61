#include "src/kernels/conv_2d_simd.h"

#include "src/kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "src/kernels/conv_2d_simd.cc"
#include <hwy/foreach_target.h>
// After foreach_target.
#include <hwy/highway.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "src/kernels/conv_2d_pack.h"
#include "src/kernels/dynamic_quantize_simd.h"
#include "src/kernels/words-inl.h"

HWY_BEFORE_NAMESPACE();
namespace litesmith {
namespace HWY_NAMESPACE {
namespace {

#if HWY_TARGET == HWY_SCALAR

bool Pack(const ConvSpec&, PackedConv*) { return false; }

#else

constexpr int kTile = 8;  // windows at a time: 8 accumulators hide latency

// Stores the first `n` lanes of a vector. `room` says how many elements from
// `to` on belong to this call: where a whole vector fits, what it spills is
// overwritten by the next window's store.
template <class D, typename T>
HWY_INLINE void StoreSome(hn::Vec<D> v, D d, T* to, int n, bool spill) {
  if (spill || n >= static_cast<int>(hn::Lanes(d))) {
    hn::StoreU(v, d, to);
    return;
  }
#if HWY_TARGET == HWY_AVX3
  hn::BlendedStore(v, hn::FirstN(d, static_cast<size_t>(n)), d, to);
#else
  HWY_ALIGN T lanes[hn::MaxLanes(d)];
  hn::Store(v, d, lanes);
  for (int i = 0; i < n; ++i) to[i] = lanes[i];
#endif
}

// Float: + bias, clamp.
struct EpilogueF32 {
  using Acc = VF32;
  using Out = float;
  VF32 bias, lo, hi;
  EpilogueF32(const PackedConv& p, int block)
      : bias(hn::Load(DF32(), p.bias.as<float>() + block * p.lanes)),
        lo(hn::Set(DF32(), p.spec.lo)),
        hi(hn::Set(DF32(), p.spec.hi)) {}
  HWY_INLINE void Store(VF32 acc, float* to, int n, bool spill) const {
    const VF32 y = hn::Min(hn::Max(hn::Add(acc, bias), lo), hi);
    StoreSome(y, DF32(), to, n, spill);
  }
};

// clamp(v + zero_point), narrowed and stored.
template <typename T>
HWY_INLINE void StoreInteger(VS32 v, VS32 zero, VS32 lo, VS32 hi, T* to, int n,
                             bool spill) {
  const hn::Rebind<T, DS32> d;
  const VS32 y = hn::Min(hn::Max(hn::Add(v, zero), lo), hi);
  StoreSome(hn::DemoteTo(d, y), d, to, n, spill);
}

// Mbqm of every lane (quantization_math.h).
template <typename T, bool kLeft>
struct EpilogueMbqm {
  using Acc = VS32;
  using Out = T;
  VS32 bias, zero, lo, hi, multiplier, left, right, half, sign_mask;
  EpilogueMbqm(const PackedConv& p, int block)
      : bias(At(p.bias, p, block)),
        zero(hn::Set(DS32(), p.spec.requantizer.zero_point)),
        lo(hn::Set(DS32(), p.spec.requantizer.lo)),
        hi(hn::Set(DS32(), p.spec.requantizer.hi)),
        multiplier(At(p.multiplier, p, block)),
        left(At(p.shift_left, p, block)),
        right(At(p.shift_right, p, block)),
        half(At(p.half, p, block)),
        sign_mask(At(p.sign_mask, p, block)) {}
  static VS32 At(const PackedBuffer& b, const PackedConv& p, int block) {
    return hn::Load(DS32(), b.as<int32_t>() + block * p.lanes);
  }
  HWY_INLINE void Store(VS32 acc, T* to, int n, bool spill) const {
    const hn::Repartition<int64_t, DS32> d64;
    VS32 x = hn::Add(acc, bias);
    if constexpr (kLeft) x = hn::Shl(x, left);
    // SRDHM: bits 31.. of product + 2^30, for even and odd lanes.
    const auto round = hn::Set(d64, int64_t{1} << 30);
    const auto even = hn::Add(hn::MulEven(x, multiplier), round);
    const auto odd = hn::Add(hn::MulEven(Odd(x), Odd(multiplier)), round);
    const VS32 high =
        hn::OddEven(hn::BitCast(DS32(), hn::ShiftLeft<1>(odd)),
                    hn::BitCast(DS32(), hn::ShiftRight<31>(ToU(even))));
    // RDPOT: ties away from zero; |high| < 2^30 + 1 leaves room for half.
    const VS32 nudge =
        hn::Add(half, hn::And(hn::ShiftRight<31>(high), sign_mask));
    const VS32 y = hn::Shr(hn::Add(high, nudge), right);
    StoreInteger(y, zero, lo, hi, to, n, spill);
  }
  static HWY_INLINE VS32 Odd(VS32 v) {
    const hn::Repartition<uint64_t, DS32> du;
    return hn::BitCast(DS32(), hn::ShiftRight<32>(hn::BitCast(du, v)));
  }
  template <class V>
  static HWY_INLINE auto ToU(V v) {
    return hn::BitCast(hn::Repartition<uint64_t, DS32>(), v);
  }
};

// Mbqm64 of every lane; |acc| < 2^31, so the product has 46 bits.
struct EpilogueMbqm64 {
  using Acc = VS32;
  using Out = int16_t;
  using DU64 = hn::Repartition<uint64_t, DS32>;
  using VU64 = hn::Vec<DU64>;
  VS32 bias, zero, lo, hi, multiplier;
  VU64 shift0, shift1, add0, add1, subtract0, subtract1;
  EpilogueMbqm64(const PackedConv& p, int block)
      : bias(hn::Load(DS32(), p.bias.as<int32_t>() + block * p.lanes)),
        zero(hn::Set(DS32(), p.spec.requantizer.zero_point)),
        lo(hn::Set(DS32(), p.spec.requantizer.lo)),
        hi(hn::Set(DS32(), p.spec.requantizer.hi)),
        multiplier(
            hn::Load(DS32(), p.multiplier.as<int32_t>() + block * p.lanes)),
        shift0(At(p.shift64, p, block, 0)),
        shift1(At(p.shift64, p, block, 1)),
        add0(At(p.add64, p, block, 0)),
        add1(At(p.add64, p, block, 1)),
        subtract0(At(p.subtract64, p, block, 0)),
        subtract1(At(p.subtract64, p, block, 1)) {}
  static VU64 At(const PackedBuffer& b, const PackedConv& p, int block,
                 int odd) {
    return hn::LoadU(DU64(),
                     b.as<uint64_t>() + block * p.lanes + odd * (p.lanes / 2));
  }
  HWY_INLINE void Store(VS32 acc, int16_t* to, int n, bool spill) const {
    const DU64 du;
    const VS32 x = hn::Add(acc, bias);
    const auto odd32 = [](VS32 v) HWY_ATTR {
      return hn::BitCast(DS32(), hn::ShiftRight<32>(hn::BitCast(DU64(), v)));
    };
    VU64 even = hn::BitCast(du, hn::MulEven(x, multiplier));
    VU64 odd = hn::BitCast(du, hn::MulEven(odd32(x), odd32(multiplier)));
    even = hn::Sub(hn::Shr(hn::Add(even, add0), shift0), subtract0);
    odd = hn::Sub(hn::Shr(hn::Add(odd, add1), shift1), subtract1);
    const VS32 y = hn::OddEven(hn::BitCast(DS32(), hn::ShiftLeft<32>(odd)),
                               hn::BitCast(DS32(), even));
    StoreInteger(y, zero, lo, hi, to, n, spill);
  }
};

// Hybrid: the sum of products back to float. `image` is this image's scale.
struct EpilogueHybrid {
  using Acc = VS32;
  using Out = float;
  VS32 correction;
  VF32 bias, lo, hi, w_scale, x_scale;
  bool per_channel;
  EpilogueHybrid(const PackedConv& p, int block, DynamicScale image)
      : correction(hn::Mul(
            hn::Load(DS32(), p.weight_sums.as<int32_t>() + block * p.lanes),
            hn::Set(DS32(), p.vnni ? 128 + image.zero_point : 0))),
        bias(hn::Load(DF32(), p.bias.as<float>() + block * p.lanes)),
        lo(hn::Set(DF32(), p.spec.lo)),
        hi(hn::Set(DF32(), p.spec.hi)),
        w_scale(hn::Load(DF32(), p.scales.as<float>() + block * p.lanes)),
        x_scale(hn::Set(DF32(), image.scale)),
        per_channel(p.spec.per_channel) {}
  HWY_INLINE void Store(VS32 acc, float* to, int n, bool spill) const {
    const VF32 sum = hn::ConvertTo(DF32(), hn::Sub(acc, correction));
    const VF32 real = per_channel ? hn::Mul(hn::Mul(sum, w_scale), x_scale)
                                  : hn::Mul(sum, hn::Mul(x_scale, w_scale));
    const VF32 y = hn::Min(hn::Max(hn::Add(real, bias), lo), hi);
    StoreSome(y, DF32(), to, n, spill);
  }
};

// acc[p] = sum over the window of pixel p.
template <class Words, class V, size_t... kP>
HWY_INLINE void Accumulate(const PackedConv& p, const std::byte* const* pixels,
                           const std::byte* weights, V* acc,
                           std::index_sequence<kP...>) {
  using D = typename Words::D;
  ((acc[kP] = hn::Zero(D())), ...);
  const auto* w = reinterpret_cast<const hn::TFromD<D>*>(weights);
  for (const int64_t offset : p.run_offsets) {
    const std::byte* x[] = {(pixels[kP] + offset)...};
    for (int k = 0; k < p.words; ++k) {
      const V wv = hn::Load(D(), w);
      w += hn::Lanes(D());
      ((acc[kP] = Words::Step(acc[kP], x[kP] + 4 * k, wv)), ...);
    }
  }
}

// All windows of one image and one block of output channels. Windows (or with
// a pool, groups of four) are counted through the whole image, so that only
// its last tile has idle places, which repeat the last window.
template <class Words, bool kPool, class Epilogue>
void RunBlock(const PackedConv& p, const std::byte* image, int block,
              const Epilogue& epilogue, typename Epilogue::Out* y,
              const typename Epilogue::Out* y_end) {
  using V = typename Epilogue::Acc;
  const Window& g = p.spec.window;
  const int pitch_x = g.in_c * p.element_bytes;
  const int64_t pitch_y = int64_t{p.needs_copy ? p.copy_w : g.in_w} * pitch_x;
  const int out_w = kPool ? g.out_w / 2 : g.out_w;
  const int out_h = kPool ? g.out_h / 2 : g.out_h;
  const int64_t step_x = int64_t{g.stride_w} * pitch_x;
  const int64_t step_y = g.stride_h * pitch_y;
  const int n = std::min(g.out_c - block * p.lanes, p.lanes);
  const bool one_block = p.blocks == 1;
  const std::byte* weights =
      p.weights.get() + static_cast<size_t>(block) * p.run_offsets.size() *
                            static_cast<size_t>(p.words * p.lanes) * 4;
  const int total = out_w * out_h;
  constexpr int kOutputs = kPool ? kTile / 4 : kTile;
  int ox = 0;
  const std::byte* row = image;
  y += block * p.lanes;
  for (int i = 0; i < total; i += kOutputs) {
    const std::byte* pixels[kTile];
    const int valid = std::min(kOutputs, total - i);
    for (int k = 0; k < kOutputs; ++k) {
      if constexpr (kPool) {
        const std::byte* at = row + 2 * ox * step_x;
        pixels[4 * k] = at;
        pixels[4 * k + 1] = at + step_x;
        pixels[4 * k + 2] = at + step_y;
        pixels[4 * k + 3] = at + step_y + step_x;
      } else {
        pixels[k] = row + ox * step_x;
      }
      if (k + 1 < valid || (k + 1 == kOutputs && valid == kOutputs)) {
        if (++ox == out_w) {
          ox = 0;
          row += kPool ? 2 * step_y : step_y;
        }
      }
    }
    V acc[kTile];
    Accumulate<Words>(p, pixels, weights, acc,
                      std::make_index_sequence<kTile>());
    for (int k = 0; k < valid; ++k, y += g.out_c) {
      V v = acc[kPool ? 4 * k : k];
      if constexpr (kPool) {
        v = hn::Max(hn::Max(v, acc[4 * k + 1]),
                    hn::Max(acc[4 * k + 2], acc[4 * k + 3]));
      }
      epilogue.Store(v, y, n, one_block && y_end - y >= p.lanes);
    }
  }
}

// Elements of one row to the form that the tiles read.
struct CopySame {
  template <typename T>
  static HWY_INLINE void Row(const T* x, int64_t n, int32_t, T* to) {
    std::memcpy(to, x, static_cast<size_t>(n) * sizeof(T));
  }
};
struct CopyFlipped {  // x + 128, unsigned
  static HWY_INLINE void Row(const int8_t* x, int64_t n, int32_t, uint8_t* to) {
    const hn::ScalableTag<uint8_t> d;
    const auto lanes = static_cast<int64_t>(hn::Lanes(d));
    const auto* from = reinterpret_cast<const uint8_t*>(x);
    int64_t i = 0;
    for (; i + lanes <= n; i += lanes) {
      hn::StoreU(hn::Xor(hn::LoadU(d, from + i), hn::Set(d, uint8_t{128})), d,
                 to + i);
    }
    for (; i < n; ++i) to[i] = static_cast<uint8_t>(from[i] ^ 128);
  }
};
struct CopyWidened {  // x - zero
  static HWY_INLINE void Row(const int8_t* x, int64_t n, int32_t zero,
                             int16_t* to) {
    const hn::ScalableTag<int16_t> d;
    const hn::Rebind<int8_t, decltype(d)> d8;
    const auto lanes = static_cast<int64_t>(hn::Lanes(d));
    const auto z = hn::Set(d, static_cast<int16_t>(zero));
    int64_t i = 0;
    for (; i + lanes <= n; i += lanes) {
      hn::StoreU(hn::Sub(hn::PromoteTo(d, hn::LoadU(d8, x + i)), z), d, to + i);
    }
    for (; i < n; ++i) to[i] = static_cast<int16_t>(x[i] - zero);
  }
};

// One image to the padded copy that the tiles read. Padding is `pad`: what a
// real zero becomes there.
template <class Copy, typename T, typename To>
void CopyImage(const PackedConv& p, const T* x, int32_t zero, To pad,
               std::byte* copy) {
  const Window& g = p.spec.window;
  auto* out = reinterpret_cast<To*>(copy);
  const int64_t pitch = int64_t{p.copy_w} * g.in_c;
  const int64_t row = int64_t{g.in_w} * g.in_c;
  const int64_t left = int64_t{g.pad_left} * g.in_c;
  out = std::fill_n(out, g.pad_top * pitch, pad);
  if (pitch == row) {
    Copy::Row(x, row * g.in_h, zero, out);
    out += row * g.in_h;
  } else {
    for (int y = 0; y < g.in_h; ++y, x += row, out += pitch) {
      std::fill_n(out, left, pad);
      Copy::Row(x, row, zero, out + left);
      std::fill(out + left + row, out + pitch, pad);
    }
  }
  std::fill_n(out, (p.copy_h - g.pad_top - g.in_h) * pitch, pad);
}

// `zero` is the image's zero point (bytes).
void CopyAny(const PackedConv& p, const void* x, int32_t zero,
             std::byte* copy) {
  if (p.spec.kind == ConvKind::kF32F32) {
    CopyImage<CopySame>(p, static_cast<const float*>(x), 0, 0.0f, copy);
  } else if (p.spec.kind == ConvKind::kS16S8) {
    CopyImage<CopySame>(p, static_cast<const int16_t*>(x), 0, int16_t{0}, copy);
  } else if (p.vnni) {
    CopyImage<CopyFlipped>(p, static_cast<const int8_t*>(x), 0,
                           static_cast<uint8_t>(zero + 128), copy);
  } else {
    CopyImage<CopyWidened>(p, static_cast<const int8_t*>(x), zero, int16_t{0},
                           copy);
  }
}

// All images of one call.
template <class Words, bool kPool, class Epilogue>
void Run(const PackedConv& p, int images, const void* x, void* y,
         std::byte* workspace) {
  using Out = typename Epilogue::Out;
  const Window& g = p.spec.window;
  const int64_t out_size =
      kPool ? int64_t{g.out_h / 2} * (g.out_w / 2) * g.out_c : g.out_size();
  const int64_t in_bytes =
      g.in_size() * (p.spec.kind == ConvKind::kS8S8    ? 1
                     : p.spec.kind == ConvKind::kS16S8 ? 2
                                                       : 4);
  const auto* in = static_cast<const std::byte*>(x);
  auto* out = static_cast<Out*>(y);
  const Out* end = out + images * out_size;
  for (int n = 0; n < images; ++n, in += in_bytes, out += out_size) {
    if constexpr (std::is_same_v<Epilogue, EpilogueHybrid>) {
      auto* quantized = reinterpret_cast<int8_t*>(workspace) +
                        p.workspace_bytes -
                        (static_cast<size_t>(g.in_size()) + 64 + 63) / 64 * 64;
      const auto* reals = reinterpret_cast<const float*>(in);
      const DynamicScale s =
          p.spec.per_channel
              ? QuantizeAsymmetricSimd(reals, g.in_size(), quantized)
              : QuantizeSymmetricSimd(reals, g.in_size(), quantized);
      CopyAny(p, quantized, s.zero_point, workspace);
      for (int b = 0; b < p.blocks; ++b) {
        RunBlock<Words, kPool>(p, workspace, b, Epilogue(p, b, s), out, end);
      }
    } else {
      const std::byte* image = in;
      if (p.needs_copy) {
        CopyAny(p, in, p.spec.x_zero, workspace);
        image = workspace;
      }
      for (int b = 0; b < p.blocks; ++b) {
        RunBlock<Words, kPool>(p, image, b, Epilogue(p, b), out, end);
      }
    }
  }
}

template <class Words, class Epilogue>
auto Choose(const PackedConv& p) {
  return p.spec.pool_2x2 ? &Run<Words, true, Epilogue>
                         : &Run<Words, false, Epilogue>;
}

template <class Words, typename T>
auto ChooseInteger(const PackedConv& p) {
  if constexpr (std::is_same_v<T, int16_t>) {
    if (p.spec.requantizer.method == RequantMethod::kMbqm64) {
      return Choose<Words, EpilogueMbqm64>(p);
    }
  }
  return p.shifts_left ? Choose<Words, EpilogueMbqm<T, true> >(p)
                       : Choose<Words, EpilogueMbqm<T, false> >(p);
}

template <class WordsBytes, class WordsPairs>
void ChooseRun(PackedConv* p) {
  switch (p->spec.kind) {
    case ConvKind::kF32F32:
      p->run = Choose<WordsF32, EpilogueF32>(*p);
      return;
    case ConvKind::kS8S8:
      p->run = ChooseInteger<WordsBytes, int8_t>(*p);
      return;
    case ConvKind::kS16S8:
      p->run = ChooseInteger<WordsPairs, int16_t>(*p);
      return;
    case ConvKind::kF32S8:
      p->run = Choose<WordsBytes, EpilogueHybrid>(*p);
      return;
  }
}

bool Pack(const ConvSpec& spec, PackedConv* p) {
  const bool vnni = HasVnni();
  PackConvCommon(spec, static_cast<int>(hn::Lanes(DS32())), vnni, p);
#if HWY_TARGET == HWY_AVX3
  if (vnni) {
    ChooseRun<WordsU8Vnni, WordsS16Vnni>(p);
    return true;
  }
#endif
  ChooseRun<WordsS16, WordsS16>(p);
  return true;
}

#endif  // HWY_SCALAR

}  // namespace
// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace litesmith
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace litesmith {

HWY_EXPORT(Pack);

std::unique_ptr<const PackedConv> PackConv2D(const ConvSpec& spec) {
  const Window& g = spec.window;
  if (g.filter_c != g.in_c || !ConvIsNarrow(spec)) return nullptr;
  auto packed = std::make_unique<PackedConv>();
  if (!HWY_DYNAMIC_DISPATCH(Pack)(spec, packed.get())) return nullptr;
  return packed;
}

}  // namespace litesmith
#endif  // HWY_ONCE
