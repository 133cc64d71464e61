// What ops share that compute each row, a run along the last dimension, by
// itself.
#ifndef LITESMITH_OPS_MAP_ROWS_H_
#define LITESMITH_OPS_MAP_ROWS_H_

#include <cstdint>

#include "src/graph/op_def.h"

namespace litesmith {

// How many rows a sample has, and of how many values. Throws Error{unsupported}
// where the only dimension is the batch.
struct Rows {
  explicit Rows(const PrepareContext& context);
  int64_t depth;
  int64_t per_sample;
};

inline constexpr Operand kRowOperands[] = {{.name = "x"}};

// The output is of the input's shape, which has a last dimension that is not
// the batch, and type, one that a row of the op's kernels has. Where integer
// outputs have one scale (kFixed), they have it. Throws Error.
void InferRows(Graph* graph, const Node& node);
// Throws Error{unsupported} where a row has more values than fit its sum.
void CheckDepth(const Tensor& x, int64_t most);

}  // namespace litesmith

#endif  // LITESMITH_OPS_MAP_ROWS_H_
