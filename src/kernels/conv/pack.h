// The packing of convolution weights, the same for every SIMD target but for
// the number of lanes.
#ifndef LITESMITH_KERNELS_CONV_PACK_H_
#define LITESMITH_KERNELS_CONV_PACK_H_

#include <cstddef>
#include <vector>

#include "src/kernels/conv/simd.h"

namespace litesmith {

// Windows that the kernels take at a time, at most.
inline constexpr int kMaxConvTile = 8;

// Weight number `from` as one element of `element_bytes` bytes.
void PutConvWeight(const ConvSpec& spec, int64_t from, int element_bytes,
                   std::byte* to);

// Whether gray-inl.h can do it, and in fewer vectors.
bool ConvFitsGray(const ConvSpec& spec, int lanes, int element_bytes);
// The same convolution with its channels repeated until they fill vectors.
ConvSpec RepeatChannels(const ConvSpec& spec, int lanes,
                        std::vector<std::byte>* weights);
// Weights and lookups of a convolution with repeated channels.
void PackGray(const ConvSpec& repeated, PackedConv* packed);

// Fills everything but `run`; false where accumulators or requantization leave
// what the vectors can hold. `lanes` 32-bit lanes; `vnni`: bytes stay bytes
// (x + 128), else they become int16 (x - zero point).
bool PackConvCommon(const ConvSpec& spec, int lanes, bool vnni,
                    PackedConv* packed);

}  // namespace litesmith

#endif  // LITESMITH_KERNELS_CONV_PACK_H_
