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
  pixels_ =
      micro_->lanes % g.out_c == 0 ? std::max(1, micro_->lanes / g.out_c) : 1;
  taps_ = static_cast<size_t>(g.filter_h) * static_cast<size_t>(g.filter_w);
  PlanForward();
  PlanInputGradient();
  g_floats_ = static_cast<size_t>(images_ * g.out_size());
  wide_floats_ = g.out_c == g.in_c ? 0
                                   : static_cast<size_t>(g.in_h) *
                                         static_cast<size_t>(g.in_w) *
                                         static_cast<size_t>(g.out_c);
  if (pixels_ > 1)
    several_floats_ = RoundUp16(taps_ * static_cast<size_t>(micro_->lanes));
  // Of the image, the outputs' gradient and the image's; weights for several
  // pixels, and their gradient or a bias.
  workspace_floats_ =
      2 * RoundUp16(wide_floats_) + RoundUp16(g_floats_) + 2 * several_floats_;
}

void TrainDepthwise::AddRegions(const Grid& grid,
                                std::vector<Region>* regions) const {
  const bool side_by_side = grid.step_x == 1 && grid.step == window_.out_c;
  const int pixels = side_by_side ? pixels_ : 1;
  for (const AxisRun& y : RunsOf(grid.y, grid.step_y, grid.image_h)) {
    for (const AxisRun& x : RunsOf(grid.x, grid.step_x, grid.image_w)) {
      const auto add = [&](int first, int count, int at_once) {
        if (count == 0) return;
        regions->push_back(RegionOf(grid, {y.first, y.count, first, count},
                                    y.taps, x.taps, at_once));
      };
      const int whole = x.count / pixels * pixels;
      add(x.first, whole, pixels);
      add(x.first + whole, x.count - whole, 1);
    }
  }
}

