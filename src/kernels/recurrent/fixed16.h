// The logistic function and tanh of int16 values in gemmlowp's 16-bit fixed
// point, as the gates of LiteRT's integer LSTM compute them (specs/ops.md 9.2),
// and tables of them: an LSTM asks five times a cell and step. Exact to the
// bit. Outputs are in steps of 2^-15.
#ifndef LITESMITH_KERNELS_RECURRENT_FIXED16_H_
#define LITESMITH_KERNELS_RECURRENT_FIXED16_H_

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>

namespace litesmith::kernels {

inline int32_t Saturate16(int32_t v) { return std::clamp(v, -32768, 32767); }

// 1 / (1 + e^-v) of v in steps of 2^-12.
int32_t FixedLogistic16(int32_t v);
// tanh of v in steps of 2^(integer_bits - 15), 0 to kMaxTanhBits of these.
int32_t FixedTanh16(int32_t v, int integer_bits);
inline constexpr int kMaxTanhBits = 6;

// One of both functions for 0 .. 32768, from where symmetry gives the rest; and
// one value more, as vectors look up 32 bits.
using HalfTable16 = std::array<int16_t, 32770>;
// Made when they are first asked for; any thread may ask.
const HalfTable16& LogisticTable16();
const HalfTable16& TanhTable16(int integer_bits);

inline int32_t LookLogistic16(const HalfTable16& table, int32_t v) {
  const int32_t y = table[static_cast<size_t>(std::abs(v))];
  return v < 0 ? 32767 - y : y;
}
inline int32_t LookTanh16(const HalfTable16& table, int32_t v) {
  const int32_t y = table[static_cast<size_t>(std::abs(v))];
  return v < 0 ? -y : y;
}

}  // namespace litesmith::kernels

#endif  // LITESMITH_KERNELS_RECURRENT_FIXED16_H_
