// Four vectors of 32 bits at a time, which are one of bytes or two of int16.
#include "src/kernels/map/scaled_binary.h"

#include "src/kernels/common/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "src/kernels/map/scaled_binary.cc"
#include <hwy/foreach_target.h>
// After foreach_target.
#include <hwy/highway.h>

#include <algorithm>
#include <cmath>

#include "src/kernels/map/scaled_binary-inl.h"

HWY_BEFORE_NAMESPACE();
namespace litesmith {
namespace HWY_NAMESPACE {
namespace {

#if HWY_TARGET == HWY_SCALAR

int BinaryLanes() { return 0; }
void ChooseBinaryHere(const ScaledBinarySpec &, PackedBinary *) {}

#else

constexpr int kVectors = 4;
constexpr int kLanes = hn::MaxLanes(DS32());
constexpr int kStep = kVectors * kLanes;

// A sum in floats, halves away from zero.
struct FloatSum {
  explicit FloatSum(const PackedBinary &p)
      : zeros{hn::Set(DS32(), p.zeros[0]), hn::Set(DS32(), p.zeros[1])},
        factors{hn::Set(DF32(), p.factors[0]), hn::Set(DF32(), p.factors[1])},
        half(hn::Set(DF32(), p.half)),
        zero_point(hn::Set(DS32(), p.zero_point)) {}
  HWY_INLINE VF32 Prepare(int which, VS32 x) const {
    return hn::Mul(hn::ConvertTo(DF32(), hn::Sub(x, zeros[which])),
                   factors[which]);
  }
  HWY_INLINE VS32 Join(VF32 x, VF32 y) const {
    const VF32 sum = hn::Add(x, y);
    const VF32 up = hn::Add(sum, hn::CopySignToAbs(half, sum));
    return hn::Add(TruncateSmall(up), zero_point);
  }
  VS32 zeros[2];
  VF32 factors[2], half;
  VS32 zero_point;
};

template <typename T>
HWY_INLINE VS32 LoadWide(const T *x) {
  const hn::Rebind<T, DS32> narrow;
  return hn::PromoteTo(DS32(), hn::LoadU(narrow, x));
}

// Four vectors, narrowed and clamped.
HWY_INLINE void StoreNarrow(const VS32 *v, const PackedRequantizer &r,
                            int8_t *y) {
  const DS8 d;
  const auto lo = hn::Set(d, static_cast<int8_t>(r.lo));
  const auto hi = hn::Set(d, static_cast<int8_t>(r.hi));
  hn::StoreU(hn::Min(hn::Max(NarrowFour(v[0], v[1], v[2], v[3]), lo), hi), d,
             y);
}
HWY_INLINE void StoreNarrow(const VS32 *v, const PackedRequantizer &r,
                            int16_t *y) {
  const DS32 d;
  const hn::Rebind<int16_t, DS32> narrow;
  const VS32 lo = hn::Set(d, r.lo);
  const VS32 hi = hn::Set(d, r.hi);
  for (int k = 0; k < kVectors; ++k) {
    hn::StoreU(hn::DemoteTo(narrow, hn::Min(hn::Max(v[k], lo), hi)), narrow,
               y + k * kLanes);
  }
}

// kConstant: which input is one element for all, 2: none.
template <typename T, class F, int kConstant>
void RunLoop(const PackedBinary &p, const T *a, const T *b, int64_t n, T *y) {
  const F f(p);
  const T *const from[] = {a, b};
  const auto constant =
      f.Prepare(kConstant % 2, hn::Set(DS32(), int32_t{*from[kConstant % 2]}));
  const auto step = [&](const T *at_a, const T *at_b, T *to) {
    VS32 v[kVectors];
    for (int k = 0; k < kVectors; ++k) {
      const auto of_a =
          kConstant == 0 ? constant : f.Prepare(0, LoadWide(at_a + k * kLanes));
      const auto of_b =
          kConstant == 1 ? constant : f.Prepare(1, LoadWide(at_b + k * kLanes));
      v[k] = f.Join(of_a, of_b);
    }
    StoreNarrow(v, p.requantizer, to);
  };
  int64_t i = 0;
  for (; i + kStep <= n; i += kStep)
    step(a + (kConstant == 0 ? 0 : i), b + (kConstant == 1 ? 0 : i), y + i);
  if (i == n) return;
  // The rest, in memory that is long enough.
  HWY_ALIGN T rest[3][kStep] = {};
  const auto left = static_cast<size_t>(n - i);
  if (kConstant != 0) std::copy_n(a + i, left, rest[0]);
  if (kConstant != 1) std::copy_n(b + i, left, rest[1]);
  step(rest[0], rest[1], rest[2]);
  std::copy_n(rest[2], left, y + i);
}

template <typename T, class F>
void RunBinary(const PackedBinary &p, int constant, const void *a,
               const void *b, int64_t n, void *y) {
  const auto run = constant == 0   ? RunLoop<T, F, 0>
                   : constant == 1 ? RunLoop<T, F, 1>
                                   : RunLoop<T, F, 2>;
  run(p, static_cast<const T *>(a), static_cast<const T *>(b), n,
      static_cast<T *>(y));
}

int BinaryLanes() { return kLanes; }

template <typename T, template <RequantForm> class F>
auto ChooseForm(const PackedBinary &p) {
  switch (p.requantizer.form) {
    case RequantForm::kPlain:
      return &RunBinary<T, F<RequantForm::kPlain> >;
    case RequantForm::kSigned:
      return &RunBinary<T, F<RequantForm::kSigned> >;
    default:
      return &RunBinary<T, F<RequantForm::kLeft> >;
  }
}

// Whether floats give what p->run does, of all pairs of bytes; a little more or
// less than a half may where a half does not. They take six tenths of the time.
void ChooseFloatSum(PackedBinary *p) {
  constexpr int kBytes = 256;
  int8_t bytes[kBytes], wanted[kBytes], got[kBytes];
  for (int i = 0; i < kBytes; ++i) bytes[i] = static_cast<int8_t>(i - 128);
  for (const int ulps : {0, -1, 1, -2, 2, -4, 4}) {
    p->half = 0.5f + static_cast<float>(ulps) * 0x1p-18f;
    bool same = true;
    for (int i = 0; same && i < kBytes; ++i) {
      p->run(*p, 0, bytes + i, bytes, kBytes, wanted);
      RunBinary<int8_t, FloatSum>(*p, 0, bytes + i, bytes, kBytes, got);
      same = std::equal(wanted, wanted + kBytes, got);
    }
    if (same) {
      p->run = &RunBinary<int8_t, FloatSum>;
      return;
    }
  }
}

void ChooseBinaryHere(const ScaledBinarySpec &spec, PackedBinary *p) {
  if (spec.wide) {
    p->run = spec.product ? ChooseForm<int16_t, Product>(*p)
                          : ChooseForm<int16_t, Sum16>(*p);
  } else {
    p->run = spec.product ? ChooseForm<int8_t, Product>(*p)
                          : ChooseForm<int8_t, Sum8>(*p);
    if (!spec.product && std::abs(p->factors[0]) < 1024 &&
        std::abs(p->factors[1]) < 1024)
      ChooseFloatSum(p);
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

HWY_EXPORT(BinaryLanes);
HWY_EXPORT(ChooseBinaryHere);

namespace {

// False where 32 bits do not hold d * low, or 16 a half of an int16 input's
// multiplier, or where MBQM shifts left.
bool PackTerm(const FixedMultiplier &m, int left, int32_t zero, bool wide,
              bool subtract, ScaledTerm *term) {
  if (m.shift > 0 || m.shift < -30 || (wide && zero != 0)) return false;
  const int k = 31 - left;
  term->low_bits = k;
  term->high = m.value >> k;
  term->low = m.value & ((1 << k) - 1);
  if (wide) {
    if (k != kWideTermBits) return false;
    if (term->low > 32767) term->low -= 1 << k, ++term->high;
    if (term->high > 32767) return false;
  }
  term->add_low = (1 << (k - 1)) - zero * term->low;
  term->add = -zero * term->high;
  term->bits = -m.shift;
  term->half = term->bits > 0 ? 1 << (term->bits - 1) : 0;
  term->subtract = subtract;
  return true;
}

double Real(const FixedMultiplier &m) {
  return std::ldexp(static_cast<double>(m.value), m.shift - 31);
}

// The largest magnitude that is requantized.
int64_t Bound(const ScaledBinarySpec &spec) {
  const int64_t most = spec.wide ? 32768 : 255;
  if (spec.product) return most * most;
  // And what rounding adds.
  return static_cast<int64_t>(static_cast<double>(most << spec.left) *
                              (Real(spec.a) + Real(spec.b))) +
         2;
}

}  // namespace

std::unique_ptr<const PackedBinary> PackScaledBinary(
    const ScaledBinarySpec &spec) {
  const int lanes = HWY_DYNAMIC_DISPATCH(BinaryLanes)();
  if (lanes == 0) return nullptr;
  auto p = std::make_unique<PackedBinary>();
  if (spec.product) {
    if (spec.wide && (spec.a_zero != 0 || spec.b_zero != 0)) return nullptr;
  } else if (!PackTerm(spec.a, spec.left, spec.a_zero, spec.wide, false,
                       &p->terms[0]) ||
             !PackTerm(spec.b, spec.left, spec.b_zero, spec.wide, spec.subtract,
                       &p->terms[1])) {
    return nullptr;
  }
  // What floats multiply with.
  const double unit =
      std::ldexp(Real(spec.requantizer.multipliers[0]), spec.left);
  p->zeros[0] = spec.a_zero, p->zeros[1] = spec.b_zero;
  p->zero_point = spec.requantizer.zero_point;
  p->factors[0] = static_cast<float>(Real(spec.a) * unit);
  p->factors[1] =
      static_cast<float>(Real(spec.b) * (spec.subtract ? -unit : unit));
  Requantizer each = spec.requantizer;
  each.multipliers.assign(static_cast<size_t>(lanes),
                          spec.requantizer.multipliers[0]);
  const std::vector<int64_t> bounds(static_cast<size_t>(lanes), Bound(spec));
  if (!PackRequantizer(each, bounds, lanes, 1, &p->requantizer)) return nullptr;
  HWY_DYNAMIC_DISPATCH(ChooseBinaryHere)(spec, p.get());
  return p;
}

}  // namespace litesmith
#endif  // HWY_ONCE
