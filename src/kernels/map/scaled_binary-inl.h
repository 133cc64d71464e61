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

#include "src/kernels/common/requantize-inl.h"
#include "src/kernels/map/scaled_binary.h"

HWY_BEFORE_NAMESPACE();
namespace litesmith {
namespace HWY_NAMESPACE {

#if HWY_TARGET != HWY_SCALAR

// What an input becomes, before the two are joined.
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
        subtract_(t.subtract) {}
  HWY_INLINE VS32 Apply(VS32 x) const {
    const VS32 low = hn::Add(hn::Mul(x, low_), add_low_);
    VS32 sum =
        hn::Add(hn::Add(hn::Mul(x, high_), add_), hn::Shr(low, low_bits_));
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

template <RequantForm kForm>
struct Sum {
  explicit Sum(const PackedBinary &p)
      : a(p.terms[0]), b(p.terms[1]), requantizer(p.requantizer, 0) {}
  HWY_INLINE VS32 Prepare(int which, VS32 x) const {
    return which == 0 ? a.Apply(x) : b.Apply(x);
  }
  HWY_INLINE VS32 Join(VS32 x, VS32 y) const {
    return requantizer.Apply(hn::Add(x, y));
  }
  Term a, b;
  VectorRequantizer<kForm> requantizer;
};

template <RequantForm kForm>
struct Product {
  explicit Product(const PackedBinary &p)
      : zeros{hn::Set(DS32(), p.zeros[0]), hn::Set(DS32(), p.zeros[1])},
        requantizer(p.requantizer, 0) {}
  HWY_INLINE VS32 Prepare(int which, VS32 x) const {
    return hn::Sub(x, zeros[which]);
  }
  HWY_INLINE VS32 Join(VS32 x, VS32 y) const {
    return requantizer.Apply(hn::Mul(x, y));
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