TrainDepthwise::Region TrainDepthwise::RegionOf(const Grid& grid,
                                                const Part& part,
                                                const std::vector<AxisTap>& y,
                                                const std::vector<AxisTap>& x,
                                                int pixels) const {
  const ptrdiff_t channels = window_.out_c;
  const ptrdiff_t row = grid.image_w * channels;
  Region region;
  region.at = grid.at + part.first_y * grid.row + part.first_x * grid.step;
  region.several = pixels > 1;
  DepthwisePlan& plan = region.plan;
  plan.channels = window_.out_c * pixels;
  plan.rows = part.count_y, plan.columns = part.count_x / pixels;
  plan.row = grid.step_y * row, plan.step = grid.step_x * channels * pixels;
  plan.grid_row = grid.row, plan.grid_step = grid.step * pixels;
  const ptrdiff_t first =
      part.first_y * plan.row + part.first_x * grid.step_x * channels;
  for (const AxisTap& ty : y) {
    for (const AxisTap& tx : x) {
      plan.taps.push_back(
          {first + ty.offset * row + tx.offset * channels,
           (ptrdiff_t{ty.k} * window_.filter_w + tx.k) * plan.channels});
    }
  }
  if (plan.columns < std::min(kNarrow, plan.rows)) {
    std::swap(plan.rows, plan.columns);
    std::swap(plan.row, plan.step);
    std::swap(plan.grid_row, plan.grid_step);
  }
  return region;
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

// Each of so many rows of out_c floats for all pixels of a vector.
void TrainDepthwise::Repeat(const float* from, size_t rows, float* to) const {
  for (size_t r = 0; r < rows; ++r, from += window_.out_c) {
    for (int p = 0; p < pixels_; ++p) to = std::copy_n(from, window_.out_c, to);
  }
}

TrainDepthwise::Weights TrainDepthwise::WeightsIn(float* several,
                                                  const float* w,
                                                  const float* bias) const {
  if (pixels_ == 1) return {w, bias, nullptr, nullptr};
  Repeat(w, taps_, several);
  if (bias == nullptr) return {w, nullptr, several, nullptr};
  float* several_bias = several + several_floats_;
  Repeat(bias, 1, several_bias);
  return {w, bias, several, several_bias};
}

void TrainDepthwise::Sums(const std::vector<Region>& regions, const float* x,
                          const Weights& weights, FloatRange range, bool adds,
                          float* y) const {
  for (const Region& region : regions) {
    micro_->forward(region.plan, x,
                    region.several ? weights.several_w : weights.w,
                    region.several ? weights.several_bias : weights.bias,
                    range.low, range.high, adds, y + region.at);
  }
}

void TrainDepthwise::InputGradient(const float* g, const Weights& weights,
                                   bool adds, float* dx, float* wide) const {
  if (wide_floats_ == 0) return Sums(backward_, g, weights, {}, adds, dx);
  Sums(backward_, g, weights, {}, false, wide);
  const int multiplier = window_.out_c / window_.in_c;
  for (int64_t i = 0; i < window_.in_size(); ++i, wide += multiplier) {
    float sum = wide[0];
    for (int k = 1; k < multiplier; ++k) sum += wide[k];
    dx[i] = adds ? dx[i] + sum : sum;
  }
}

void TrainDepthwise::AddWeightGradient(const float* image, const float* g,
                                       const float* const ahead[2], float* dw,
                                       float* several_dw) const {
  for (const Region& region : forward_) {
    const bool fetches = ahead[0] != nullptr;
    const float* const here[] = {fetches ? ahead[0] + region.at : nullptr,
                                 fetches ? ahead[1] + region.at : nullptr};
    micro_->weight_gradient(region.plan, image, g + region.at, true, here,
                            region.several ? several_dw : dw);
  }
}

void TrainDepthwise::Forward(int batch, const float* x, const float* w,
                             const float* bias, float* y, float* workspace,
                             const OutputsMade& made) const {
  float* copy = workspace;
  const Weights weights = WeightsIn(copy + RoundUp16(wide_floats_), w, bias);
  for (int n = 0; n < batch; ++n) {
    Sums(forward_, WideInput(x, copy), weights, range_, false, y);
    if (made) made(y, static_cast<size_t>(window_.out_h) * window_.out_w);
    x += window_.in_size();
    y += window_.out_size();
  }
}

void TrainDepthwise::Backward(int batch, const float* x, const float* w,
                              const float* y, const float* dy, float* dx,
                              float* dw, float* db, float* workspace,
                              const GradientSource& gradient,
                              bool adds_dx) const {
  float* own_g = workspace;
  float* copy = own_g + RoundUp16(g_floats_);
  float* wide = copy + RoundUp16(wide_floats_);
  float* several_w = wide + RoundUp16(wide_floats_);
  float* several_dw = several_w + several_floats_;
  const Window& of = window_;
  const Weights weights = WeightsIn(several_w, w, nullptr);
  if (dw != nullptr) {
    std::fill_n(dw, taps_ * static_cast<size_t>(of.out_c), 0.0f);
    std::fill_n(several_dw, several_floats_, 0.0f);
  }
  const float* g = nullptr;
  for (int n = 0; n < batch; ++n, g += of.out_size()) {
    if (n % images_ == 0) {
      g = Gradient(n, std::min(images_, batch - n), y, dy, own_g, gradient);
    }
    if (dw != nullptr) {
      // What the gradient of as many images behind these is made of.
      const bool ahead = n + images_ < batch && gradient.reads[0] != nullptr;
      const ptrdiff_t next = (n + images_) * of.out_size();
      const float* const reads[] = {
          ahead ? gradient.reads[0] + next : nullptr,
          ahead ? gradient.reads[gradient.reads[1] != nullptr] + next
                : nullptr};
      AddWeightGradient(WideInput(x + n * of.in_size(), copy), g, reads, dw,
                        several_dw);
    }
    if (db != nullptr) micro_->bias_gradient(outputs_, g, n > 0, db);
    if (dx != nullptr)
      InputGradient(g, weights, adds_dx, dx + n * of.in_size(), wide);
  }
  if (dw == nullptr || pixels_ == 1) return;
  const float* from = several_dw;
  for (size_t t = 0; t < taps_; ++t, dw += of.out_c) {
    for (int p = 0; p < pixels_; ++p) {
      for (int o = 0; o < of.out_c; ++o) dw[o] += *from++;
    }
  }
}

}  // namespace litesmith::kernels
