// The dot products of each type, compiled for each SIMD target.
#include "src/kernels/dense/simd.h"

#include "src/kernels/common/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "src/kernels/dense/simd.cc"
#include <hwy/foreach_target.h>
// After foreach_target.
#include <hwy/highway.h>

#include <algorithm>
#include <type_traits>

#include "src/kernels/common/requantize-inl.h"
#include "src/kernels/dense/lanes-inl.h"
#include "src/kernels/dense/pack.h"
#include "src/kernels/quantize/simd.h"

HWY_BEFORE_NAMESPACE();
namespace litesmith {
namespace HWY_NAMESPACE {
namespace {

#if HWY_TARGET == HWY_SCALAR

bool Pack(const DenseSpec&, PackedDense*) { return false; }

#else

// As many sums as 32 vector registers, or 16, hold beside operands.
#if HWY_TARGET <= HWY_AVX3 || HWY_ARCH_ARM_A64
constexpr int kMaxSums = 16;
#else
constexpr int kMaxSums = 8;
#endif
// Rows of x at a time, if there are so many, against four outputs. One row
// alone has two sums an output, as four chains of sums would leave the units
// idle; floats have them always, that a row's bits be the same in a batch.
template <class Dot>
constexpr int kRows = kMaxSums / kDenseGroup /
                      (std::is_same_v<typename Dot::X, float> ? 2 : 1);

// Whether outputs are in lanes (lanes-inl.h).
template <class Dot>
constexpr bool kInLanes = requires {
  Dot::kLanes;
};

// How vectors of x and of weights multiply.
struct DotF32 {
  using X = float;
  using W = float;
  using D = DF32;
  static HWY_INLINE size_t Elements() { return hn::Lanes(DF32()); }
  static HWY_INLINE VF32 LoadX(const float* x) { return hn::LoadU(DF32(), x); }
  static HWY_INLINE VF32 LoadW(const float* w) { return hn::Load(DF32(), w); }
  static HWY_INLINE VF32 Step(VF32 sum, VF32 x, VF32 w) {
    return hn::MulAdd(x, w, sum);
  }
};

// Pairs of int16: bytes are widened.
struct DotS16 {
  using X = int16_t;
  using W = int8_t;
  using D = DS32;
  static HWY_INLINE size_t Elements() { return hn::Lanes(DS16()); }
  static HWY_INLINE VS32 LoadX(const int16_t* x) {
    return hn::BitCast(DS32(), hn::LoadU(DS16(), x));
  }
  static HWY_INLINE VS32 LoadW(const int8_t* w) {
    const hn::Rebind<int8_t, DS16> half;
    return hn::BitCast(DS32(), hn::PromoteTo(DS16(), hn::LoadU(half, w)));
  }
  static HWY_INLINE VS32 Step(VS32 sum, VS32 x, VS32 w) {
    return PairDot(sum, x, w);
  }
};
struct DotS8 : DotS16 {
  using X = int8_t;
  static HWY_INLINE VS32 LoadX(const int8_t* x) { return LoadW(x); }
};

#if HWY_TARGET == HWY_AVX3
struct DotS16Vnni : DotS16 {
  static HWY_INLINE VS32 Step(VS32 sum, VS32 x, VS32 w) {
    return PairDotVnni(sum, x, w);
  }
};
// x + 128 as unsigned bytes.
struct DotS8Vnni {
  using X = int8_t;
  using W = int8_t;
  using D = DS32;
  static HWY_INLINE size_t Elements() { return hn::Lanes(DS8()); }
  static HWY_INLINE VS32 LoadX(const int8_t* x) {
    return hn::BitCast(
        DS32(), hn::Xor(hn::LoadU(DS8(), x), hn::Set(DS8(), int8_t{-128})));
  }
  static HWY_INLINE VS32 LoadW(const int8_t* w) {
    return hn::BitCast(DS32(), hn::Load(DS8(), w));
  }
  static HWY_INLINE VS32 Step(VS32 sum, VS32 x, VS32 w) {
    return QuadDotVnni(sum, x, w);
  }
};
#endif

// The sum of a vector's 128-bit blocks.
template <class D, class V>
HWY_INLINE auto SumOfBlocks(D d, V v) {
  if constexpr (hn::MaxLanes(d) == 4) {
    return v;
  } else {
    const hn::Half<D> half;
    return SumOfBlocks(half,
                       hn::Add(hn::LowerHalf(half, v), hn::UpperHalf(half, v)));
  }
}

// The sums of the lanes of four vectors.
template <class D, class V>
HWY_INLINE auto SumsOfLanes(D d, V a, V b, V c, V e) {
  const hn::Repartition<uint64_t, D> pairs;
  const V ab =
      hn::Add(hn::InterleaveLower(d, a, b), hn::InterleaveUpper(d, a, b));
  const V ce =
      hn::Add(hn::InterleaveLower(d, c, e), hn::InterleaveUpper(d, c, e));
  const auto ab2 = hn::BitCast(pairs, ab);
  const auto ce2 = hn::BitCast(pairs, ce);
  return SumOfBlocks(
      d, hn::Add(hn::BitCast(d, hn::InterleaveLower(pairs, ab2, ce2)),
                 hn::BitCast(d, hn::InterleaveUpper(pairs, ab2, ce2))));
}

// sums[k][r] += the products of vector x[k] + first with output r's weights.
template <class Dot, int kX, int kR, class V>
HWY_INLINE void StepVector(const typename Dot::X* const* x, ptrdiff_t first,
                           const typename Dot::W* w, V (&sums)[kX][kR]) {
  V xs[kX];
  HWY_UNROLL(4)
  for (int k = 0; k < kX; ++k) xs[k] = Dot::LoadX(x[k] + first);
  HWY_UNROLL(4)
  for (int r = 0; r < kR; ++r) {
    const V ws = Dot::LoadW(w + r * static_cast<ptrdiff_t>(Dot::Elements()));
    HWY_UNROLL(4)
    for (int k = 0; k < kX; ++k) sums[k][r] = Dot::Step(sums[k][r], xs[k], ws);
  }
}

// The dot products of kX rows with kR outputs over the vectors [from, to):
// sums[k * pitch] .. + 3, the last 4 - kR of them zero.
template <class Dot, int kX, int kR>
HWY_INLINE void Dots(const PackedDense& p, const typename Dot::X* const* x,
                     const typename Dot::W* w, int from, int to,
                     hn::TFromD<typename Dot::D>* sums, ptrdiff_t pitch) {
  using D = typename Dot::D;
  using V = hn::Vec<D>;
  const D d;
  const auto n = static_cast<ptrdiff_t>(Dot::Elements());
  V even[kX][kR], odd[kX][kR];
  HWY_UNROLL(4)
  for (int k = 0; k < kX; ++k) {
    HWY_UNROLL(4)
    for (int r = 0; r < kR; ++r) even[k][r] = odd[k][r] = hn::Zero(d);
  }
  // Every other vector has its own sums.
  constexpr bool kTwo = kX == 1 || std::is_same_v<typename Dot::X, float>;
  const int whole = std::min(to, p.spec.shape.depth / static_cast<int>(n));
  int v = from;
  w += v * kR * n;
  if constexpr (kTwo) {
    for (; v + 2 <= whole; v += 2, w += 2 * kR * n) {
      StepVector<Dot>(x, v * n, w, even);
      StepVector<Dot>(x, (v + 1) * n, w + kR * n, odd);
    }
  }
  for (; v < whole; ++v, w += kR * n) StepVector<Dot>(x, v * n, w, even);
  if (v < to) {
    StepVector<Dot>(x, std::max<ptrdiff_t>(p.spec.shape.depth - n, 0), w, even);
  }
  HWY_UNROLL(4)
  for (int k = 0; k < kX; ++k) {
    V four[kDenseGroup];
    HWY_UNROLL(4)
    for (int r = 0; r < kDenseGroup; ++r) {
      if (r >= kR) {
        four[r] = hn::Zero(d);
      } else if constexpr (kTwo) {
        four[r] = hn::Add(even[k][r], odd[k][r]);
      } else {
        four[r] = even[k][r];
      }
    }
    const auto all = SumsOfLanes(d, four[0], four[1], four[2], four[3]);
    hn::StoreU(all, hn::DFromV<decltype(all)>(), sums + k * pitch);
  }
}

// The dot products of kX rows with all outputs: sums[k][segment][pitch].
template <class Dot, int kX>
void AllDots(const PackedDense& p, const typename Dot::X* const* x,
             hn::TFromD<typename Dot::D>* sums) {
  const ptrdiff_t pitch = ptrdiff_t{p.segments} * p.pitch;
  const auto* weights =
      reinterpret_cast<const typename Dot::W*>(p.weights.get());
  const int outputs = p.spec.shape.outputs;
  for (int s = 0; s < p.segments; ++s, sums += p.pitch) {
    const int from = s * p.segment_vectors;
    const int to = std::min(from + p.segment_vectors, p.vectors);
    const auto* w = weights;
    const ptrdiff_t row = ptrdiff_t{p.vectors} * p.elements;
    int o = 0;
    for (; o + 4 <= outputs; o += 4, w += 4 * row) {
      Dots<Dot, kX, 4>(p, x, w, from, to, sums + o, pitch);
    }
    if (o + 2 <= outputs) {
      Dots<Dot, kX, 2>(p, x, w, from, to, sums + o, pitch);
      o += 2, w += 2 * row;
    }
    if (o < outputs) Dots<Dot, kX, 1>(p, x, w, from, to, sums + o, pitch);
  }
}

// Stores the first of `left` lanes, at least one.
template <class D, class V>
HWY_INLINE void StoreSome(V v, D d, hn::TFromD<D>* y, int left) {
  constexpr int kLanes = hn::MaxLanes(d);
  if (left >= kLanes) {
    hn::StoreU(v, d, y);
    return;
  }
  HWY_ALIGN hn::TFromD<D> lanes[kLanes];
  hn::Store(v, d, lanes);
  std::copy_n(lanes, left, y);
}

using DF64 = hn::Repartition<double, DS32>;
using VF64 = hn::Vec<DF64>;

// From one row's sums to its outputs: bias, activation.
void FinishF32(const PackedDense& p, const float* sums, DynamicScale,
               float* y) {
  const DF32 d;
  const int outputs = p.spec.shape.outputs;
  const VF32 lo = hn::Set(d, p.spec.lo);
  const VF32 hi = hn::Set(d, p.spec.hi);
  for (int o = 0; o < outputs; o += hn::MaxLanes(d)) {
    const VF32 sum =
        hn::Add(hn::LoadU(d, sums + o), hn::LoadU(d, p.bias.as<float>() + o));
    StoreSome(hn::Min(hn::Max(sum, lo), hi), d, y + o, outputs - o);
  }
}

// Hybrid: the sum of products back to float.
void FinishHybrid(const PackedDense& p, const int32_t* sums, DynamicScale x,
                  float* y) {
  const DF32 d;
  const DS32 di;
  const int outputs = p.spec.shape.outputs;
  const VF32 lo = hn::Set(d, p.spec.lo);
  const VF32 hi = hn::Set(d, p.spec.hi);
  const VS32 zero = hn::Set(di, x.zero_point + (p.vnni ? 128 : 0));
  const VF32 x_scale = hn::Set(d, x.scale);
  for (int o = 0; o < outputs; o += hn::MaxLanes(d)) {
    const VS32 share =
        hn::Mul(zero, hn::LoadU(di, p.weight_sums.as<int32_t>() + o));
    const VF32 sum = hn::ConvertTo(d, hn::Sub(hn::LoadU(di, sums + o), share));
    const VF32 scale = hn::Mul(hn::LoadU(d, p.scales.as<float>() + o), x_scale);
    const VF32 real =
        hn::Add(hn::LoadU(d, p.bias.as<float>() + o), hn::Mul(sum, scale));
    StoreSome(hn::Min(hn::Max(real, lo), hi), d, y + o, outputs - o);
  }
}

// Accumulators of half a vector of outputs from `o` on.
HWY_INLINE VF64 Accumulator(const PackedDense& p, const int32_t* sums, int o) {
  const DF64 d;
  const hn::Half<DS32> half;
  if (p.spec.kind == LayerKind::kS8S8) {
    return hn::PromoteTo(d, hn::Add(hn::LoadU(half, sums + o),
                                    hn::LoadU(half, p.bias.as<int32_t>() + o)));
  }
  VF64 sum = hn::LoadU(d, p.bias.as<double>() + o);
  for (int s = 0; s < p.segments; ++s, sums += p.pitch) {
    sum = hn::Add(sum, hn::PromoteTo(d, hn::LoadU(half, sums + o)));
  }
  return sum;
}

// What truncates to rha(acc * real), clamped to an output less its zero point.
// The clamp may come first, since its ends are whole; and the largest number
// below a half takes halves, and nothing else, over the next whole number.
HWY_INLINE VF64 RequantizeF64(const PackedDense& p, VF64 acc, int o) {
  const DF64 d;
  const Requantizer& r = p.spec.requantizer;
  const VF64 lo = hn::Set(d, double{1} * r.lo - r.zero_point);
  const VF64 hi = hn::Set(d, double{1} * r.hi - r.zero_point);
  const VF64 x = hn::Min(
      hn::Max(hn::Mul(acc, hn::LoadU(d, p.reals.as<double>() + o)), lo), hi);
  constexpr double kBelowHalf = 0.49999999999999994;
  return hn::Add(x, hn::CopySignToAbs(hn::Set(d, kBelowHalf), x));
}

// Integers: requantize.
template <typename T>
void FinishInteger(const PackedDense& p, const int32_t* sums, DynamicScale,
                   T* y) {
  const int outputs = p.spec.shape.outputs;
  const Requantizer& r = p.spec.requantizer;
  if (r.method == RequantMethod::kF64) {
    constexpr int kHalf = hn::MaxLanes(DF64());
    const hn::Half<DS32> half;
    const hn::Rebind<T, DS32> narrow;
    for (int o = 0; o < outputs; o += 2 * kHalf) {
      const VF64 lower = RequantizeF64(p, Accumulator(p, sums, o), o);
      const VF64 upper =
          RequantizeF64(p, Accumulator(p, sums, o + kHalf), o + kHalf);
      const VS32 all = hn::Add(hn::Combine(DS32(), hn::DemoteTo(half, upper),
                                           hn::DemoteTo(half, lower)),
                               hn::Set(DS32(), r.zero_point));
      StoreSome(hn::DemoteTo(narrow, all), narrow, y + o, outputs - o);
    }
    return;
  }
  for (int o = 0; o < outputs; ++o) {
    int64_t acc = 0;
    if constexpr (sizeof(T) == 1) {
      acc =
          static_cast<int32_t>(static_cast<uint32_t>(sums[o]) +
                               static_cast<uint32_t>(p.bias.as<int32_t>()[o]));
    } else {
      acc = p.spec.bias[static_cast<size_t>(o)];
      for (int s = 0; s < p.segments; ++s) acc += sums[s * p.pitch + o];
    }
    y[o] = static_cast<T>(r.Apply(acc, o));
  }
}

// The sums themselves.
void FinishSums(const PackedDense& p, const int32_t* sums, DynamicScale,
                int32_t* y) {
  const DS32 d;
  const int outputs = p.spec.shape.outputs;
  for (int o = 0; o < outputs; o += hn::MaxLanes(d)) {
    const VS32 sum =
        hn::Add(hn::LoadU(d, sums + o), hn::LoadU(d, p.bias.as<int32_t>() + o));
    StoreSome(sum, d, y + o, outputs - o);
  }
}

// The same, of rows in the form that they are read in.
template <class Dot, int kX>
void DotsOfRows(const PackedDense& p, const typename Dot::X* const* x,
                [[maybe_unused]] std::byte* workspace,
                hn::TFromD<typename Dot::D>* sums) {
  using X = typename Dot::X;
  const int depth = p.spec.shape.depth;
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX2
  if constexpr (kInLanes<Dot>) {
    const std::byte* rows[kX];
    std::byte* to = workspace + p.rows_at;
    for (int k = 0; k < kX; ++k) {
      rows[k] = to;
      to = Dot::CopyRow(x[k], depth, p.row_bytes, to);
    }
    return AllLaneDots<Dot, kX>(p, rows, sums);
  }
#endif
  if constexpr (!kInLanes<Dot>) {
    // Rows may be shorter than a vector.
    HWY_ALIGN X padded[kX][64] = {};
    const X* whole[kX];
    for (int k = 0; k < kX; ++k) {
      whole[k] = x[k];
      if (depth >= static_cast<int>(Dot::Elements())) continue;
      std::copy_n(x[k], depth, padded[k]);
      whole[k] = padded[k];
    }
    AllDots<Dot, kX>(p, whole, sums);
  }
}

template <class Dot, typename In, typename Out>
using Finish = void (*)(const PackedDense&, const hn::TFromD<typename Dot::D>*,
                        DynamicScale, Out*);

// kX rows.
template <class Dot, int kX, typename In, typename Out>
void RunRows(const PackedDense& p, const In* in, Out* out, std::byte* workspace,
             Finish<Dot, In, Out> finish) {
  using X = typename Dot::X;
  const int depth = p.spec.shape.depth;
  auto* sums = reinterpret_cast<hn::TFromD<typename Dot::D>*>(workspace);
  const X* x[kX];
  DynamicScale scales[kX];
  for (int k = 0; k < kX; ++k) {
    const In* row = in + k * ptrdiff_t{depth};
    if constexpr (std::is_same_v<In, X>) {
      x[k] = row;
    } else {
      auto* quantized = reinterpret_cast<int8_t*>(workspace) + p.quantized_at +
                        k * ptrdiff_t{depth};
      scales[k] = p.spec.asymmetric
                      ? QuantizeAsymmetricSimd(row, depth, quantized)
                      : QuantizeSymmetricSimd(row, depth, quantized);
      x[k] = quantized;
    }
  }
  DotsOfRows<Dot, kX>(p, x, workspace, sums);
  for (int k = 0; k < kX; ++k) {
    finish(p, sums + ptrdiff_t{k} * p.segments * p.pitch, scales[k],
           out + k * ptrdiff_t{p.spec.shape.outputs});
  }
}

template <class Dot, typename In, typename Out, Finish<Dot, In, Out> kFinish>
void Run(const PackedDense& p, int rows, const void* x, void* y,
         std::byte* workspace) {
  const auto* in = static_cast<const In*>(x);
  auto* out = static_cast<Out*>(y);
  const ptrdiff_t depth = p.spec.shape.depth;
  const ptrdiff_t outputs = p.spec.shape.outputs;
  int row = 0;
  for (; row + kRows<Dot> <= rows; row += kRows<Dot>) {
    RunRows<Dot, kRows<Dot> >(p, in + row * depth, out + row * outputs,
                              workspace, kFinish);
  }
  for (; row < rows; ++row) {
    RunRows<Dot, 1>(p, in + row * depth, out + row * outputs, workspace,
                    kFinish);
  }
}

template <class Bytes, class Pairs>
void Choose(const DenseSpec& spec, bool vnni, PackedDense* p) {
  const auto pack = [&](auto dot, auto run) {
    using Dot = decltype(dot);
    if constexpr (kInLanes<Dot>) {
      PackDenseCommon(spec, Dot::kAWord, kRows<Dot>, vnni, hn::MaxLanes(DS32()),
                      p);
    } else {
      PackDenseCommon(spec, static_cast<int>(Dot::Elements()), kRows<Dot>, vnni,
                      0, p);
    }
    p->run = run;
  };
  switch (spec.kind) {
    case LayerKind::kF32F32:
      return pack(DotF32(), &Run<DotF32, float, float, FinishF32>);
    case LayerKind::kS8S8:
      if (spec.sums) {
        return pack(Bytes(), &Run<Bytes, int8_t, int32_t, FinishSums>);
      }
      return pack(Bytes(), &Run<Bytes, int8_t, int8_t, FinishInteger<int8_t> >);
    case LayerKind::kS16S8:
      return pack(Pairs(),
                  &Run<Pairs, int16_t, int16_t, FinishInteger<int16_t> >);
    case LayerKind::kF32S8:
      return pack(Bytes(), &Run<Bytes, float, float, FinishHybrid>);
  }
}

bool Pack(const DenseSpec& spec, PackedDense* p) {
#if HWY_TARGET == HWY_AVX3
  if (HasVnni()) {
    const size_t elements = spec.kind == LayerKind::kS16S8
                                ? DotS16Vnni::Elements()
                                : DotS8Vnni::Elements();
    if (PrefersDenseLanes(spec, kOutputLanes, static_cast<int>(elements))) {
      Choose<LanesS8, LanesS16>(spec, true, p);
    } else {
      Choose<DotS8Vnni, DotS16Vnni>(spec, true, p);
    }
    return true;
  }
#elif HWY_TARGET == HWY_AVX2
  if (FitsDenseLanes(spec)) {
    Choose<LanesS8, LanesS16>(spec, false, p);
    return true;
  }
#endif
  Choose<DotS8, DotS16>(spec, false, p);
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
  bool ok = spec.kind == LayerKind::kF32F32 &&
            PackFullyConnectedLanes(spec, packed.get());
  if (!ok && !spec.exact) ok = HWY_DYNAMIC_DISPATCH(Pack)(spec, packed.get());
  if (!ok) return nullptr;
  return packed;
}

}  // namespace litesmith
#endif  // HWY_ONCE
