// Both runtimes' steps, for each SIMD target.
#include "src/kernels/recurrent/lstm_step.h"

#include "src/kernels/common/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "src/kernels/recurrent/lstm_step.cc"
#include <hwy/foreach_target.h>
// After foreach_target.
#include <hwy/highway.h>

#include <algorithm>
#include <limits>

#include "src/kernels/map/sigmoid16-inl.h"
#include "src/kernels/recurrent/fixed16.h"
#include "src/kernels/recurrent/mbqm-inl.h"

HWY_BEFORE_NAMESPACE();
namespace litesmith {
namespace HWY_NAMESPACE {
namespace {

using kernels::kCellGate;
using kernels::kForgetGate;
using kernels::kInputGate;
using kernels::kOutputGate;
using kernels::LstmGate;
using kernels::LstmS8;
using kernels::LstmTflm;

#if HWY_TARGET == HWY_SCALAR

bool HasStep() { return false; }
void StepS8(const LstmS8&, int32_t, const int32_t*, const int32_t*, int16_t*,
            int8_t*) {}
void StepTflm8(const LstmTflm&, const int32_t*, const int32_t*, int16_t*,
               int8_t*) {}
void StepTflm16(const LstmTflm&, const int16_t*, const int16_t*, int16_t*,
                int16_t*) {}

#else

constexpr int kLanes = hn::MaxLanes(DS32());
static_assert(kLanes <= int{kernels::kLstmStepReads});
bool HasStep() { return true; }

HWY_INLINE VS32 Clamp(VS32 v, int32_t lo, int32_t hi) {
  return hn::Min(hn::Max(v, hn::Set(DS32(), lo)), hn::Set(DS32(), hi));
}
HWY_INLINE VS32 Clamp16(VS32 v) { return Clamp(v, -32768, 32767); }
// Cut to 16 bits.
HWY_INLINE VS32 Wrap(VS32 v) {
  return hn::ShiftRight<16>(hn::ShiftLeft<16>(v));
}

// y + zero within T; y any 32 bits.
template <typename T>
HWY_INLINE VS32 WithZero(VS32 y, int32_t zero) {
  const VS32 sum =
      hn::Add(Clamp(y, -(1 << 20), 1 << 20), hn::Set(DS32(), zero));
  return Clamp(sum, std::numeric_limits<T>::min(),
               std::numeric_limits<T>::max());
}

HWY_INLINE void StoreSome(VS32 v, int n, int16_t* y) { StoreSome16(v, n, y); }
HWY_INLINE void StoreSome(VS32 v, int n, int8_t* y) {
  HWY_ALIGN int32_t lanes[kLanes];
  hn::Store(v, DS32(), lanes);
  for (int i = 0; i < n; ++i) y[i] = static_cast<int8_t>(lanes[i]);
}

// What goes into a gate's function, from int32 products of x and h.
class GateSum {
 public:
  // `most`: of h's share, before it is added.
  GateSum(FixedMultiplier x, FixedMultiplier h, int32_t least, int32_t most)
      : x_(x), h_(h), least_(least), most_(most) {}
  HWY_INLINE VS32 operator()(const int32_t* x, const int32_t* h) const {
    const DS32 d;
    const VS32 of_x = Clamp16(x_(hn::LoadU(d, x)));
    const VS32 of_h = Clamp(h_(hn::LoadU(d, h)), least_, most_);
    return Clamp16(hn::Add(of_x, of_h));
  }

