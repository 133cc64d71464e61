// The packing of a dense layer, the same for every SIMD target but for the
// size of a vector.
#ifndef LITESMITH_KERNELS_DENSE_PACK_H_
#define LITESMITH_KERNELS_DENSE_PACK_H_

#include "src/kernels/dense/simd.h"

namespace litesmith {

// Outputs of a group.
inline constexpr int kDenseGroup = 4;

// Whether products by magnitudes (lanes-inl.h) are exact.
bool FitsDenseLanes(const DenseSpec& spec);
// Whether `lanes` outputs at a time take less than dot products along the
// depth, `elements` of x at a time, whose lanes are added at the end.
bool PrefersDenseLanes(const DenseSpec& spec, int lanes, int elements);

// How many vectors of outputs, from number `v` of `vectors` on, a group has: 8
// at the most, all groups about as many.
inline int DenseLaneGroup(int vectors, int v) {
  const int left = vectors - v;
  const int groups = (left + 7) / 8;
  return (left + groups - 1) / groups;
}

// Fills everything but `run`. A vector holds `elements` of x; `rows` rows are
// computed at a time; `vnni`: bytes of x count as x + 128; `lanes`: so many
// outputs in a vector, by lanes-inl.h, or 0.
void PackDenseCommon(const DenseSpec& spec, int elements, int rows, bool vnni,
                     int lanes, PackedDense* packed);

}  // namespace litesmith

#endif  // LITESMITH_KERNELS_DENSE_PACK_H_
