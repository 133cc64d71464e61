// The packing of depthwise weights, the same for every SIMD target but for the
// number of lanes; and the kernels by kind of numbers, a source each.
#ifndef LITESMITH_KERNELS_DEPTHWISE_PACK_H_
#define LITESMITH_KERNELS_DEPTHWISE_PACK_H_

#include "src/kernels/depthwise/simd.h"

namespace litesmith {

// Vectors of outputs that the kernels take at a time, at most; twice as many of
// floats.
inline constexpr int kDepthwiseTile = 4;

// Fills everything but `run` and `vnni`; false where accumulators or
// requantization leave what the vectors can hold.
bool PackDepthwiseCommon(const DepthwiseSpec& spec, int lanes,
                         PackedDepthwise* packed);

// Each sets packed->run, for the best target of this machine.
void ChooseDepthwiseFloat(PackedDepthwise* packed);
void ChooseDepthwiseS8(PackedDepthwise* packed);
void ChooseDepthwiseS16(PackedDepthwise* packed);
void ChooseDepthwiseHybrid(PackedDepthwise* packed);

}  // namespace litesmith

#endif  // LITESMITH_KERNELS_DEPTHWISE_PACK_H_
