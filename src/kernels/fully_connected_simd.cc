#include "src/kernels/fully_connected_simd.h"

#include "src/kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "src/kernels/fully_connected_simd.cc"
#include <hwy/foreach_target.h>
// After foreach_target.
#include <hwy/highway.h>

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "src/kernels/dynamic_quantize_simd.h"
#include "src/kernels/words-inl.h"

HWY_BEFORE_NAMESPACE();
namespace litesmith {
namespace HWY_NAMESPACE {
namespace {

#if HWY_TARGET == HWY_SCALAR

bool Pack(const DenseSpec&, PackedDense*) { return false; }

#else

constexpr int kRows = 4;  // output channels at a time

// One vector of x and of w: how many elements it holds and how it multiplies.
struct DotF32 {
  using X = float;
  using W = float;
  using Acc = VF32;
  static HWY_INLINE size_t Elements() { return hn::Lanes(DF32()); }
  static HWY_INLINE VF32 Zero() { return hn::Zero(DF32()); }
  static HWY_INLINE VF32 LoadX(const float* x) { return hn::LoadU(DF32(), x); }
  static HWY_INLINE VF32 Step(VF32 acc, VF32 x, const float* w) {
    return hn::MulAdd(x, hn::Load(DF32(), w), acc);
  }
};

using DS16 = hn::Repartition<int16_t, DS32>;
using VS16 = hn::Vec<DS16>;
using DS8Half = hn::Rebind<int8_t, DS16>;

HWY_INLINE VS32 MulPairs(VS32 acc, VS16 x, VS16 w) {
#if HWY_ARCH_X86
  VS32 unused = hn::Zero(DS32());
  return hn::ReorderWidenMulAccumulate(DS32(), x, w, acc, unused);
#else
  return PairDot(acc, hn::BitCast(DS32(), x), hn::BitCast(DS32(), w));
#endif
}

struct DotS16 {
  using X = int16_t;
  using W = int8_t;
  using Acc = VS32;
  static HWY_INLINE size_t Elements() { return hn::Lanes(DS16()); }
  static HWY_INLINE VS32 Zero() { return hn::Zero(DS32()); }
  static HWY_INLINE VS16 LoadX(const int16_t* x) {
    return hn::LoadU(DS16(), x);
  }
  static HWY_INLINE VS32 Step(VS32 acc, VS16 x, const int8_t* w) {
    return MulPairs(acc, x, hn::PromoteTo(DS16(), hn::LoadU(DS8Half(), w)));
  }
};

struct DotS8 {
  using X = int8_t;
  using W = int8_t;
  using Acc = VS32;
  static HWY_INLINE size_t Elements() { return hn::Lanes(DS16()); }
  static HWY_INLINE VS32 Zero() { return hn::Zero(DS32()); }
  static HWY_INLINE VS16 LoadX(const int8_t* x) {
    return hn::PromoteTo(DS16(), hn::LoadU(DS8Half(), x));
  }
  static HWY_INLINE VS32 Step(VS32 acc, VS16 x, const int8_t* w) {
    return MulPairs(acc, x, hn::PromoteTo(DS16(), hn::LoadU(DS8Half(), w)));
  }
};

#if HWY_TARGET == HWY_AVX3
struct DotS16Vnni : DotS16 {
  static HWY_INLINE VS32 Step(VS32 acc, VS16 x, const int8_t* w) {
    return PairDotVnni(
        acc, hn::BitCast(DS32(), x),
        hn::BitCast(DS32(), hn::PromoteTo(DS16(), hn::LoadU(DS8Half(), w))));
  }
};
// x + 128 as unsigned bytes.
struct DotS8Vnni {
  using X = int8_t;
  using W = int8_t;
  using Acc = VS32;
  using D8 = hn::Repartition<int8_t, DS32>;
  static HWY_INLINE size_t Elements() { return hn::Lanes(D8()); }
  static HWY_INLINE VS32 Zero() { return hn::Zero(DS32()); }
  static HWY_INLINE VS32 LoadX(const int8_t* x) {
    return hn::BitCast(
        DS32(), hn::Xor(hn::LoadU(D8(), x), hn::Set(D8(), int8_t{-128})));
  }
  static HWY_INLINE VS32 Step(VS32 acc, VS32 x, const int8_t* w) {
    return QuadDotVnni(acc, x, hn::BitCast(DS32(), hn::Load(D8(), w)));
  }
};
#endif

// sums[r] = the dot products of x and four packed rows, over [from, to) whole
// vectors.
template <class Dot>
HWY_INLINE void Dots(const typename Dot::X* x, const typename Dot::W* w,
                     int64_t pitch, int64_t from, int64_t to,
                     typename Dot::Acc* sums) {
  using Acc = typename Dot::Acc;
  const auto n = static_cast<int64_t>(Dot::Elements());
  const auto *w0 = w, *w1 = w + pitch, *w2 = w1 + pitch, *w3 = w2 + pitch;
  Acc a0 = Dot::Zero(), a1 = a0, a2 = a0, a3 = a0;
  Acc b0 = a0, b1 = a0, b2 = a0, b3 = a0;
  int64_t i = from;
  for (; i + 2 * n <= to; i += 2 * n) {
    const auto x0 = Dot::LoadX(x + i);
    a0 = Dot::Step(a0, x0, w0 + i);
    a1 = Dot::Step(a1, x0, w1 + i);
    a2 = Dot::Step(a2, x0, w2 + i);
    a3 = Dot::Step(a3, x0, w3 + i);
    const auto x1 = Dot::LoadX(x + i + n);
    b0 = Dot::Step(b0, x1, w0 + i + n);
    b1 = Dot::Step(b1, x1, w1 + i + n);
    b2 = Dot::Step(b2, x1, w2 + i + n);
    b3 = Dot::Step(b3, x1, w3 + i + n);
  }
  for (; i + n <= to; i += n) {
    const auto x0 = Dot::LoadX(x + i);
    a0 = Dot::Step(a0, x0, w0 + i);
    a1 = Dot::Step(a1, x0, w1 + i);
    a2 = Dot::Step(a2, x0, w2 + i);
    a3 = Dot::Step(a3, x0, w3 + i);
  }
  sums[0] = hn::Add(a0, b0);
  sums[1] = hn::Add(a1, b1);
  sums[2] = hn::Add(a2, b2);
  sums[3] = hn::Add(a3, b3);
}

// The sum of all lanes, in int64 for integers.
HWY_INLINE float Reduce(VF32 v) {
  return hn::GetLane(hn::SumOfLanes(DF32(), v));
}
HWY_INLINE int64_t ReduceWide(VS32 v) {
  HWY_ALIGN int32_t lanes[hn::MaxLanes(DS32())];
  hn::Store(v, DS32(), lanes);
  int64_t sum = 0;
  for (size_t i = 0; i < hn::Lanes(DS32()); ++i) sum += lanes[i];
  return sum;
}
HWY_INLINE int32_t Reduce(VS32 v) {
  return hn::GetLane(hn::SumOfLanes(DS32(), v));
}

// The dot products of one row of x with channels o .. o + 3. `tail` is the
// last, incomplete vector of x with zeros behind. int16: sums may leave 32
// bits, so they are taken in parts of 128 vectors: 128 * 2 pair products of
// at most 2^23 a lane.
template <class Dot, typename Sum>
HWY_INLINE void FourDots(const PackedDense& p, const typename Dot::X* x,
                         const typename Dot::X* tail, int o, Sum* sums) {
  using Acc = typename Dot::Acc;
  const auto n = static_cast<int64_t>(Dot::Elements());
  const auto* w =
      reinterpret_cast<const typename Dot::W*>(p.weights.get()) + o * p.pitch;
  const int64_t whole = p.spec.shape.depth / n * n;
  Acc acc[kRows];
  if constexpr (std::is_same_v<Sum, int64_t>) {
    for (int r = 0; r < kRows; ++r) sums[r] = 0;
    const int64_t part = 128 * n;
    for (int64_t from = 0; from < whole; from += part) {
      Dots<Dot>(x, w, p.pitch, from, std::min(from + part, whole), acc);
      for (int r = 0; r < kRows; ++r) sums[r] += ReduceWide(acc[r]);
    }
    if (whole < p.spec.shape.depth) {
      Dots<Dot>(tail, w + whole, p.pitch, 0, n, acc);
      for (int r = 0; r < kRows; ++r) sums[r] += ReduceWide(acc[r]);
    }
  } else {
    Dots<Dot>(x, w, p.pitch, 0, whole, acc);
    if (whole < p.spec.shape.depth) {
      const auto xt = Dot::LoadX(tail);
      for (int r = 0; r < kRows; ++r) {
        acc[r] = Dot::Step(acc[r], xt, w + r * p.pitch + whole);
      }
    }
    for (int r = 0; r < kRows; ++r) sums[r] = Reduce(acc[r]);
  }
}

template <class Dot, DenseKind kKind>
void Run(const PackedDense& p, int rows, const void* x, void* y,
         std::byte* workspace) {
  using Source =
      std::conditional_t<kKind == DenseKind::kF32S8, float, typename Dot::X>;
  using Out = Source;
  using Sum = std::conditional_t<
      kKind == DenseKind::kF32F32, float,
      std::conditional_t<kKind == DenseKind::kS16S8, int64_t, int32_t> >;
  const DenseSpec& s = p.spec;
  const int depth = s.shape.depth;
  const int outputs = s.shape.outputs;
  const auto n = static_cast<int>(Dot::Elements());
  const int whole = depth / n * n;
  const auto* in = static_cast<const Source*>(x);
  auto* out = static_cast<Out*>(y);
  for (int row = 0; row < rows; ++row, in += depth, out += outputs) {
    const typename Dot::X* values;
    DynamicScale scale;
    int32_t zero = s.x_zero;
    if constexpr (kKind == DenseKind::kF32S8) {
      auto* quantized = reinterpret_cast<int8_t*>(workspace);
      scale = s.asymmetric ? QuantizeAsymmetricSimd(in, depth, quantized)
                           : QuantizeSymmetricSimd(in, depth, quantized);
      zero = scale.zero_point;
      values = quantized;
    } else {
      values = in;
    }
    if (p.vnni) zero += 128;
    HWY_ALIGN typename Dot::X tail[64] = {};
    std::copy(values + whole, values + depth, tail);
    for (int o = 0; o < outputs; o += kRows) {
      Sum sums[kRows];
      FourDots<Dot, Sum>(p, values, tail, o, sums);
      for (int r = 0; r < kRows && o + r < outputs; ++r) {
        const auto c = static_cast<size_t>(o + r);
        if constexpr (kKind == DenseKind::kF32F32) {
          out[c] = std::min(std::max(sums[r] + s.float_bias[c], s.lo), s.hi);
        } else if constexpr (kKind == DenseKind::kS16S8) {
          out[c] = static_cast<int16_t>(
              s.requantizer.Apply(sums[r] + s.bias[c], o + r));
        } else {
          // Wraps as the reference's int32 accumulator does.
          const uint32_t acc = static_cast<uint32_t>(sums[r]) -
                               static_cast<uint32_t>(zero) *
                                   static_cast<uint32_t>(p.weight_sums[c]);
          if constexpr (kKind == DenseKind::kS8S8) {
            out[c] = static_cast<int8_t>(s.requantizer.Apply(
                static_cast<int32_t>(acc + static_cast<uint32_t>(s.bias[c])),
                o + r));
          } else {
            const float real = static_cast<float>(static_cast<int32_t>(acc)) *
                               (s.scales[c] * scale.scale);
            out[c] = std::min(std::max(s.float_bias[c] + real, s.lo), s.hi);
          }
        }
      }
    }
  }
}

template <typename W>
void PackRows(const DenseSpec& spec, size_t vector_elements, PackedDense* p) {
  const auto depth = static_cast<size_t>(spec.shape.depth);
  const size_t pitch =
      (depth + vector_elements - 1) / vector_elements * vector_elements;
  const auto outputs = static_cast<size_t>(spec.shape.outputs);
  const size_t padded = (outputs + kRows - 1) / kRows * kRows;
  p->pitch = static_cast<int64_t>(pitch);
  p->weights = PackedBuffer(padded * pitch * sizeof(W));
  const auto* w = static_cast<const W*>(spec.weights);
  for (size_t o = 0; o < outputs; ++o) {
    std::memcpy(p->weights.get() + o * pitch * sizeof(W), w + o * depth,
                depth * sizeof(W));
  }
}

template <class Bytes, class Pairs>
void ChooseRun(PackedDense* p) {
  switch (p->spec.kind) {
    case DenseKind::kF32F32:
      p->run = &Run<DotF32, DenseKind::kF32F32>;
      return;
    case DenseKind::kS8S8:
      p->run = &Run<Bytes, DenseKind::kS8S8>;
      return;
    case DenseKind::kS16S8:
      p->run = &Run<Pairs, DenseKind::kS16S8>;
      return;
    case DenseKind::kF32S8:
      p->run = &Run<Bytes, DenseKind::kF32S8>;
      return;
  }
}

bool Pack(const DenseSpec& spec, PackedDense* p) {
  p->vnni = HasVnni() && spec.kind != DenseKind::kS16S8;
  // Whole 64-byte rows: every vector load is aligned.
  if (spec.kind == DenseKind::kF32F32) {
    PackRows<float>(spec, 16, p);
  } else {
    PackRows<int8_t>(spec, 64, p);
  }
#if HWY_TARGET == HWY_AVX3
  if (HasVnni()) {
    ChooseRun<DotS8Vnni, DotS16Vnni>(p);
    return true;
  }
#endif
  ChooseRun<DotS8, DotS16>(p);
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

std::unique_ptr<const PackedDense> PackFullyConnected(const DenseSpec& spec) {
  auto packed = std::make_unique<PackedDense>();
  PackedDense& p = *packed;
  p.spec = spec;
  const auto outputs = static_cast<size_t>(spec.shape.outputs);
  p.spec.bias.resize(outputs);
  p.spec.float_bias.resize(outputs);
  if (spec.kind != DenseKind::kF32F32) {
    const auto* w = static_cast<const int8_t*>(spec.weights);
    for (size_t o = 0; o < outputs; ++o) {
      int32_t sum = 0;
      for (int i = 0; i < spec.shape.depth; ++i) sum += *w++;
      p.weight_sums.push_back(sum);
    }
  }
  if (spec.kind == DenseKind::kF32S8) {
    p.workspace_bytes = static_cast<size_t>(spec.shape.depth) + 64;
  }
  if (!HWY_DYNAMIC_DISPATCH(Pack)(spec, packed.get())) return nullptr;
  p.spec.weights = nullptr;
  return packed;
}

}  // namespace litesmith
#endif  // HWY_ONCE
