// The packing of convolution weights, the same for every SIMD target but for
// the number of lanes.
#ifndef LITESMITH_KERNELS_CONV_2D_PACK_H_
#define LITESMITH_KERNELS_CONV_2D_PACK_H_

#include "src/kernels/conv_2d_simd.h"

namespace litesmith {

// Windows that the kernels take at a time, at most.
inline constexpr int kMaxConvTile = 8;

// Fills everything but `run`; false where accumulators or requantization leave
// what the vectors can hold. `lanes` 32-bit lanes; `vnni`: bytes stay bytes
// (x + 128), else they become int16 (x - zero point).
bool PackConvCommon(const ConvSpec& spec, int lanes, bool vnni,
                    PackedConv* packed);

}  // namespace litesmith

#endif  // LITESMITH_KERNELS_CONV_2D_PACK_H_
