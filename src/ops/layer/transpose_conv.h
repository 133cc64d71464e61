// TRANSPOSE_CONV's attributes and kernels.
#ifndef LITESMITH_OPS_LAYER_TRANSPOSE_CONV_H_
#define LITESMITH_OPS_LAYER_TRANSPOSE_CONV_H_

#include <cstdint>

#include "src/base/dtype.h"
#include "src/graph/attrs.h"
#include "src/graph/op_def.h"

namespace litesmith {

// Inputs: output_shape [4], filter [O,kh,kw,I], x [N,H,W,I], optional bias [O].
// Output [N,H',W',O], where H' and W' are output_shape's: pixel (i, j) of x
// adds its products with tap (a, b) to (i * stride_h - pad + a, ...).
struct TransposeConvAttrs {
  Padding padding = kSame;
  int32_t stride_w = 0;
  int32_t stride_h = 0;
  Activation activation = kNone;
  DType quantized_bias_type = DType::kFloat32;  // kFloat32: by the input's
};

template <>
inline constexpr auto kAttrs<TransposeConvAttrs> = AttrList({
    Attr<&TransposeConvAttrs::padding>("padding", 0),
    Attr<&TransposeConvAttrs::stride_w>("stride_w", 1),
    Attr<&TransposeConvAttrs::stride_h>("stride_h", 2),
    Attr<&TransposeConvAttrs::activation>("fused_activation_function", 3),
    Attr<&TransposeConvAttrs::quantized_bias_type>("quantized_bias_type", 4),
});

// The kernel for the node's types: reference; SIMD, or the reference where
// SIMD cannot give its result.
KernelPtr MakeTransposeConvTrain(const PrepareContext& context);
KernelPtr MakeTransposeConvReference(const PrepareContext& context);
KernelPtr MakeTransposeConvSimd(const PrepareContext& context);

}  // namespace litesmith

#endif  // LITESMITH_OPS_LAYER_TRANSPOSE_CONV_H_
