// The windows of convolutions, from a node's attributes and shapes.
#include "src/ops/layer/window_attrs.h"

#include "src/ops/checks.h"

namespace litesmith {

void CheckWindow(const WindowAttrs& attrs, const Tensor& x,
                 const Tensor& filter) {
  CheckRank(x, "input", 4);
  CheckRank(filter, "filter", 4);
  CheckPositive(filter.shape[1], "the filter's height");
  CheckPositive(filter.shape[2], "the filter's width");
  CheckPositive(attrs.stride_w, "stride_w");
  CheckPositive(attrs.stride_h, "stride_h");
  CheckPositive(attrs.dilation_w, "dilation_w_factor");
  CheckPositive(attrs.dilation_h, "dilation_h_factor");
  CheckPadding(attrs.padding);
}

Shape WindowOutputShape(const WindowAttrs& attrs, const Shape& x,
                        const Shape& filter, int32_t channels) {
  const int32_t h =
      CheckedWindowCount(attrs.padding, x[1], filter[1], attrs.stride_h,
                         attrs.dilation_h, "height");
  const int32_t w =
      CheckedWindowCount(attrs.padding, x[2], filter[2], attrs.stride_w,
                         attrs.dilation_w, "width");
  Shape shape{x[0], h, w, channels};
  (void)shape.NumElementsPerSample();  // throws if too large
  return shape;
}

Window WindowOf(const WindowAttrs& attrs, const PrepareContext& context,
                int filter_c) {
  const Shape& x = context.input(0).shape;
  const Shape& w = context.input(1).shape;
  const Shape& y = context.output().shape;
  Window g;
  g.in_h = x[1], g.in_w = x[2], g.in_c = x[3];
  g.filter_h = w[1], g.filter_w = w[2], g.filter_c = filter_c;
  g.stride_h = attrs.stride_h, g.stride_w = attrs.stride_w;
  g.dilation_h = attrs.dilation_h, g.dilation_w = attrs.dilation_w;
  g.out_h = y[1], g.out_w = y[2], g.out_c = y[3];
  if (attrs.padding == kSame) {
    g.pad_top = static_cast<int>(
        PaddingBefore(g.in_h, g.filter_h, g.stride_h, g.dilation_h, g.out_h));
    g.pad_left = static_cast<int>(
        PaddingBefore(g.in_w, g.filter_w, g.stride_w, g.dilation_w, g.out_w));
  }
  return g;
}

}  // namespace litesmith