 private:
  VectorMbqm x_, h_;
  int32_t least_, most_;
};

// A function's values of |v|, v in 16 bits.
HWY_INLINE VS32 LookUp(const kernels::HalfTable16& table, VS32 v) {
  const DS32 d;
  const VS32 entry =
      hn::GatherOffset(d, reinterpret_cast<const int32_t*>(table.data()),
                       hn::ShiftLeft<1>(hn::Abs(v)));
  return Wrap(entry);
}
HWY_INLINE VS32 FixedLogistic(const kernels::HalfTable16& table, VS32 v) {
  const VS32 y = LookUp(table, v);
  // 32767 - y = 32767 + ~y + 1 below zero.
  const VS32 sign = hn::ShiftRight<31>(v);
  return hn::Add(hn::Xor(y, sign), hn::And(sign, hn::Set(DS32(), 32768)));
}
HWY_INLINE VS32 FixedTanh(const kernels::HalfTable16& table, VS32 v) {
  const VS32 sign = hn::ShiftRight<31>(v);
  return hn::Sub(hn::Xor(LookUp(table, v), sign), sign);
}

void StepS8(const LstmS8& lstm, int32_t zero, const int32_t* x,
            const int32_t* h, int16_t* c, int8_t* hidden) {
  const kernels::LstmSize& s = lstm.size;
  const auto sum = [&](LstmGate gate) HWY_ATTR {
    return GateSum(lstm.input[gate], lstm.recurrent[gate], -(1 << 20), 1 << 20);
  };
  const GateSum gates[] = {sum(kInputGate), sum(kForgetGate), sum(kCellGate),
                           sum(kOutputGate)};
  const kernels::HalfTable16& logistic = kernels::LogisticTable16();
  const kernels::HalfTable16& tanh3 = kernels::TanhTable16(3);
  const kernels::HalfTable16& tanh = kernels::TanhTable16(lstm.cell_bits);
  const VectorDivideByPot keep(15), add(15 + lstm.cell_bits);
  const VectorMbqm to_hidden(lstm.hidden);
  const int32_t clip = lstm.cell_clip > 0 ? lstm.cell_clip : 32768;
  for (int k = 0; k < s.cells; k += kLanes) {
    const int n = std::min(kLanes, s.cells - k);
    const auto gate = [&](LstmGate which) HWY_ATTR {
      const size_t at = s.Offset(which) + static_cast<size_t>(k);
      return gates[which](x + at, h + at);
    };
    const VS32 f = FixedLogistic(logistic, gate(kForgetGate));
    const VS32 i = s.cifg ? hn::Sub(hn::Set(DS32(), 32767), f)
                          : FixedLogistic(logistic, gate(kInputGate));
    const VS32 g = FixedTanh(tanh3, gate(kCellGate));
    const VS32 kept = Wrap(keep(hn::Mul(f, LoadSome16(c + k, n))));
    const VS32 added = Wrap(add(hn::Mul(i, g)));
    const VS32 cell = Clamp(Clamp16(hn::Add(kept, added)), -clip, clip);
    StoreSome16(cell, n, c + k);
    const VS32 o = FixedLogistic(logistic, gate(kOutputGate));
    const VS32 y = to_hidden(hn::Mul(o, FixedTanh(tanh, cell)));
    StoreSome(WithZero<int8_t>(y, zero), n, hidden + k);
  }
}

// As GateSum, of int16 products.
struct Gate16Sum {
  HWY_INLINE VS32 operator()(const int16_t* x, const int16_t* h) const {
    const hn::Rebind<int16_t, DS32> narrow;
    const VS32 of_x = hn::PromoteTo(DS32(), hn::LoadU(narrow, x));
    const VS32 of_h = hn::PromoteTo(DS32(), hn::LoadU(narrow, h));
    return Clamp16(hn::Add(of_x, of_h));
  }
};

// A sigmoid of v * multiplier / 2^shift in the steps of its table.
Sigmoid16 StepsOf(Sigmoid16 f, int32_t multiplier, int shift) {
  f.multiplier = multiplier, f.shift = shift;
  return f;
}

template <typename T, typename Sums, class Gates>
void StepTflm(const LstmTflm& lstm, const Gates& gates, const Sums* x,
              const Sums* h, int16_t* c, T* hidden) {
  const kernels::LstmSize& s = lstm.size;
  static const Sigmoid16 of_logistic{kernels::Logistic16(0x1p-12f)};
  static const Sigmoid16 of_tanh{kernels::Tanh16(0x1p-12f)};
  const int shift = lstm.cell_shift;
  const VectorSigmoid<false> logistic(of_logistic);
  const VectorSigmoid<true> tanh3(StepsOf(of_tanh, 3, 0));
  const VectorSigmoid<true> tanh(
      StepsOf(of_tanh, shift >= 0 ? 3 << shift : 3, std::max(-shift, 0)));
  const VectorMbqm forget(lstm.forget), update(lstm.update),
      to_hidden(lstm.hidden);
  const int32_t clip = lstm.cell_clip > 0 ? lstm.cell_clip : 32768;
  for (int k = 0; k < s.cells; k += kLanes) {
    const int n = std::min(kLanes, s.cells - k);
    const auto gate = [&](LstmGate which) HWY_ATTR {
      const size_t at = s.Offset(which) + static_cast<size_t>(k);
      return gates[which](x + at, h + at);
    };
    const VS32 f = logistic.Apply(gate(kForgetGate));
    const VS32 i = logistic.Apply(gate(kInputGate));
    const VS32 g = tanh3.Apply(gate(kCellGate));
    const VS32 kept = Clamp16(forget(hn::Mul(f, LoadSome16(c + k, n))));
    const VS32 added = Clamp16(update(hn::Mul(i, g)));
    const VS32 cell = Clamp(Clamp16(hn::Add(kept, added)), -clip, clip);
    StoreSome16(cell, n, c + k);
    const VS32 o = logistic.Apply(gate(kOutputGate));
    const VS32 y = to_hidden(hn::Mul(tanh.Apply(cell), o));
    StoreSome(WithZero<T>(y, lstm.output_zero), n, hidden + k);
  }
}

void StepTflm8(const LstmTflm& lstm, const int32_t* x, const int32_t* h,
               int16_t* c, int8_t* hidden) {
  const auto sum = [&](LstmGate gate) HWY_ATTR {
    return GateSum(lstm.input[gate], lstm.recurrent[gate], -32768, 32767);
  };
  const GateSum gates[] = {sum(kInputGate), sum(kForgetGate), sum(kCellGate),
                           sum(kOutputGate)};
  StepTflm<int8_t>(lstm, gates, x, h, c, hidden);
}

void StepTflm16(const LstmTflm& lstm, const int16_t* x, const int16_t* h,
                int16_t* c, int16_t* hidden) {
  const Gate16Sum gates[kernels::kLstmGates];
  StepTflm<int16_t>(lstm, gates, x, h, c, hidden);
}

#endif  // HWY_SCALAR

}  // namespace
// NOLINTNEXTLINE(google-readability-namespace-comments)
}  // namespace HWY_NAMESPACE
}  // namespace litesmith
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace litesmith {

HWY_EXPORT(HasStep);
HWY_EXPORT(StepS8);
HWY_EXPORT(StepTflm8);
HWY_EXPORT(StepTflm16);

namespace kernels {

bool HasLstmStep() { return HWY_DYNAMIC_DISPATCH(HasStep)(); }

void LstmStepS8(const LstmS8& lstm, int32_t zero, const int32_t* x,
                const int32_t* h, int16_t* c, int8_t* hidden) {
  HWY_DYNAMIC_DISPATCH(StepS8)(lstm, zero, x, h, c, hidden);
}

void LstmStepTflm(const LstmTflm& lstm, const int32_t* x, const int32_t* h,
                  int16_t* c, int8_t* hidden) {
  HWY_DYNAMIC_DISPATCH(StepTflm8)(lstm, x, h, c, hidden);
}

void LstmStepTflm(const LstmTflm& lstm, const int16_t* x, const int16_t* h,
                  int16_t* c, int16_t* hidden) {
  HWY_DYNAMIC_DISPATCH(StepTflm16)(lstm, x, h, c, hidden);
}

}  // namespace kernels
}  // namespace litesmith
#endif  // HWY_ONCE
