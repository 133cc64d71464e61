// The loop over vectors and what each step does to one, for each SIMD target.
#include "src/kernels/map/program16.h"

#include "src/kernels/common/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "src/kernels/map/program16.cc"
#include <hwy/foreach_target.h>
// After foreach_target.
#include <hwy/highway.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "src/kernels/map/scaled_binary-inl.h"
#include "src/kernels/map/sigmoid16-inl.h"

#ifndef LITESMITH_KERNELS_MAP_PROGRAM16_CALL_
#define LITESMITH_KERNELS_MAP_PROGRAM16_CALL_
namespace litesmith {

struct Program16Call {
  std::span<const Program16Step> steps;
  std::span<const int> outputs;
  int arrays_count;
  int64_t count, width;
  const int16_t* const* arrays;
  const int16_t* const* rows;
  int16_t* const* to;
  int32_t* values;  // a vector each
};

}  // namespace litesmith
#endif  // LITESMITH_KERNELS_MAP_PROGRAM16_CALL_

HWY_BEFORE_NAMESPACE();
namespace litesmith {
namespace HWY_NAMESPACE {
namespace {

#if HWY_TARGET == HWY_SCALAR

int ProgramLanes() { return 0; }
void RunProgram(const Program16Call&) {}

#else

constexpr int kLanes = hn::MaxLanes(DS32());
int ProgramLanes() { return kLanes; }

template <template <RequantForm> class F>
HWY_INLINE VS32 Binary(const PackedBinary& p, VS32 a, VS32 b) {
  const auto apply = [&](const auto& f) HWY_ATTR {
    return f.Join(f.Prepare(0, a), f.Prepare(1, b));
  };
  VS32 y;
  switch (p.requantizer.form) {
    case RequantForm::kPlain:
      y = apply(F<RequantForm::kPlain>(p));
      break;
    case RequantForm::kSigned:
      y = apply(F<RequantForm::kSigned>(p));
      break;
    default:
      y = apply(F<RequantForm::kLeft>(p));
  }
  const DS32 d;
  return hn::Min(hn::Max(y, hn::Set(d, p.requantizer.lo)),
                 hn::Set(d, p.requantizer.hi));
}

using DF64 = hn::Repartition<double, DS32>;

// rha(acc * real) of half a vector, less the zero point (dense/simd.cc says why
// the clamp may come first).
HWY_INLINE auto DenseHalf(const Dense16& p, hn::Vec<hn::Half<DS32> > sums,
                          int64_t at) {
  const DF64 d;
  const auto acc =
      hn::Add(hn::PromoteTo(d, sums), hn::Load(d, p.bias.as<double>() + at));
  const auto lo = hn::Set(d, double{1} * p.lo - p.zero_point);
  const auto hi = hn::Set(d, double{1} * p.hi - p.zero_point);
  const auto y = hn::Min(
      hn::Max(hn::Mul(acc, hn::Load(d, p.reals.as<double>() + at)), lo), hi);
  constexpr double kBelowHalf = 0.49999999999999994;
  return hn::DemoteTo(hn::Half<DS32>(),
                      hn::Add(y, hn::CopySignToAbs(hn::Set(d, kBelowHalf), y)));
}

// The outputs from `first` on, a whole vector of them.
HWY_INLINE VS32 Dense(const Dense16& p, const int16_t* x, int64_t first) {
  const DS32 d;
  const int32_t* w = p.weights.as<int32_t>() + first * p.words;
  VS32 even = hn::Zero(d);
  VS32 odd = hn::Zero(d);
  const int whole = p.depth / 2;
  int i = 0;
  for (; i + 2 <= whole; i += 2) {
    even = PairDot(even, BroadcastWord(x + 2 * i), hn::Load(d, w + i * kLanes));
    odd = PairDot(odd, BroadcastWord(x + 2 * i + 2),
                  hn::Load(d, w + (i + 1) * kLanes));
  }
  if (i < whole) {
    even = PairDot(even, BroadcastWord(x + 2 * i), hn::Load(d, w + i * kLanes));
    ++i;
  }
  if (i < p.words) {  // half a word
    odd = PairDot(odd, hn::Set(d, static_cast<uint16_t>(x[2 * i])),
                  hn::Load(d, w + i * kLanes));
  }
  const VS32 sums = hn::Add(even, odd);
  const auto lower = DenseHalf(p, hn::LowerHalf(sums), first);
  const auto upper =
      DenseHalf(p, hn::UpperHalf(hn::Half<DS32>(), sums), first + kLanes / 2);
  return hn::Add(hn::Combine(d, upper, lower), hn::Set(d, p.zero_point));
}

void RunProgram(const Program16Call& call) {
  const DS32 d;
  const auto arrays = static_cast<size_t>(call.arrays_count);
  const auto value = [&](int i) HWY_ATTR {
    return hn::Load(d, call.values + ptrdiff_t{i} * kLanes);
  };
  for (int64_t row = 0; row < call.count; ++row) {
    for (int64_t first = 0; first < call.width; first += kLanes) {
      const int64_t at = row * call.width + first;
      const int n =
          static_cast<int>(std::min<int64_t>(kLanes, call.width - first));
      int32_t* to = call.values;
      for (size_t i = 0; i < arrays; ++i, to += kLanes)
        hn::Store(LoadSome16(call.arrays[i] + at, n), d, to);
      for (const Program16Step& step : call.steps) {
        VS32 y;
        switch (step.kind) {
          case Program16Step::Kind::kSum:
            y = Binary<Sum>(*step.binary, value(step.a), value(step.b));
            break;
          case Program16Step::Kind::kProduct:
            y = Binary<Product>(*step.binary, value(step.a), value(step.b));
            break;
          case Program16Step::Kind::kSigmoid:
            y = step.sigmoid.is_tanh
                    ? VectorSigmoid<true>(step.sigmoid).Apply(value(step.a))
                    : VectorSigmoid<false>(step.sigmoid).Apply(value(step.a));
            break;
          default:
            y = Dense(step.dense, call.rows[step.a] + row * step.dense.depth,
                      first);
        }
        hn::Store(y, d, to);
        to += kLanes;
      }
      for (size_t i = 0; i < call.outputs.size(); ++i)
        StoreSome16(value(call.outputs[i]), n, call.to[i] + at);
    }
  }
}

#endif  // HWY_SCALAR

}  // namespace
// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace litesmith
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace litesmith {

HWY_EXPORT(ProgramLanes);
HWY_EXPORT(RunProgram);

namespace {

// Whether all sums of products fit 32 bits.
bool SumsFit(const Dense16Spec& spec) {
  for (int o = 0; o < spec.outputs; ++o) {
    int64_t sum = 0;
    for (int i = 0; i < spec.depth; ++i)
      sum += std::abs(int{spec.weights[int64_t{o} * spec.depth + i]});
    if (sum * 32768 >= int64_t{1} << 31) return false;
  }
  return true;
}

Dense16 PackDense16(const Dense16Spec& spec, int lanes) {
  Dense16 p;
  p.depth = spec.depth;
  p.words = (spec.depth + 1) / 2;
  p.lo = spec.requantizer.lo, p.hi = spec.requantizer.hi;
  p.zero_point = spec.requantizer.zero_point;
  const int padded = (spec.outputs + lanes - 1) / lanes * lanes;
  const auto size = static_cast<size_t>(padded);
  p.weights = PackedBuffer(size * static_cast<size_t>(p.words) * 4);
  p.bias = PackedBuffer(size * sizeof(double));
  p.reals = PackedBuffer(size * sizeof(double));
  for (int o = 0; o < spec.outputs; ++o) {
    for (int i = 0; i < spec.depth; ++i) {
      const int64_t word =
          (int64_t{o / lanes} * p.words + i / 2) * lanes + o % lanes;
      p.weights.as<int16_t>()[2 * word + i % 2] =
          spec.weights[int64_t{o} * spec.depth + i];
    }
    const auto at = static_cast<size_t>(o);
    if (!spec.bias.empty())
      p.bias.as<double>()[o] = static_cast<double>(spec.bias[at]);
    p.reals.as<double>()[o] = spec.requantizer.reals[at];
  }
  return p;
}

}  // namespace

bool Program16::AddBinary(const ScaledBinarySpec& spec, int a, int b) {
  auto packed = PackScaledBinary(spec);
  if (packed == nullptr) return false;
  Program16Step& step = steps_.emplace_back();
  step.kind =
      spec.product ? Program16Step::Kind::kProduct : Program16Step::Kind::kSum;
  step.a = a, step.b = b;
  step.binary = std::move(packed);
  return true;
}

bool Program16::AddSigmoid(const Sigmoid16& f, int x) {
  if (!HasSigmoid16()) return false;
  Program16Step& step = steps_.emplace_back();
  step.kind = Program16Step::Kind::kSigmoid;
  step.a = x;
  step.sigmoid = f;
  return true;
}

bool Program16::AddDense(const Dense16Spec& spec, int row) {
  const int lanes = HWY_DYNAMIC_DISPATCH(ProgramLanes)();
  if (lanes == 0 || spec.requantizer.method != RequantMethod::kF64 ||
      !SumsFit(spec)) {
    return false;
  }
  Program16Step& step = steps_.emplace_back();
  step.kind = Program16Step::Kind::kDense;
  step.a = row;
  step.dense = PackDense16(spec, lanes);
  return true;
}

size_t Program16::workspace_bytes() const {
  return (static_cast<size_t>(arrays_) + steps_.size()) * sizeof(int32_t) *
         static_cast<size_t>(HWY_DYNAMIC_DISPATCH(ProgramLanes)());
}

void Program16::Run(int64_t count, int64_t width, const int16_t* const* arrays,
                    const int16_t* const* rows, int16_t* const* outputs,
                    std::byte* workspace) const {
  HWY_DYNAMIC_DISPATCH(RunProgram)
  ({steps_, outputs_, arrays_, count, width, arrays, rows, outputs,
    reinterpret_cast<int32_t*>(workspace)});
}

}  // namespace litesmith
#endif  // HWY_ONCE
