// The loop over vectors and what each step does to one, for each SIMD target.
#include "src/kernels/map/program16.h"

#include "src/kernels/common/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "src/kernels/map/program16.cc"
#include <hwy/foreach_target.h>
// After foreach_target.
#include <hwy/highway.h>

#include <algorithm>
#include <span>
#include <utility>

#include "src/kernels/map/scaled_binary-inl.h"
#include "src/kernels/map/sigmoid16-inl.h"

#ifndef LITESMITH_KERNELS_MAP_PROGRAM16_CALL_
#define LITESMITH_KERNELS_MAP_PROGRAM16_CALL_
namespace litesmith {

struct Program16Call {
  std::span<const Program16Step> steps;
  std::span<const size_t> stages;
  int64_t count, width;
  const int16_t* const* inputs;
  int16_t* const* outputs;
  std::byte* values;
  int64_t vector_step;  // bytes from one vector's values to those of the next
  int16_t* kept;
  int64_t kept_width;
  bool only_dense;
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

// As VectorRequantizer of kSigned, of constants that all lanes share, and
// clamped.
HWY_INLINE VS32 Requantized(const Program16Step::Binary& p, VS32 acc) {
  const DS32 d;
  const DU64 d64;
  const VS32 multiplier = hn::Set(d, p.multiplier);
  const auto one = [&](VS32 x, uint64_t shift) HWY_ATTR {
    const VU64 add =
        hn::Sub(hn::Set(d64, p.add),
                hn::And(hn::BitCast(d64, x), hn::Set(d64, p.sign)));
    const auto product = hn::BitCast(d64, hn::MulEven(x, multiplier));
    return hn::Shr(hn::Add(product, add), hn::Set(d64, shift));
  };
  // Even lanes have nothing above them, odd ones something below.
  const VS32 odd = hn::BitCast(d, hn::ShiftRight<32>(hn::BitCast(d64, acc)));
  const VU64 both = hn::Or(one(acc, p.shift[0]),
                           hn::And(one(odd, p.shift[1]), hn::Set(d64, p.odd)));
  const VS32 y = hn::Sub(hn::BitCast(d, both), hn::Set(d, p.subtract));
  return hn::Min(hn::Max(y, hn::Set(d, p.lo)), hn::Set(d, p.hi));
}

// Of Term<true>: `high` and `low` are factors already.
HWY_INLINE VS32 TermOf(const Program16Step::Term& t, VS32 x) {
  const DS32 d;
  const VS32 low =
      MulAdd16(hn::Set(d, 1 << (kWideTermBits - 1)), x, hn::Set(d, t.low));
  VS32 sum =
      MulAdd16(hn::ShiftRight<kWideTermBits>(low), x, hn::Set(d, t.high));
  if (t.bits > 0) {
    sum = hn::Shr(
        hn::Add(sum, hn::Add(hn::Set(d, t.half), hn::ShiftRight<31>(sum))),
        hn::Set(d, t.bits));
  }
  return t.subtract != 0 ? hn::Sub(hn::Zero(d), sum) : sum;
}

HWY_INLINE VS32 SumOfTerms(const Program16Step::Binary& p, VS32 a, VS32 b) {
  return Requantized(p, hn::Add(TermOf(p.terms[0], a), TermOf(p.terms[1], b)));
}

HWY_INLINE VS32 ProductOf(const Program16Step::Binary& p, VS32 a, VS32 b) {
  return Requantized(p, Mul16(a, hn::And(b, hn::Set(DS32(), p.factor))));
}

// Entries number `at`, 0 to 255, of a table.
HWY_INLINE VS32 Gathered(const int32_t* table, VS32 at) {
  return hn::GatherIndex(DS32(), table, at);
}

// The same in a third of the time, of instructions for a port that others want:
// for what nothing runs beside.
HWY_INLINE VS32 LookedUp(const int32_t* table, VS32 at) {
#if HWY_TARGET == HWY_AVX3
  const auto of = [&](int i) HWY_ATTR {
    return _mm512_permutex2var_epi32(_mm512_load_si512(table + 32 * i), at.raw,
                                     _mm512_load_si512(table + 32 * i + 16));
  };
  const auto bit = [&](int value) HWY_ATTR {
    return _mm512_test_epi32_mask(at.raw, _mm512_set1_epi32(value));
  };
  const __mmask16 b5 = bit(32), b6 = bit(64), b7 = bit(128);
  const auto two = [&](int i) HWY_ATTR {
    return _mm512_mask_blend_epi32(b5, of(i), of(i + 1));
  };
  const auto four = [&](int i) HWY_ATTR {
    return _mm512_mask_blend_epi32(b6, two(i), two(i + 2));
  };
  return VS32{_mm512_mask_blend_epi32(b7, four(0), four(4))};
#else
  return Gathered(table, at);
#endif
}

// VectorSigmoid::Apply.
template <VS32 (*kLook)(const int32_t*, VS32)>
HWY_INLINE VS32 SigmoidOf(const Program16Step::Sigmoid& f, VS32 x) {
  const DS32 d;
  const VS32 half = hn::Set(d, f.half);
  const VS32 multiplier = hn::Set(d, f.multiplier);
  const VS32 product = f.is_wide ? hn::Add(hn::Mul(x, multiplier), half)
                                 : MulAdd16(half, x, multiplier);
  const VS32 steps = hn::Shr(product, hn::Set(d, f.shift));
  const VS32 size = hn::Abs(steps);
  const VS32 at =
      hn::Min(hn::Shr(size, hn::Set(d, f.bits)), hn::Set(d, f.last));
  const VS32 entry = kLook(f.table, at);
  const VS32 way = hn::And(hn::ShiftLeft<16>(size), hn::Set(d, f.rest));
  const VS32 y =
      PairDot(hn::Set(d, f.add), entry, hn::Or(way, hn::Set(d, f.one)));
  const VS32 odd = hn::Xor(y, hn::ShiftRight<31>(steps));
  return hn::Shr(hn::Add(odd, hn::Set(d, f.back)), hn::Set(d, f.down));
}

using DF64 = hn::Repartition<double, DS32>;

// rha(acc * real) of half a vector; |acc * real| < 2^31.
HWY_INLINE auto RoundedHalf(hn::Vec<hn::Half<DS32> > acc, const double* reals) {
  const DF64 d;
  const auto y = hn::Mul(hn::PromoteTo(d, acc), hn::Load(d, reals));
  constexpr double kBelowHalf = 0.49999999999999994;
  return hn::DemoteTo(hn::Half<DS32>(),
                      hn::Add(y, hn::CopySignToAbs(hn::Set(d, kBelowHalf), y)));
}

// The same as the lower 32 bits of a sum that leaves no more of it, where no
// product is about halfway between integers.
HWY_INLINE VS32 NearestHalf(hn::Vec<hn::Half<DS32> > acc, const double* reals) {
  const DF64 d;
  return hn::BitCast(DS32(),
                     hn::MulAdd(hn::PromoteTo(d, acc), hn::Load(d, reals),
                                hn::Set(d, 0x1.8p52)));
}

HWY_INLINE VS32 RequantizedF64(VS32 acc, const double* reals, bool is_nearest) {
  const DS32 d;
  const auto lower = hn::LowerHalf(acc);
  const auto upper = hn::UpperHalf(hn::Half<DS32>(), acc);
  if (is_nearest) {
    return hn::ConcatEven(d, NearestHalf(upper, reals + kLanes / 2),
                          NearestHalf(lower, reals));
  }
  return hn::Combine(d, RoundedHalf(upper, reals + kLanes / 2),
                     RoundedHalf(lower, reals));
}

// Vector number `block` of the outputs.
template <class Words>
HWY_INLINE VS32 DenseOf(const Program16Step::Dense& p, const int16_t* x,
                        int64_t block) {
  const DS32 d;
  const int64_t first = block * kLanes;
  const auto* w =
      reinterpret_cast<const int32_t*>(p.weights) + first * (p.pairs + p.odd);
  VS32 even = p.bias != nullptr ? hn::Load(d, p.bias + first) : hn::Zero(d);
  VS32 odd = hn::Zero(d);
  int left = p.pairs;
  for (; left >= 2; left -= 2, x += 4, w += 2 * kLanes) {
    even = Words::Step(even, BroadcastWord(x), hn::Load(d, w));
    odd = Words::Step(odd, BroadcastWord(x + 2), hn::Load(d, w + kLanes));
  }
  if (left > 0) {
    even = Words::Step(even, BroadcastWord(x), hn::Load(d, w));
    x += 2, w += kLanes;
  }
  if (p.odd > 0) {  // half a word
    odd =
        Words::Step(odd, hn::Set(d, static_cast<uint16_t>(*x)), hn::Load(d, w));
  }
  const VS32 y =
      RequantizedF64(hn::Add(even, odd), p.reals + first, p.is_nearest);
  return hn::Min(hn::Max(y, hn::Set(d, p.lo)), hn::Set(d, p.hi));
}

// The steps of a stage for vector number `block` of row number `row`.
template <class Words>
HWY_INLINE void RunSteps(const Program16Call& call,
                         std::span<const Program16Step> steps, int64_t row,
                         int64_t block) {
  using Kind = Program16Step::Kind;
  const DS32 d;
  const int64_t first = block * kLanes;
  const int n = static_cast<int>(std::min<int64_t>(kLanes, call.width - first));
  std::byte* const values = call.values + block * call.vector_step;
  VS32 last = hn::Zero(d);  // what was computed last
  const Program16Step* const end = steps.data() + steps.size();
  for (const Program16Step* at = steps.data(); at < end; ++at) {
    const Program16Step& step = *at;
    const auto a = [&]() HWY_ATTR {
      if (step.a_is_last) return last;
      return hn::Load(d, reinterpret_cast<const int32_t*>(values + step.a));
    };
    const auto b = [&]() HWY_ATTR {
      if (step.b_is_last) return last;
      return hn::Load(d, reinterpret_cast<const int32_t*>(values + step.b));
    };
    const auto dense = [&]() HWY_ATTR {
      const Program16Rows& from = step.dense.row;
      return DenseOf<Words>(step.dense,
                            from.array < 0
                                ? call.kept + from.first * call.kept_width
                                : call.inputs[from.array] + from.At(row),
                            block);
    };
    switch (step.kind) {
      case Kind::kLoad:
        last = LoadSome16(
            call.inputs[step.rows.array] + step.rows.At(row) + first, n);
        break;
      case Kind::kSum:
        last = SumOfTerms(step.binary, a(), b());
        break;
      case Kind::kProduct:
        last = ProductOf(step.binary, a(), b());
        break;
      case Kind::kSigmoid:
        last = SigmoidOf<LookedUp>(step.sigmoid, a());
        break;
      case Kind::kDense:
        last = dense();
        break;
      case Kind::kGate:
        last = SigmoidOf<Gathered>(at[2].sigmoid,
                                   SumOfTerms(at[1].binary, a(), dense()));
        at += 2;
        break;
      case Kind::kKeep: {
        const hn::Rebind<int16_t, DS32> narrow;
        // All lanes: what is read next does not wait for a mask.
        hn::StoreU(hn::DemoteTo(narrow, a()), narrow,
                   call.kept + step.b * call.kept_width + first);
        continue;
      }
      case Kind::kStore:
        StoreSome16(a(), n,
                    call.outputs[step.rows.array] + step.rows.At(row) + first);
        continue;
      case Kind::kPart:
        continue;
    }
    hn::Store(last, d, reinterpret_cast<int32_t*>(values + step.to));
  }
}

template <class Words>
void RunRows(const Program16Call& call) {
  const int64_t blocks = (call.width + kLanes - 1) / kLanes;
  for (int64_t row = 0; row < call.count; ++row) {
    size_t begin = 0;
    for (const size_t end : call.stages) {
      const auto steps = call.steps.subspan(begin, end - begin);
      for (int64_t block = 0; block < blocks; ++block)
        RunSteps<Words>(call, steps, row, block);
      begin = end;
    }
  }
}

// Of a program that is dense layers, each followed by what stores it.
template <class Words>
void RunDense(const Program16Call& call) {
  for (size_t i = 0; i < call.steps.size(); i += 2) {
    const Program16Step::Dense& p = call.steps[i].dense;
    const Program16Rows& to = call.steps[i + 1].rows;
    for (int64_t row = 0; row < call.count; ++row) {
      const int16_t* x = call.inputs[p.row.array] + p.row.At(row);
      int16_t* y = call.outputs[to.array] + to.At(row);
      for (int64_t first = 0; first < call.width; first += kLanes) {
        const auto n = std::min<int64_t>(kLanes, call.width - first);
        StoreSome16(DenseOf<Words>(p, x, first / kLanes), static_cast<int>(n),
                    y + first);
      }
    }
  }
}

template <class Words>
void RunWith(const Program16Call& call) {
  call.only_dense ? RunDense<Words>(call) : RunRows<Words>(call);
}

void RunProgram(const Program16Call& call) {
#if HWY_TARGET == HWY_AVX3
  static const bool has_vnni = HasVnni();  // which takes its time
  if (has_vnni) return RunWith<WordsS16Vnni>(call);
#endif
  RunWith<WordsS16>(call);
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

Program16::Program16() : lanes_(HWY_DYNAMIC_DISPATCH(ProgramLanes)()) {}

void Program16::Run(int64_t count, int64_t width, const int16_t* const* inputs,
                    int16_t* const* outputs, std::byte* workspace) const {
  const int64_t vectors = stages_.size() > 1 ? VectorsOf(width_) : 1;
  const int64_t value_bytes = int64_t{places_} * lanes_ * sizeof(int32_t);
  HWY_DYNAMIC_DISPATCH(RunProgram)
  ({.steps = steps_,
    .stages = stages_,
    .count = count,
    .width = width,
    .inputs = inputs,
    .outputs = outputs,
    .values = workspace,
    // One stage ends with each vector before the next one.
    .vector_step = vectors > 1 ? value_bytes : 0,
    .kept = reinterpret_cast<int16_t*>(workspace + vectors * value_bytes),
    .kept_width = vectors * lanes_,
    .only_dense = only_dense_});
}

}  // namespace litesmith
#endif  // HWY_ONCE
