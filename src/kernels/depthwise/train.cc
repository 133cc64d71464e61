// Plans images and taps for the inner loops of train_micro.h.
#include "src/kernels/depthwise/train.h"

#include <algorithm>

#include "src/kernels/common/aligned_floats.h"
#include "src/kernels/common/padded_image.h"
#include "src/kernels/conv/train_micro.h"

namespace litesmith::kernels {

TrainDepthwise::TrainDepthwise(const Window& window, FloatRange range)
    : window_(window), range_(range), micro_(&GetDepthwiseMicro()) {
  const Window& g = window;
  const PaddedImage padded = PaddedImageOf(g, g.out_c);
  copies_ = padded.h != g.in_h || padded.w != g.in_w || g.out_c != g.in_c;
  line_ = padded.w * g.out_c;
  copy_floats_ = copies_ ? static_cast<size_t>(padded.elements) : 0;
  plan_.channels = g.out_c;
  plan_.rows = g.out_h, plan_.columns = g.out_w;
  plan_.row = g.stride_h * line_;
  plan_.step = ptrdiff_t{g.stride_w} * g.out_c;
  for (int ky = 0; ky < g.filter_h; ++ky) {
    for (int kx = 0; kx < g.filter_w; ++kx) {
      plan_.taps.push_back(ky * g.dilation_h * line_ +
                           ptrdiff_t{kx} * g.dilation_w * g.out_c);
    }
  }
  // The image, its gradient, and that of the outputs.
  workspace_floats_ = 2 * RoundUp16(copy_floats_) +
                      (range_.IsNone() ? 0 : static_cast<size_t>(g.out_size()));
}

const float* TrainDepthwise::PadInput(const float* x, float* copy) const {
  if (!copies_) return x;
  const Window& g = window_;
  const int multiplier = g.out_c / g.in_c;
  float* row = copy + g.pad_top * line_ + ptrdiff_t{g.pad_left} * g.out_c;
  const ptrdiff_t in_row = ptrdiff_t{g.in_w} * g.in_c;
  for (int y = 0; y < g.in_h; ++y, row += line_, x += in_row) {
    if (multiplier == 1) {
      std::copy_n(x, in_row, row);
      continue;
    }
    float* to = row;
    for (ptrdiff_t i = 0; i < in_row; ++i)
      to = std::fill_n(to, multiplier, x[i]);
  }
  return copy;
}

void TrainDepthwise::TakeInputGradient(const float* copy, float* dx) const {
  const Window& g = window_;
  const int multiplier = g.out_c / g.in_c;
  const float* row = copy + g.pad_top * line_ + ptrdiff_t{g.pad_left} * g.out_c;
  const ptrdiff_t in_row = ptrdiff_t{g.in_w} * g.in_c;
  for (int y = 0; y < g.in_h; ++y, row += line_, dx += in_row) {
    if (multiplier == 1) {
      std::copy_n(row, in_row, dx);
      continue;
    }
    const float* from = row;
    for (ptrdiff_t i = 0; i < in_row; ++i, from += multiplier) {
      float sum = from[0];
      for (int k = 1; k < multiplier; ++k) sum += from[k];
      dx[i] = sum;
    }
  }
}

void TrainDepthwise::Forward(int batch, const float* x, const float* w,
                             const float* bias, float* y,
                             float* workspace) const {
  std::fill_n(workspace, copy_floats_, 0.0f);
  for (int n = 0; n < batch; ++n) {
    micro_->forward(plan_, PadInput(x, workspace), w, bias, range_.low,
                    range_.high, y);
    x += window_.in_size();
    y += window_.out_size();
  }
}

void TrainDepthwise::Backward(int batch, const float* x, const float* w,
                              const float* y, const float* dy, float* dx,
                              float* dw, float* db, float* workspace) const {
  const int64_t in_size = window_.in_size();
  const int64_t out_size = window_.out_size();
  float* copy = workspace;
  float* copy_gradient = copy + RoundUp16(copy_floats_);
  float* masked = copy_gradient + RoundUp16(copy_floats_);
  std::fill_n(copy, copy_floats_, 0.0f);
  for (int n = 0; n < batch; ++n, x += in_size, y += out_size, dy += out_size) {
    const float* g = dy;
    if (!range_.IsNone()) {
      GetConvMicro().mask(dy, y, static_cast<size_t>(out_size), range_.low,
                          range_.high, masked);
      g = masked;
    }
    if (dw != nullptr)
      micro_->weight_gradient(plan_, PadInput(x, copy), g, n > 0, dw);
    if (db != nullptr) micro_->bias_gradient(plan_, g, n > 0, db);
    if (dx == nullptr) continue;
    float* to = copies_ ? copy_gradient : dx;
    std::fill_n(to, copies_ ? static_cast<int64_t>(copy_floats_) : in_size,
                0.0f);
    micro_->input_gradient(plan_, g, w, to);
    if (copies_) TakeInputGradient(copy_gradient, dx);
    dx += in_size;
  }
}

}  // namespace litesmith::kernels
