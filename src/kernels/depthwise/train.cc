// Plans regions and taps for the inner loops of train_micro.h.
#include "src/kernels/depthwise/train.h"

#include <algorithm>
#include <utility>

#include "src/kernels/common/aligned_floats.h"
#include "src/kernels/conv/output_gradient.h"

namespace litesmith::kernels {
namespace {

// Floats of gradients that are asked for at once, if an image has fewer.
constexpr int64_t kGradients = 8 * 1024;
// Regions of fewer columns are walked down.
constexpr int kNarrow = 6;

// Neighbours along an axis that have the same taps inside.
struct AxisRun {
  int first, count;
  std::vector<AxisTap> taps;
};

// The n-th place of the phase reads n * step + a tap's offset, if there are as
// many.
std::vector<AxisRun> RunsOf(const AxisPhase& phase, int step, int size) {
  std::vector<AxisRun> runs;
  const auto same = [](const AxisTap& a, const AxisTap& b) {
    return a.k == b.k;
  };
  for (int n = 0; n < phase.count; ++n) {
    std::vector<AxisTap> taps;
    for (const AxisTap& tap : phase.taps) {
      const int at = n * step + tap.offset;
      if (at >= 0 && at < size) taps.push_back(tap);
    }
    if (!runs.empty() && std::ranges::equal(runs.back().taps, taps, same)) {
      ++runs.back().count;
    } else {
      runs.push_back({n, 1, std::move(taps)});
    }
  }
  return runs;
}

// All outputs along an axis.
AxisPhase OutputsOf(int out, int filter, int dilation, int pad) {
  AxisPhase phase;
  phase.count = out;
  for (int k = 0; k < filter; ++k)
    phase.taps.push_back({k, k * dilation - pad});
  return phase;
}

}  // namespace

TrainDepthwise::TrainDepthwise(const Window& window, FloatRange range)
    : window_(window), range_(range), micro_(&GetDepthwiseMicro()) {
  const Window& g = window_;
  images_ = static_cast<int>(std::clamp<int64_t>(
      kGradients / std::max<int64_t>(1, g.out_size()), 1, 64));
  PlanForward();
  PlanInputGradient();
  g_floats_ = static_cast<size_t>(images_ * g.out_size());
  wide_floats_ = g.out_c == g.in_c ? 0
                                   : static_cast<size_t>(g.in_h) *
                                         static_cast<size_t>(g.in_w) *
                                         static_cast<size_t>(g.out_c);
  // Of the image, the outputs' gradient and the image's.
  workspace_floats_ = 2 * RoundUp16(wide_floats_) + RoundUp16(g_floats_);
}

void TrainDepthwise::AddRegions(const Grid& grid,
                                std::vector<Region>* regions) const {
  const ptrdiff_t channels = window_.out_c;
  const ptrdiff_t row = grid.image_w * channels;
  for (const AxisRun& y : RunsOf(grid.y, grid.step_y, grid.image_h)) {
    for (const AxisRun& x : RunsOf(grid.x, grid.step_x, grid.image_w)) {
      Region region;
      region.at = grid.at + y.first * grid.row + x.first * grid.step;
      DepthwisePlan& plan = region.plan;
      plan.channels = window_.out_c;
      plan.rows = y.count, plan.columns = x.count;
      plan.row = grid.step_y * row, plan.step = grid.step_x * channels;
      plan.grid_row = grid.row, plan.grid_step = grid.step;
      const ptrdiff_t first = y.first * plan.row + x.first * plan.step;
      for (const AxisTap& ty : y.taps) {
        for (const AxisTap& tx : x.taps) {
          plan.taps.push_back(
              {first + ty.offset * row + tx.offset * channels,
               (ptrdiff_t{ty.k} * window_.filter_w + tx.k) * channels});
        }
      }
      if (plan.columns < std::min(kNarrow, plan.rows)) {
        std::swap(plan.rows, plan.columns);
        std::swap(plan.row, plan.step);
        std::swap(plan.grid_row, plan.grid_step);
      }
      regions->push_back(std::move(region));
    }
  }
}

void TrainDepthwise::PlanForward() {
  const Window& g = window_;
  const ptrdiff_t row = ptrdiff_t{g.out_w} * g.out_c;
  AddRegions({OutputsOf(g.out_h, g.filter_h, g.dilation_h, g.pad_top),
              OutputsOf(g.out_w, g.filter_w, g.dilation_w, g.pad_left),
              g.stride_h, g.stride_w, g.in_h, g.in_w, 0, row, g.out_c},
             &forward_);
  outputs_.channels = g.out_c;
  outputs_.rows = g.out_h, outputs_.columns = g.out_w;
  outputs_.grid_row = row;
  outputs_.grid_step = g.out_c;
}

// dx[iy][ix] = sum of g[oy][ox] * w[ky][kx] over the taps with oy * stride +
// ky * dilation = iy + pad. The inputs of one phase, iy mod stride_h and ix mod
// stride_w, have the same taps, at fixed offsets in g.
void TrainDepthwise::PlanInputGradient() {
  const Window& g = window_;
  const AxisPhases y = PhasesOf(
      {g.in_h, g.out_h, g.pad_top, g.filter_h, g.stride_h, g.dilation_h});
  const AxisPhases x = PhasesOf(
      {g.in_w, g.out_w, g.pad_left, g.filter_w, g.stride_w, g.dilation_w});
  const ptrdiff_t row = ptrdiff_t{g.in_w} * g.out_c;
  for (const AxisPhase& of_y : y.phases) {
    for (const AxisPhase& of_x : x.phases) {
      AddRegions({of_y, of_x, 1, 1, g.out_h, g.out_w,
                  of_y.first * row + ptrdiff_t{of_x.first} * g.out_c,
                  g.stride_h * row, ptrdiff_t{g.stride_w} * g.out_c},
                 &backward_);
    }
  }
}

const float* TrainDepthwise::WideInput(const float* x, float* copy) const {
  if (wide_floats_ == 0) return x;
  const int multiplier = window_.out_c / window_.in_c;
  float* to = copy;
  for (int64_t i = 0; i < window_.in_size(); ++i)
    to = std::fill_n(to, multiplier, x[i]);
  return copy;
}

const float* TrainDepthwise::Gradient(int first, int count, const float* y,
                                      const float* dy, float* g,
                                      const GradientSource& gradient) const {
  const auto pixels =
      static_cast<size_t>(window_.out_h) * static_cast<size_t>(window_.out_w);
  return OutputGradient(gradient, range_, static_cast<size_t>(first) * pixels,
                        static_cast<size_t>(count) * pixels, window_.out_c, y,
                        dy, g);
}

void TrainDepthwise::InputGradient(const float* g, const float* w, float* dx,
                                   float* wide) const {
  float* to = wide_floats_ > 0 ? wide : dx;
  const FloatRange none;
  for (const Region& region : backward_) {
    micro_->forward(region.plan, g, w, nullptr, none.low, none.high,
                    to + region.at);
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
  for (int n = 0; n < batch; ++n) {
    const float* image = WideInput(x, workspace);
    for (const Region& region : forward_) {
      micro_->forward(region.plan, image, w, bias, range_.low, range_.high,
                      y + region.at);
    }
    if (made) made(y, static_cast<size_t>(window_.out_h) * window_.out_w);
    x += window_.in_size();
    y += window_.out_size();
  }
}

void TrainDepthwise::Backward(int batch, const float* x, const float* w,
                              const float* y, const float* dy, float* dx,
                              float* dw, float* db, float* workspace,
                              const GradientSource& gradient) const {
  float* own_g = workspace;
  float* copy = own_g + RoundUp16(g_floats_);
  float* wide = copy + RoundUp16(wide_floats_);
  const Window& of = window_;
  if (dw != nullptr)
    std::fill_n(dw, ptrdiff_t{of.filter_h} * of.filter_w * of.out_c, 0.0f);
  const float* g = nullptr;
  for (int n = 0; n < batch; ++n, g += of.out_size()) {
    if (n % images_ == 0) {
      g = Gradient(n, std::min(images_, batch - n), y, dy, own_g, gradient);
    }
    if (dw != nullptr) {
      const float* image = WideInput(x + n * of.in_size(), copy);
      for (const Region& region : forward_) {
        micro_->weight_gradient(region.plan, image, g + region.at, true, dw);
      }
    }
    if (db != nullptr) micro_->bias_gradient(outputs_, g, n > 0, db);
    if (dx != nullptr) InputGradient(g, w, dx + n * of.in_size(), wide);
  }
}

}  // namespace litesmith::kernels
