// CONV_2D's attributes, and what fused kernels share with it.
#ifndef LITESMITH_OPS_LAYER_CONV_2D_H_
#define LITESMITH_OPS_LAYER_CONV_2D_H_

#include <cstdint>

#include "src/base/dtype.h"
#include "src/graph/attrs.h"
#include "src/graph/op_def.h"
#include "src/kernels/common/window.h"

namespace litesmith {

// Inputs: x [N,H,W,I], filter [O,kh,kw,I], bias [O]. Output [N,H',W',O].
struct Conv2DAttrs {
  Padding padding = kSame;
  int32_t stride_w = 0;
  int32_t stride_h = 0;
  Activation activation = kNone;
  int32_t dilation_w = 1;
  int32_t dilation_h = 1;
  DType quantized_bias_type = DType::kFloat32;  // kFloat32: by the input's
};

template <>
inline constexpr auto kAttrs<Conv2DAttrs> = AttrList({
    Attr<&Conv2DAttrs::padding>("padding", 0),
    Attr<&Conv2DAttrs::stride_w>("stride_w", 1),
    Attr<&Conv2DAttrs::stride_h>("stride_h", 2),
    Attr<&Conv2DAttrs::activation>("fused_activation_function", 3),
    Attr<&Conv2DAttrs::dilation_w>("dilation_w_factor", 4),
    Attr<&Conv2DAttrs::dilation_h>("dilation_h_factor", 5),
    Attr<&Conv2DAttrs::quantized_bias_type>("quantized_bias_type", 6),
});

// The geometry of a convolution of bound shapes.
Window ConvWindow(const PrepareContext& context);

// Whether it computes on floats, without groups.
bool IsPlainFloatConv(const PrepareContext& context);

// The kernel for the node's types: reference; SIMD, or the reference where
// SIMD cannot give its result; training.
KernelPtr MakeConv2DReference(const PrepareContext& context);
KernelPtr MakeConv2DSimd(const PrepareContext& context);
KernelPtr MakeConv2DTrain(const PrepareContext& context);

// SIMD with a fused 2x2 max pool of stride 2 if `pool_2x2`, or null. Weights
// and bias must be constants.
KernelPtr TryPrepareConv2DSimd(const PrepareContext& context, bool pool_2x2);

}  // namespace litesmith

#endif  // LITESMITH_OPS_LAYER_CONV_2D_H_
