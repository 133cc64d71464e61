// Convolutions of 3x3 windows of stride 1 by Winograd's F(2x2, 3x3) or
// F(4x4, 3x3), as packed weights. A tile of 2x2 outputs takes 16 products a
// pair of channels in place of 36, a tile of 4x4 takes 36 in place of 144:
//
//   Y = A^T [(G g G^T) * (B^T d B)] A,   summed over channels before A
//
// of a patch d of 4x4 or 6x6 pixels and a filter g. What follows is of the
// transform for points 0, a, -a, b, -b and infinity, of which F(2) has the
// first three with a = 1.
//
// Integers (a = 1, b = 2) take G times 2, or 24, which is whole, and are exact:
// sums may wrap, their end is the true accumulator times 4, or 576 = 9 * 64; an
// odd factor has an inverse modulo 2^32, and a power of two is shifted out.
// Floats (a = 3/4, b = 3/2, which round least) differ from plain sums by some
// parts in 10^7, or 10^6.
#ifndef LITESMITH_KERNELS_CONV_WINOGRAD_H_
#define LITESMITH_KERNELS_CONV_WINOGRAD_H_

#include "src/kernels/conv/simd.h"

namespace litesmith {

// Floats' a and b.
inline constexpr float kWinogradA = 0.75f, kWinogradB = 1.5f;

// Outputs a side of the tiles that pay, 4 or 2, else 0. They pay for a 3x3
// window of stride 1, channels that fill vectors, and floats that need not have
// the reference's bits, or bytes on a machine without a dot product of bytes.
int ChooseWinogradTile(const ConvSpec& spec, int lanes, bool vnni);

// Bytes between the planes of two positions, so that they do not share a few
// sets of the cache.
inline constexpr size_t kWinogradApart = 64;

// Weights [positions][blocks][words][lanes], the size of the image's copy and
// the first part of the workspace.
void PackWinograd(const ConvSpec& spec, int tile, PackedConv* p);

}  // namespace litesmith

#endif  // LITESMITH_KERNELS_CONV_WINOGRAD_H_
