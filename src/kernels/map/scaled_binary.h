// Sums and products of int8 and int16 arrays with scales, on SIMD: ADD, SUB and
// MUL, to the reference's bit (ops/map/arithmetic.cc has its formulas).
//
// A sum takes MBQM of both inputs, which have `left` bits of fraction. Of
// d = x - zero and MBQM's multiplier m that is, without its second rounding,
//
//   (d * 2^left * m + 2^30) >> 31 = (d * m + 2^(k-1)) >> k,   k = 31 - left
//                                 = d * high + ((d * low + 2^(k-1)) >> k)
//
// where m = high * 2^k + low: 32 bits are enough for all of it. Of int16 k is
// 16, and both halves have 16 bits with a sign, but for the largest m, which
// have no kernel here.
#ifndef LITESMITH_KERNELS_MAP_SCALED_BINARY_H_
#define LITESMITH_KERNELS_MAP_SCALED_BINARY_H_

#include <cstdint>
#include <memory>

#include "src/kernels/common/requantize.h"
#include "src/kernels/common/requantize_pack.h"

namespace litesmith {

struct ScaledBinarySpec {
  bool product = false;  // (a - zero) * (b - zero), else the sum
  bool wide = false;     // int16, else int8
  int32_t a_zero = 0, b_zero = 0;
  // Of sums.
  int left = 0;
  FixedMultiplier a, b;
  bool subtract = false;  // b
  // Of the result: one multiplier.
  Requantizer requantizer;
};

// k of int16 values.
inline constexpr int kWideTermBits = 16;

// Of a sum: MBQM of one input.
struct ScaledTerm {
  int32_t high = 0, low = 0;
  int32_t add_low = 0, add = 0;  // the zero point's share, and what rounds
  int32_t low_bits = 1;          // k
  int32_t half = 0, bits = 0;    // of the second rounding
  bool subtract = false;
};

struct PackedBinary {
  ScaledTerm terms[2];
  int32_t zeros[2] = {};          // of products, and of sums in floats
  PackedRequantizer requantizer;  // of a vector
  // Of sums of int8 in floats, which take six tenths of the time, where they
  // were seen to be the reference's for all pairs.
  float factors[2] = {}, half = 0;
  int32_t zero_point = 0;
  void (*run)(const PackedBinary &, int constant, const void *a, const void *b,
              int64_t n, void *y) = nullptr;
};

// Null where vectors of 32 bits do not hold it, or a CPU without any SIMD
// target.
std::unique_ptr<const PackedBinary> PackScaledBinary(
    const ScaledBinarySpec &spec);

// y = f(a, b) of n elements; one of the steps may be 0: one element for all.
inline void RunScaledBinary(const PackedBinary &packed, const void *a,
                            int64_t step_a, const void *b, int64_t step_b,
                            int64_t n, void *y) {
  packed.run(packed, step_a == 0 ? 0 : step_b == 0 ? 1 : 2, a, b, n, y);
}

}  // namespace litesmith

#endif  // LITESMITH_KERNELS_MAP_SCALED_BINARY_H_
