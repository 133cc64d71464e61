// Requantization prepared for vectors: the fixed-point methods of requantize.h
// as one multiplication in float64,
//
//   y = clamp(rne(acc * multiplier + offset))
//
// which is exact. With M the real value of the fixed-point multiplier and n its
// right shift, MBQM's two roundings are floor(acc * M + 1/2 +- 2^-(n+1)), plus
// for acc >= 0 and minus below; MBQM64 is floor(acc * M + 1/2). An offset that
// is larger than that by half of the product's last place turns the floor into
// rounding to nearest, as no tie is left; it holds the zero point, too.
#ifndef LITESMITH_KERNELS_REQUANTIZE_PACK_H_
#define LITESMITH_KERNELS_REQUANTIZE_PACK_H_

#include <cstdint>
#include <span>

#include "src/kernels/packed_buffer.h"
#include "src/kernels/requantize.h"

namespace litesmith {

struct PackedRequantizer {
  // All double, one an output channel.
  PackedBuffer multiplier;
  PackedBuffer offset;           // for acc >= 0, or for all acc
  PackedBuffer negative_offset;  // for acc < 0
  // Whether the two differ where the clamp does not hide it.
  bool is_signed = false;
  int32_t lo = 0;
  int32_t hi = 0;
};

// Packs kMbqm or kMbqm64 for accumulators of channel o in
// [-bounds[o], bounds[o]], with zeros up to `padded` channels. False where
// float64 cannot give the exact result, or the exact function wraps.
bool PackRequantizer(const Requantizer& exact, std::span<const int64_t> bounds,
                     int padded, PackedRequantizer* packed);

}  // namespace litesmith

#endif  // LITESMITH_KERNELS_REQUANTIZE_PACK_H_
