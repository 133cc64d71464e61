// Constant operands that say where: axes, sizes, paddings.
#ifndef LITESMITH_OPS_INDICES_H_
#define LITESMITH_OPS_INDICES_H_

#include <cstdint>
#include <vector>

#include "src/graph/graph.h"
#include "src/graph/infer.h"

namespace litesmith {

// The numbers of a constant int32 or int64 tensor. Throws Error{unsupported} if
// it is computed, Error{corrupt} for another type; `what` is "axes".
std::vector<int64_t> ConstantIndices(const Tensor& tensor, const char* what);

// The one number of such a tensor.
int64_t ConstantIndex(const Tensor& tensor, const char* what);

// `axis` of `tensor` from 0 on; a negative one counts from the end. Throws
// Error{corrupt}.
int AxisOf(const Tensor& tensor, int64_t axis);

}  // namespace litesmith

#endif  // LITESMITH_OPS_INDICES_H_
