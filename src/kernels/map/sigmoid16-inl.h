// The logistic function and tanh of a vector of int16 values in 32 bits, one
// definition a SIMD target. What is computed: sigmoid16.h.
#if defined(LITESMITH_KERNELS_MAP_SIGMOID16_INL_H_) == \
    defined(HWY_TARGET_TOGGLE)
#ifdef LITESMITH_KERNELS_MAP_SIGMOID16_INL_H_
#undef LITESMITH_KERNELS_MAP_SIGMOID16_INL_H_
#else
#define LITESMITH_KERNELS_MAP_SIGMOID16_INL_H_
#endif

#include <hwy/highway.h>

#include "src/kernels/common/products16-inl.h"
#include "src/kernels/map/sigmoid16.h"

HWY_BEFORE_NAMESPACE();
namespace litesmith {
namespace HWY_NAMESPACE {

#if HWY_TARGET != HWY_SCALAR

// Both functions are odd but for a constant: of |x| the table's line gives
// y * 2^kBits of the upper half; `kTanh` counts twice as far.
template <bool kTanh>
class VectorSigmoid {
 public:
  explicit VectorSigmoid(const Sigmoid16& f)
      : table_(f.table->data()),
        shift_(f.shift),
        is_wide_(f.multiplier > 32767),
        multiplier_(hn::Set(DS32(), f.multiplier)),
        half_(hn::Set(DS32(), f.shift > 0 ? 1 << (f.shift - 1) : 0)) {
    if (!is_wide_) multiplier_ = Factor16(multiplier_);
  }

  HWY_INLINE VS32 Apply(VS32 x) const {
    const DS32 d;
    constexpr int kBits = kTanh ? 8 : 9;
    const VS32 product = is_wide_ ? hn::Add(hn::Mul(x, multiplier_), half_)
                                  : MulAdd16(half_, x, multiplier_);
    const VS32 steps = hn::ShiftRightSame(product, shift_);
    const VS32 size = hn::Abs(steps);
    const VS32 at = hn::Min(hn::ShiftRight<kBits>(size), hn::Set(d, 255));
    const VS32 entry = hn::GatherIndex(d, table_, at);
    // low * 2^kBits + way * rest, less the value at 0, c: of the logistic
    // function that is from one half on. As a pair `low` is less by 2^16.
    constexpr int32_t kAtZero = kTanh ? 1 << 23 : 1 << 24;
    constexpr int32_t kRest = (1 << kBits) - 1;
    const VS32 way = hn::And(hn::ShiftLeft<16>(size), hn::Set(d, kRest << 16));
    const VS32 y = PairDot(hn::Set(d, (1 << (16 + kBits)) - kAtZero), entry,
                           hn::Or(way, hn::Set(d, 1 << kBits)));
    // (y - c + h) of x >= 0, else (c - y + h - 1).
    constexpr int32_t kHalf = kTanh ? 128 : 512;
    const VS32 odd = hn::Xor(y, hn::ShiftRight<31>(steps));
    constexpr int32_t kBack = kTanh ? 0 : kAtZero;
    // -v + h - 1 = (v ^ -1) + h.
    const VS32 sum = hn::Add(odd, hn::Set(d, kBack + kHalf));
    return hn::ShiftRight < kTanh ? 8 : 10 > (sum);
  }

 private:
  const int32_t* table_;
  int shift_;
  bool is_wide_;  // the multiplier: it has more than 15 bits
  VS32 multiplier_, half_;
};

// The first n of the int16 values at x, 1 <= n <= all lanes; the others are 0.
HWY_INLINE VS32 LoadSome16(const int16_t* x, int n) {
  const hn::Rebind<int16_t, DS32> narrow;
  constexpr int kLanes = hn::MaxLanes(DS32());
  if (n >= kLanes) return hn::PromoteTo(DS32(), hn::LoadU(narrow, x));
#if HWY_TARGET == HWY_AVX3
  return hn::PromoteTo(
      DS32(),
      hn::MaskedLoad(hn::FirstN(narrow, static_cast<size_t>(n)), narrow, x));
#else
  HWY_ALIGN int16_t lanes[kLanes] = {};
  for (int i = 0; i < n; ++i) lanes[i] = x[i];
  return hn::PromoteTo(DS32(), hn::Load(narrow, lanes));
#endif
}

// Narrowed with saturation.
HWY_INLINE void StoreSome16(VS32 v, int n, int16_t* y) {
  const hn::Rebind<int16_t, DS32> narrow;
  constexpr int kLanes = hn::MaxLanes(DS32());
  const auto y16 = hn::DemoteTo(narrow, v);
  if (n >= kLanes) return hn::StoreU(y16, narrow, y);
#if HWY_TARGET == HWY_AVX3
  hn::BlendedStore(y16, hn::FirstN(narrow, static_cast<size_t>(n)), narrow, y);
#else
  HWY_ALIGN int16_t lanes[kLanes];
  hn::Store(y16, narrow, lanes);
  for (int i = 0; i < n; ++i) y[i] = lanes[i];
#endif
}

#endif  // HWY_SCALAR

// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace litesmith
HWY_AFTER_NAMESPACE();

#endif  // LITESMITH_KERNELS_MAP_SIGMOID16_INL_H_
