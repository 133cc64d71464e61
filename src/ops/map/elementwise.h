// What unary and binary ops share: how much of them one sample is, their
// versions in files.
#ifndef LITESMITH_OPS_MAP_ELEMENTWISE_H_
#define LITESMITH_OPS_MAP_ELEMENTWISE_H_

#include "src/graph/op_def.h"
#include "src/kernels/common/fixed_point.h"

namespace litesmith {

// The fixed-point form of a ratio of scales, which must be one that Mbqm takes.
// Throws Error{unsupported} naming the tensors `from` and `to`.
FixedMultiplier RatioOfScales(double ratio, const Tensor& from,
                              const Tensor& to);
// Of their own scales, divided in float32.
FixedMultiplier RatioOfScales(const Tensor& from, const Tensor& to);

// The zero point of a tensor of one scale.
int32_t ZeroOf(const Tensor& tensor);

// 1 for floats, 2 for 8-bit, 3 for 16-bit integers (specs/tflite.md 1.5).
int ElementwiseVersion(const Graph& graph, const Node& node);

}  // namespace litesmith

#endif  // LITESMITH_OPS_MAP_ELEMENTWISE_H_
