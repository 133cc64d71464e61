// Sparse constants of a .tflite file (specs/tflite.md 6.1): the levels of a
// tree of which the leaves are the stored values.
#ifndef LITESMITH_FORMATS_TFLITE_SPARSE_H_
#define LITESMITH_FORMATS_TFLITE_SPARSE_H_

#include <cstdint>
#include <vector>

#include "src/graph/graph.h"

namespace litesmith {

// A level, in the order of traversal.
struct SparseLevel {
  bool compressed = false;
  int32_t dense_size = 0;
  // Of a compressed level: those of parent p are indices[segments[p]] up to
  // segments[p + 1], not included.
  std::vector<int32_t> segments;
  std::vector<int32_t> indices;
};

struct SparseValues {
  std::vector<SparseLevel> levels;
  std::vector<std::byte> values;
};

// All values of a tensor of this shape, whose elements have `element_bytes`;
// zeros where none is stored. `how` is the tensor's form. Throws
// Error{corrupt}.
TensorData Densify(const Storage& how, const std::vector<SparseLevel>& levels,
                   const Shape& shape, size_t element_bytes,
                   const TensorData& values);

// The other way: what of the tensor's data is stored in its form. A block (or
// an element, if there are no blocks) of zero bytes is left out.
SparseValues Sparsify(const Tensor& tensor);

}  // namespace litesmith

#endif  // LITESMITH_FORMATS_TFLITE_SPARSE_H_
