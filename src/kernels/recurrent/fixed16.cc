// exp by a polynomial and by the bits of its argument, the quotient by Newton's
// method.
#include "src/kernels/recurrent/fixed16.h"

#include "src/kernels/common/fixed_point.h"

namespace litesmith::kernels {
namespace {

// (a * b) / 2^15; ties go up. |a|, |b| < 2^15 here.
int32_t Mul15(int32_t a, int32_t b) { return (a * b + (1 << 14)) >> 15; }

// e^a of a <= 0 with `bits` integer bits, 0 .. 7: a = -rem + rest with rest in
// [-1/4, 0), by a polynomial about -1/8, and rem by its bits.
int32_t Exp16(int32_t a, int bits) {
  if (a == 0) return 32767;
  const int fraction = 15 - bits;
  const int32_t quarter = 1 << (fraction - 2);
  const int32_t below = (a & (quarter - 1)) - quarter;
  const int32_t rem = below - a;
  const int32_t t = below * (1 << bits) + 4096;  // in [-2^12, 2^12)
  const int32_t t2 = Mul15(t, t);
  const int32_t t3 = Mul15(t2, t);
  const int32_t t4 = Mul15(t2, t2);
  const int32_t sum = RoundingDivideByPot(
      Mul15(RoundingDivideByPot(t4, 2) + t3, 10923) + t2, 1);
  constexpr int32_t kExpMinusEighth = 28918;
  int32_t y = Saturate16(kExpMinusEighth + Mul15(kExpMinusEighth, t + sum));
  // e^-(2^k) in Q0.15, k from -2 on.
  constexpr int32_t kPowers[] = {25520, 19875, 12055, 4435, 600, 11, 0};
  for (int k = -2; k <= 4 && k < bits; ++k) {
    if ((rem & (1 << (fraction + k))) != 0) y = Mul15(y, kPowers[k + 2]);
  }
  if (bits > 5 &&
      a < RoundingDivideByPot(
              static_cast<int32_t>(-(int64_t{1} << (36 - bits))), 16)) {
    return 0;
  }
  return y;
}

// 2 / (1 + a) in Q2.13, less what Newton's method has left after three steps.
int32_t TwoOverOnePlus(int32_t a) {
  const int32_t half = (a + 32768) >> 1;
  int32_t x = 23130 + Mul15(half, -15420);
  for (int i = 0; i < 3; ++i) {
    const int32_t rest = 8192 - Mul15(half, x);
    x = static_cast<int16_t>(x + Saturate16(Mul15(x, rest) * 4));
  }
  return x;
}

template <class F>
const HalfTable16 MakeTable(const F& f) {
  HalfTable16 table{};
  for (int32_t v = 0; v <= 32768; ++v) {
    table[static_cast<size_t>(v)] = static_cast<int16_t>(f(-v));
  }
  return table;
}

template <int kBits>
const HalfTable16& TanhTableOf() {
  static const HalfTable16 table =
      MakeTable([](int32_t v) { return -FixedTanh16(v, kBits); });
  return table;
}

}  // namespace

int32_t FixedLogistic16(int32_t v) {
  if (v == 0) return 16384;
  const int32_t y = Saturate16(TwoOverOnePlus(Exp16(-std::abs(v), 3)) * 2);
  return v > 0 ? y : 32767 - y;
}

int32_t FixedTanh16(int32_t v, int integer_bits) {
  if (v == 0) return 0;
  const int32_t y = Saturate16(
      (TwoOverOnePlus(Exp16(-std::abs(v), integer_bits + 1)) - 8192) * 4);
  return v < 0 ? -y : y;
}

const HalfTable16& LogisticTable16() {
  static const HalfTable16 table = MakeTable(
      [](int32_t v) { return v == 0 ? 16384 : 32767 - FixedLogistic16(v); });
  return table;
}

const HalfTable16& TanhTable16(int integer_bits) {
  constexpr const HalfTable16& (*kTables[])() = {
      TanhTableOf<0>, TanhTableOf<1>, TanhTableOf<2>, TanhTableOf<3>,
      TanhTableOf<4>, TanhTableOf<5>, TanhTableOf<6>};
  static_assert(std::size(kTables) == kMaxTanhBits + 1);
  return kTables[integer_bits]();
}

}  // namespace litesmith::kernels
