// The packing of a dense layer, the same for every SIMD target but for the
// size of a vector.
#ifndef LITESMITH_KERNELS_DENSE_PACK_H_
#define LITESMITH_KERNELS_DENSE_PACK_H_

#include "src/kernels/dense/simd.h"

namespace litesmith {

// Outputs of a group.
inline constexpr int kDenseGroup = 4;

// Of lanes-inl.h.
inline constexpr int kDenseLanes = 8;

// Whether its products are exact.
bool FitsDenseLanes(const DenseSpec& spec);

// Fills everything but `run`. A vector holds `elements` of x; `rows` rows are
// computed at a time; `vnni`: bytes of x count as x + 128; `lanes`: by
// lanes-inl.h.
void PackDenseCommon(const DenseSpec& spec, int elements, int rows, bool vnni,
                     bool lanes, PackedDense* packed);

}  // namespace litesmith

#endif  // LITESMITH_KERNELS_DENSE_PACK_H_
