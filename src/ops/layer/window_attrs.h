// What a convolution's node says of its windows, whatever its filters are:
// checks, output shape and geometry. Filters have their height and width in
// dimensions 1 and 2.
#ifndef LITESMITH_OPS_LAYER_WINDOW_ATTRS_H_
#define LITESMITH_OPS_LAYER_WINDOW_ATTRS_H_

#include <cstdint>

#include "src/graph/op_def.h"
#include "src/kernels/common/window.h"

namespace litesmith {

struct WindowAttrs {
  Padding padding;
  int32_t stride_h, stride_w;
  int32_t dilation_h, dilation_w;
};

// Of a struct of attributes that has these members.
template <class Attrs>
WindowAttrs WindowAttrsOf(const Node& node) {
  const auto a = Get<Attrs>(node);
  return {a.padding, a.stride_h, a.stride_w, a.dilation_h, a.dilation_w};
}

// Ranks and sizes of input and filter, strides, dilations, padding. Throws
// Error{corrupt}.
void CheckWindow(const WindowAttrs& attrs, const Tensor& x,
                 const Tensor& filter);

// [N,H',W',channels]. Throws Error{corrupt} where there is no window, or too
// much of it.
Shape WindowOutputShape(const WindowAttrs& attrs, const Shape& x,
                        const Shape& filter, int32_t channels);

// The geometry of bound shapes, for filters of `filter_c` input channels.
Window WindowOf(const WindowAttrs& attrs, const PrepareContext& context,
                int filter_c);

}  // namespace litesmith

#endif  // LITESMITH_OPS_LAYER_WINDOW_ATTRS_H_
