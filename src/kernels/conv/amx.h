// Convolutions of bytes by the matrix unit of some x86-64 machines (AMX): a
// tile of 16 windows' words times a tile of 16 output channels' weights in one
// instruction. Image and weights are packed as for the dot products of bytes
// (VNNI), and the sums are the same.
#ifndef LITESMITH_KERNELS_CONV_AMX_H_
#define LITESMITH_KERNELS_CONV_AMX_H_

#include "src/kernels/conv/simd.h"

namespace litesmith {

// Whether this machine has it, and the system lets this process use it, for
// which the first call asks.
bool HasAmx();

// How many windows and words a tile holds. Zero where a convolution cannot be
// cut into such, or it would not pay.
struct AmxTiles {
  int windows = 0;
  int words = 0;
};
AmxTiles ChooseAmxTiles(const PackedConv& packed);

}  // namespace litesmith

#endif  // LITESMITH_KERNELS_CONV_AMX_H_
