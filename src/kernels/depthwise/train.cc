// Plans images and taps for the inner loops of train_micro.h.
#include "src/kernels/depthwise/train.h"

#include <algorithm>
#include <utility>

#include "src/kernels/common/aligned_floats.h"
#include "src/kernels/common/padded_image.h"
#include "src/kernels/common/phases.h"
#include "src/kernels/conv/train_micro.h"

namespace litesmith::kernels {

TrainDepthwise::TrainDepthwise(const Window& window, FloatRange range)
    : window_(window), range_(range), micro_(&GetDepthwiseMicro()) {
  PlanForward();
  PlanInputGradient();
  wide_floats_ = window_.out_c == window_.in_c
                     ? 0
                     : static_cast<size_t>(window_.in_h) *
                           static_cast<size_t>(window_.in_w) *
                           static_cast<size_t>(window_.out_c);
  workspace_floats_ =
      RoundUp16(copy_floats_) + RoundUp16(g_floats_) + RoundUp16(wide_floats_);
}

void TrainDepthwise::PlanForward() {
  const Window& g = window_;
  const PaddedImage padded = PaddedImageOf(g, g.out_c);
  copies_ = padded.h != g.in_h || padded.w != g.in_w || g.out_c != g.in_c;
  line_ = padded.w * g.out_c;
  copy_floats_ = copies_ ? static_cast<size_t>(padded.elements) : 0;
  plan_.channels = g.out_c;
  plan_.rows = g.out_h, plan_.columns = g.out_w;
  plan_.row = g.stride_h * line_;
  plan_.step = ptrdiff_t{g.stride_w} * g.out_c;
  plan_.grid_row = ptrdiff_t{g.out_w} * g.out_c;
  plan_.grid_step = g.out_c;
  for (int ky = 0; ky < g.filter_h; ++ky) {
    for (int kx = 0; kx < g.filter_w; ++kx) {
      plan_.taps.push_back(
          {ky * g.dilation_h * line_ + ptrdiff_t{kx} * g.dilation_w * g.out_c,
           (ptrdiff_t{ky} * g.filter_w + kx) * g.out_c});
    }
  }
}

// dx[iy][ix] = sum of g[oy][ox] * w[ky][kx] over the taps with oy * stride +
// ky * dilation = iy + pad. The inputs of one phase, iy mod stride_h and ix mod
// stride_w, have the same taps, at fixed offsets in g.
void TrainDepthwise::PlanInputGradient() {
  const Window& g = window_;
  const auto y = PhasesOf(
      {g.in_h, g.out_h, g.pad_top, g.filter_h, g.stride_h, g.dilation_h});
  const auto x = PhasesOf(
      {g.in_w, g.out_w, g.pad_left, g.filter_w, g.stride_w, g.dilation_w});
  const ptrdiff_t row = ptrdiff_t{x.before + g.out_w + x.behind} * g.out_c;
  g_first_ = y.before * row + ptrdiff_t{x.before} * g.out_c;
  g_floats_ = static_cast<size_t>(y.before + g.out_h + y.behind) *
              static_cast<size_t>(row);
  for (const AxisPhase& of_y : y.phases) {
    for (const AxisPhase& of_x : x.phases) {
      Phase phase;
      phase.first = (ptrdiff_t{of_y.first} * g.in_w + of_x.first) * g.out_c;
      DepthwisePlan& plan = phase.plan;
      plan.channels = g.out_c;
      plan.rows = of_y.count, plan.columns = of_x.count;
      plan.row = row;
      plan.step = g.out_c;
      plan.grid_row = ptrdiff_t{g.stride_h} * g.in_w * g.out_c;
      plan.grid_step = ptrdiff_t{g.stride_w} * g.out_c;
      for (const AxisTap& ty : of_y.taps) {
        for (const AxisTap& tx : of_x.taps) {
          plan.taps.push_back(
              {ty.offset * row + ptrdiff_t{tx.offset} * g.out_c,
               (ptrdiff_t{ty.k} * g.filter_w + tx.k) * g.out_c});
        }
      }
      phases_.push_back(std::move(phase));
    }
  }
  weight_plan_ = plan_;
  weight_plan_.grid_row = row;
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

void TrainDepthwise::PadGradient(int image, const float* y, const float* dy,
                                 float* g,
                                 const GradientSource& gradient) const {
  const Window& w = window_;
  const ptrdiff_t out_row = ptrdiff_t{w.out_w} * w.out_c;
  float* to = g + g_first_;
  for (int oy = 0; oy < w.out_h; ++oy, to += weight_plan_.grid_row) {
    if (gradient) {
      gradient(static_cast<size_t>((image * w.out_h + oy) * w.out_w),
               static_cast<size_t>(w.out_w), to);
    } else if (!range_.IsNone()) {
      GetConvMicro().mask(dy + oy * out_row, y + oy * out_row,
                          static_cast<size_t>(out_row), range_.low, range_.high,
                          to);
    } else {
      std::copy_n(dy + oy * out_row, out_row, to);
    }
  }
}

void TrainDepthwise::InputGradient(const float* g, const float* w, float* dx,
                                   float* wide) const {
  float* to = wide_floats_ > 0 ? wide : dx;
  const FloatRange none;
  for (const Phase& phase : phases_) {
    micro_->forward(phase.plan, g + g_first_, w, nullptr, none.low, none.high,
                    to + phase.first);
  }
  if (wide_floats_ == 0) return;
  const int multiplier = window_.out_c / window_.in_c;
  for (int64_t i = 0; i < window_.in_size(); ++i, wide += multiplier) {
    float sum = wide[0];
    for (int k = 1; k < multiplier; ++k) sum += wide[k];
    dx[i] = sum;
  }
}

void TrainDepthwise::Forward(int batch, const float* x, const float* w,
                             const float* bias, float* y, float* workspace,
                             const OutputsMade& made) const {
  std::fill_n(workspace, copy_floats_, 0.0f);
  for (int n = 0; n < batch; ++n) {
    micro_->forward(plan_, PadInput(x, workspace), w, bias, range_.low,
                    range_.high, y);
    if (made) made(y, static_cast<size_t>(window_.out_h) * window_.out_w);
    x += window_.in_size();
    y += window_.out_size();
  }
}

void TrainDepthwise::Backward(int batch, const float* x, const float* w,
                              const float* y, const float* dy, float* dx,
                              float* dw, float* db, float* workspace,
                              const GradientSource& gradient) const {
  float* copy = workspace;
  float* g = copy + RoundUp16(copy_floats_);
  float* wide = g + RoundUp16(g_floats_);
  if (dw != nullptr) std::fill_n(copy, copy_floats_, 0.0f);
  std::fill_n(g, g_floats_, 0.0f);
  for (int n = 0; n < batch; ++n) {
    const int64_t out = n * window_.out_size();
    PadGradient(n, y + out, dy + out, g, gradient);
    const float* first = g + g_first_;
    if (dw != nullptr) {
      const float* image = PadInput(x + n * window_.in_size(), copy);
      micro_->weight_gradient(weight_plan_, image, first, n > 0, dw);
    }
    if (db != nullptr) micro_->bias_gradient(weight_plan_, first, n > 0, db);
    if (dx != nullptr) InputGradient(g, w, dx + n * window_.in_size(), wide);
  }
}

}  // namespace litesmith::kernels
