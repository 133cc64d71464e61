// The attributes of the pooling ops.
#ifndef LITESMITH_OPS_POOL_POOL_2D_H_
#define LITESMITH_OPS_POOL_POOL_2D_H_

#include <cstdint>

#include "src/graph/attrs.h"
#include "src/graph/op_def.h"
#include "src/kernels/common/window.h"

namespace litesmith {

// Input: x [N,H,W,C].
struct Pool2DAttrs {
  Padding padding = kSame;
  int32_t stride_w = 0;
  int32_t stride_h = 0;
  int32_t filter_w = 0;
  int32_t filter_h = 0;
  Activation activation = kNone;
};

template <>
inline constexpr auto kAttrs<Pool2DAttrs> = AttrList({
    Attr<&Pool2DAttrs::padding>("padding", 0),
    Attr<&Pool2DAttrs::stride_w>("stride_w", 1),
    Attr<&Pool2DAttrs::stride_h>("stride_h", 2),
    Attr<&Pool2DAttrs::filter_w>("filter_width", 3),
    Attr<&Pool2DAttrs::filter_h>("filter_height", 4),
    Attr<&Pool2DAttrs::activation>("fused_activation_function", 5),
});

// The geometry of a pool of bound shapes.
Window PoolWindow(const PrepareContext& context);

}  // namespace litesmith

#endif  // LITESMITH_OPS_POOL_POOL_2D_H_
