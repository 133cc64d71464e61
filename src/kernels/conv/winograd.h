// Convolutions of 3x3 windows of stride 1 by Winograd's F(2x2, 3x3), as packed
// weights: a tile of 2x2 outputs takes 16 products a pair of channels in place
// of 36,
//
//   Y = A^T [(G g G^T) * (B^T d B)] A,   summed over channels before A
//
// of a patch d of 4x4 pixels and a filter g. Integers take 4 G g G^T, which is
// whole, and are exact: sums may wrap, their end is the true accumulator times
// four. Floats round differently than plain sums do, by some parts in 10^7.
#ifndef LITESMITH_KERNELS_CONV_WINOGRAD_H_
#define LITESMITH_KERNELS_CONV_WINOGRAD_H_

#include "src/kernels/conv/simd.h"

namespace litesmith {

// Tiles that are transformed at a time.
inline constexpr int kWinogradTiles = 16;

// Whether it pays: a 3x3 window of stride 1, channels that fill vectors, and
// floats that need not have the reference's bits, or bytes on a machine without
// a dot product of bytes.
bool FitsWinograd(const ConvSpec& spec, int lanes, bool vnni);

// Weights [16][blocks][words][lanes] and the workspace.
void PackWinograd(const ConvSpec& spec, PackedConv* packed);

}  // namespace litesmith

#endif  // LITESMITH_KERNELS_CONV_WINOGRAD_H_
