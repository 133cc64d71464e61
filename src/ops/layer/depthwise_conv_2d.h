// DEPTHWISE_CONV_2D's attributes and kernels.
#ifndef LITESMITH_OPS_LAYER_DEPTHWISE_CONV_2D_H_
#define LITESMITH_OPS_LAYER_DEPTHWISE_CONV_2D_H_

#include <cstdint>

#include "src/graph/attrs.h"
#include "src/graph/op_def.h"
#include "src/kernels/common/window.h"

namespace litesmith {

// Inputs: x [N,H,W,I], filter [1,kh,kw,I*m], bias [I*m]. Output
// [N,H',W',I*m]: channel i*m + k reads input channel i.
struct DepthwiseConv2DAttrs {
  Padding padding = kSame;
  int32_t stride_w = 0;
  int32_t stride_h = 0;
  int32_t depth_multiplier = 0;  // m; 0: what the shapes say
  Activation activation = kNone;
  int32_t dilation_w = 1;
  int32_t dilation_h = 1;
};

template <>
inline constexpr auto kAttrs<DepthwiseConv2DAttrs> = AttrList({
    Attr<&DepthwiseConv2DAttrs::padding>("padding", 0),
    Attr<&DepthwiseConv2DAttrs::stride_w>("stride_w", 1),
    Attr<&DepthwiseConv2DAttrs::stride_h>("stride_h", 2),
    Attr<&DepthwiseConv2DAttrs::depth_multiplier>("depth_multiplier", 3),
    Attr<&DepthwiseConv2DAttrs::activation>("fused_activation_function", 4),
    Attr<&DepthwiseConv2DAttrs::dilation_w>("dilation_w_factor", 5),
    Attr<&DepthwiseConv2DAttrs::dilation_h>("dilation_h_factor", 6),
});

// The geometry of bound shapes.
Window DepthwiseWindow(const PrepareContext& context);

// The kernel for the node's types: reference; SIMD, or the reference where
// SIMD cannot give its result; training.
KernelPtr MakeDepthwiseConv2DReference(const PrepareContext& context);
KernelPtr MakeDepthwiseConv2DSimd(const PrepareContext& context);
KernelPtr MakeDepthwiseConv2DTrain(const PrepareContext& context);

}  // namespace litesmith

#endif  // LITESMITH_OPS_LAYER_DEPTHWISE_CONV_2D_H_
