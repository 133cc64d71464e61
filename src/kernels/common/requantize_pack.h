// Requantization prepared for vectors: the fixed-point methods of requantize.h
// as one product, one sum and one shift in 64 bits,
//
//   y = clamp(((acc * multiplier + add) >> shift) + zero_point)
//
// which is exact. MBQM with multiplier m and right shift n rounds twice:
// h = (acc * m + 2^30) >> 31, then (h + 2^(n-1) - (h < 0)) >> n. Floors of
// floors are one floor, so that is (acc * m + 2^30 + 2^(30+n) - (acc < 0) 2^31)
// >> (31 + n); for acc < 0 <= h both give 0. Where the clamp begins at the zero
// point (a ReLU), the term for acc < 0 changes nothing.
#ifndef LITESMITH_KERNELS_COMMON_REQUANTIZE_PACK_H_
#define LITESMITH_KERNELS_COMMON_REQUANTIZE_PACK_H_

#include <cstdint>
#include <span>

#include "src/kernels/common/packed_buffer.h"
#include "src/kernels/common/requantize.h"

namespace litesmith {

enum class RequantForm : uint8_t {
  kPlain,  // without the term for acc < 0
  kSigned,
  kLeft,  // signed, and accumulators are shifted left before
};

// Arrays of 64 bits hold the even lanes of each vector first, then the odd
// ones.
struct PackedRequantizer {
  RequantForm form = RequantForm::kPlain;
  PackedBuffer multiplier;  // int32
  // uint64: with 2^62 more, so that a logical shift will do.
  PackedBuffer add;
  // uint64: at least 32, and for odd lanes 32 less, as their results are wanted
  // in the upper half.
  PackedBuffer shift;
  PackedBuffer subtract;  // int32: what became of the 2^62, less zero_point
  PackedBuffer sign;      // uint64: 2^31 where acc < 0 has its term
  PackedBuffer left;      // int32
  int32_t lo = 0;
  int32_t hi = 0;
};

// Packs kMbqm or kMbqm64 for accumulators of channel o in
// [-bounds[o], bounds[o]] and vectors of `lanes` channels, `vectors` of them.
// False where 64 bits do not hold it, or the exact function wraps.
bool PackRequantizer(const Requantizer& exact, std::span<const int64_t> bounds,
                     int lanes, int vectors, PackedRequantizer* packed);

}  // namespace litesmith

#endif  // LITESMITH_KERNELS_COMMON_REQUANTIZE_PACK_H_
