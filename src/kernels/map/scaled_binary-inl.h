// A sum and a product of vectors of 32 bits with scales, one definition a SIMD
// target. What is computed: scaled_binary.h.
#if defined(LITESMITH_KERNELS_MAP_SCALED_BINARY_INL_H_) == \
    defined(HWY_TARGET_TOGGLE)
#ifdef LITESMITH_KERNELS_MAP_SCALED_BINARY_INL_H_
#undef LITESMITH_KERNELS_MAP_SCALED_BINARY_INL_H_
#else
#define LITESMITH_KERNELS_MAP_SCALED_BINARY_INL_H_
#endif

#include <hwy/highway.h>

#include "src/kernels/common/products16-inl.h"
#include "src/kernels/common/requantize-inl.h"
#include "src/kernels/map/scaled_binary.h"

HWY_BEFORE_NAMESPACE();
namespace litesmith {
namespace HWY_NAMESPACE {

#if HWY_TARGET != HWY_SCALAR

// What an input becomes, before the two are joined. `kWide`: an int16 one,
// whose factors have 16 bits, too.
template <bool kWide>
class Term {
 public:
  explicit Term(const ScaledTerm &t)
      : high_(hn::Set(DS32(), t.high)),
        low_(hn::Set(DS32(), t.low)),
        add_low_(hn::Set(DS32(), t.add_low)),
        add_(hn::Set(DS32(), t.add)),
        low_bits_(hn::Set(DS32(), t.low_bits)),
        half_(hn::Set(DS32(), t.half)),
        bits_(hn::Set(DS32(), t.bits)),
        rounds_(t.bits > 0),
        subtract_(t.subtract) {
    if constexpr (kWide) high_ = Factor16(high_), low_ = Factor16(low_);
  }
  HWY_INLINE VS32 Apply(VS32 x) const {
    VS32 sum;
    if constexpr (kWide) {
      sum = MulAdd16(hn::ShiftRight<kWideTermBits>(MulAdd16(add_low_, x, low_)),
                     x, high_);
    } else {
      const VS32 low = hn::Add(hn::Mul(x, low_), add_low_);
      sum = hn::Add(hn::Add(hn::Mul(x, high_), add_), hn::Shr(low, low_bits_));
    }
    if (rounds_) {
      sum =
          hn::Shr(hn::Add(hn::Add(sum, half_), hn::ShiftRight<31>(sum)), bits_);
    }
    return subtract_ ? hn::Sub(hn::Zero(DS32()), sum) : sum;
  }

 private:
  VS32 high_, low_, add_low_, add_, low_bits_, half_, bits_;
  bool rounds_, subtract_;
};

template <RequantForm kForm, bool kWide>
struct SumOf {
  explicit SumOf(const PackedBinary &p)
      : a(p.terms[0]), b(p.terms[1]), requantizer(p.requantizer, 0) {}
  HWY_INLINE VS32 Prepare(int which, VS32 x) const {
    return which == 0 ? a.Apply(x) : b.Apply(x);
  }
  HWY_INLINE VS32 Join(VS32 x, VS32 y) const {
    return requantizer.Apply(hn::Add(x, y));
  }
  Term<kWide> a, b;
  VectorRequantizer<kForm> requantizer;
};
template <RequantForm kForm>
using Sum8 = SumOf<kForm, false>;
template <RequantForm kForm>
using Sum16 = SumOf<kForm, true>;

template <RequantForm kForm>
struct Product {
  explicit Product(const PackedBinary &p)
      : zeros{hn::Set(DS32(), p.zeros[0]), hn::Set(DS32(), p.zeros[1])},
        requantizer(p.requantizer, 0) {}
  HWY_INLINE VS32 Prepare(int which, VS32 x) const {
    const VS32 rest = hn::Sub(x, zeros[which]);
    return which == 0 ? rest : Factor16(rest);
  }
  HWY_INLINE VS32 Join(VS32 x, VS32 y) const {
    return requantizer.Apply(Mul16(x, y));
  }
  VS32 zeros[2];
  VectorRequantizer<kForm> requantizer;
};

#endif  // HWY_SCALAR

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace litesmith
HWY_AFTER_NAMESPACE();

#endif  // LITESMITH_KERNELS_MAP_SCALED_BINARY_INL_H_
