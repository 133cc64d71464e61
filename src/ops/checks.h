// What several ops' infer functions check about shapes, dtypes and
// quantization of untrusted graphs. Every function throws Error.
#ifndef LITESMITH_OPS_CHECKS_H_
#define LITESMITH_OPS_CHECKS_H_

#include <cstdint>
#include <initializer_list>

#include "src/graph/graph.h"
#include "src/graph/op_def.h"

namespace litesmith {

// The tensor has this rank and no symbolic or zero dimension but the first
// (which may be symbolic, and zero).
void CheckRank(const Tensor& tensor, const char* what, int rank);
// One of the dtypes.
void CheckDType(const Tensor& tensor, const char* what,
                std::initializer_list<DType> allowed);
// The type of input 0 of some kernel row of the op.
void CheckKernelDType(const Tensor& tensor, const char* what, const OpDef& op);
// The dtype holds quantized values, and exactly one scale and a zero point in
// the dtype's range (0 for int16) are given.
void CheckPerTensorQuant(const Tensor& tensor, const char* what);
// The output of an op whose rule is kFixed, of the types int8, uint8 or int16,
// has that scale, within a thousandth as in the reference, and that zero point.
void CheckFixedQuant(const Tensor& out, const OpDef& op);
// As CheckPerTensorQuant, or one scale and zero point for each slice along the
// axis.
void CheckQuant(const Tensor& tensor, const char* what);
// Symmetric weights: one scale, or one a slice along the axis of their output
// channels. With one scale, weights of uint8 may have a zero point, and those
// of int8 if `zero_points`.
void CheckWeightQuant(const Tensor& weights, int channel_axis,
                      bool zero_points);
// A positive value that fits in 16 bits, as every real stride or filter does.
void CheckPositive(int64_t value, const char* what);
// The activation is one that the kernels know.
void CheckActivation(int64_t activation);
// The padding is SAME or VALID.
void CheckPadding(int64_t padding);

// quantized_bias_type of a file that does not say: the input's type decides.
inline constexpr DType kUnsetBiasType = DType::kFloat32;

// A layer of weights (CONV_2D, FULLY_CONNECTED): dtypes of x, weights, bias
// and `out`, bias shape [channels], and quantization of each. The operands are
// found by their roles, the channels are those of the weights' channel axis. A
// dense layer alone may have int8 weights with a zero point, and int16 weights.
// Sets the output's dtype.
void CheckLayerTypes(Graph* graph, const Node& node, DType quantized_bias_type,
                     bool dense = false);

// The number of outputs of a window along one dimension of size `in`; throws
// if there is none. `what` names the dimension.
int32_t CheckedWindowCount(int64_t padding, int64_t in, int64_t filter,
                           int64_t stride, int64_t dilation, const char* what);

}  // namespace litesmith

#endif  // LITESMITH_OPS_CHECKS_H_
