// Stretches of pixels for the inner loops of train_micro.h. The weights'
// gradient is summed with the inputs in vectors, so that it comes out in the
// order of the weights, if these are whole vectors.
#include "src/kernels/conv/train_pointwise.h"

#include <algorithm>

#include "src/kernels/conv/output_gradient.h"

namespace litesmith::kernels {
namespace {

// Floats of x of a stretch forward, half of a small second-level cache; and of
// x and the gradient together backward, which each block of weights reads once
// more, in the first-level one.
constexpr size_t kForwardFloats = 32 * 1024;
constexpr size_t kBackwardFloats = 6 * 1024;
// Fewer pixels than these would move more weights than they multiply.
constexpr size_t kFewest = 48;

size_t Pixels(size_t floats, int each) {
  return std::clamp<size_t>(floats / static_cast<size_t>(each), kFewest, 1024);
}

void PlanPixels(const ConvMicro& micro, int depth, int channels, size_t pixels,
                ConvRuns* runs) {
  runs->offset = {0};
  runs->run_length = depth;
  runs->Plan(micro, channels, static_cast<int>(pixels));
}

ConvRow RowOf(const ConvRuns& runs, const ConvRuns::Block& block, size_t pixels,
              const float* x, int lanes, int channels) {
  ConvRow row;
  row.x = x;
  row.x_step = runs.run_length;
  row.ahead = static_cast<ptrdiff_t>(pixels) * runs.run_length;
  row.offset = runs.offset.data();
  row.runs = 1;
  row.run_length = runs.run_length;
  row.w = runs.weights.data() + runs.WeightsOf(block);
  row.y_step = channels;
  row.width = static_cast<int>(pixels);
  row.channels = std::min(block.vectors * lanes, channels - block.first);
  return row;
}

}  // namespace

TrainPointwise::TrainPointwise(int inputs, int outputs, FloatRange range)
    : inputs_(inputs),
      outputs_(outputs),
      range_(range),
      micro_(&GetConvMicro()),
      forward_pixels_(Pixels(kForwardFloats, inputs)),
      backward_pixels_(Pixels(kBackwardFloats, inputs + outputs)),
      whole_x_(inputs % micro_->lanes == 0),
      whole_g_(outputs % micro_->lanes == 0) {
  PlanPixels(*micro_, inputs, outputs, forward_pixels_, &forward_);
  PlanPixels(*micro_, outputs, inputs, backward_pixels_, &backward_);
  zeros_.Resize(static_cast<size_t>(inputs) + kConvSlack);
  const auto stretch = [&](int channels) {
    return RoundUp16(backward_pixels_ * static_cast<size_t>(channels) +
                     kConvSlack);
  };
  g_floats_ = stretch(outputs);
  x_floats_ = whole_x_ ? 0 : stretch(inputs);
  dw_floats_ = whole_x_ ? 0 : RoundUp16(backward_.weights.size());
  db_floats_ = RoundUp16(static_cast<size_t>(forward_.padded));
  workspace_floats_ = g_floats_ + x_floats_ + dw_floats_ + db_floats_;
}

void TrainPointwise::Pack(const float* w) {
  const int lanes = micro_->lanes;
  for (const ConvRuns::Block& b : forward_.blocks) {
    const int width = b.vectors * lanes;
    const int channels = std::min(width, outputs_ - b.first);
    const float* from = w + ptrdiff_t{b.first} * inputs_;
    float* to = forward_.weights.data() + forward_.WeightsOf(b);
    for (int k = 0; k < inputs_; ++k, to += width) {
      for (int o = 0; o < channels; ++o)
        to[o] = from[ptrdiff_t{o} * inputs_ + k];
    }
  }
  for (const ConvRuns::Block& b : backward_.blocks) {
    const int width = b.vectors * lanes;
    const int channels = std::min(width, inputs_ - b.first);
    float* to = backward_.weights.data() + backward_.WeightsOf(b);
    for (int o = 0; o < outputs_; ++o, to += width)
      std::copy_n(w + ptrdiff_t{o} * inputs_ + b.first, channels, to);
  }
}

void TrainPointwise::Forward(size_t pixels, const float* x, const float* bias,
                             float* y, float* workspace,
                             const OutputsMade& made) const {
  float* padded_bias = workspace;
  std::fill_n(padded_bias, forward_.padded, 0.0f);
  if (bias != nullptr) std::copy_n(bias, outputs_, padded_bias);
  while (pixels > 0) {
    const size_t n = std::min(pixels, forward_pixels_);
    for (const ConvRuns::Block& b : forward_.blocks) {
      ConvRow row = RowOf(forward_, b, n, x, micro_->lanes, outputs_);
      row.bias = padded_bias + b.first;
      row.low = range_.low;
      row.high = range_.high;
      row.y = y + b.first;
      micro_->row(row, b.vectors);
    }
    if (made) made(y, n);
    x += n * static_cast<size_t>(inputs_);
    y += n * static_cast<size_t>(outputs_);
    pixels -= n;
  }
}

void TrainPointwise::AddWeightGradient(size_t pixels, const float* x,
                                       const float* g, bool accumulate,
                                       const float* ahead0, const float* ahead1,
                                       float* dw) const {
  for (const ConvRuns::Block& b : backward_.blocks) {
    ConvWeightGrad args{};
    args.x = g;
    args.x_step = outputs_;
    args.g = x + b.first;
    args.g_step = inputs_;
    args.rows = 1;
    args.width = static_cast<int>(pixels);
    args.offset = backward_.offset.data();
    args.runs = 1;
    args.run_length = outputs_;
    if (whole_x_) {
      args.dw = dw + b.first;
      args.dw_step = inputs_;
    } else {
      args.dw = dw + backward_.WeightsOf(b);
      args.dw_step = b.vectors * micro_->lanes;
    }
    args.accumulate = accumulate;
    if (b.first == 0) {
      args.ahead[0] = ahead0;
      args.ahead[1] = ahead1 == nullptr ? ahead0 : ahead1;
      args.ahead_of_x = true;
    }
    micro_->weight_grad(args, b.vectors);
  }
}

void TrainPointwise::InputGradient(size_t pixels, const float* g, bool adds,
                                   float* dx) const {
  for (const ConvRuns::Block& b : backward_.blocks) {
    ConvRow row = RowOf(backward_, b, pixels, g, micro_->lanes, inputs_);
    row.bias = zeros_.data();
    row.low = FloatRange().low;
    row.high = FloatRange().high;
    row.y = dx + b.first;
    row.adds = adds;
    micro_->row(row, b.vectors);
  }
}

void TrainPointwise::Backward(size_t pixels, const float* x, const float* y,
                              const float* dy, float* dx, float* dw, float* db,
                              float* workspace, const GradientSource& gradient,
                              bool adds_dx) const {
  float* own_g = workspace;
  float* own_x = own_g + g_floats_;
  float* dw_packed = own_x + x_floats_;
  float* sums = dw_packed + dw_floats_;
  const auto in = static_cast<size_t>(inputs_);
  const auto out = static_cast<size_t>(outputs_);
  std::fill_n(sums, db_floats_, 0.0f);
  const float* reads[] = {gradient ? gradient.reads[0] : dy,
                          gradient          ? gradient.reads[1]
                          : range_.IsNone() ? nullptr
                                            : y};
  for (size_t first = 0; first < pixels; first += backward_pixels_) {
    const size_t n = std::min(backward_pixels_, pixels - first);
    const float* g =
        OutputGradient(gradient, range_, first, n, outputs_, y, dy, own_g);
    if (g != own_g && !whole_g_ && db != nullptr)
      g = std::copy_n(g, n * out, own_g) - n * out;
    if (db != nullptr) {
      micro_->column_sum(g, 0, outputs_, 1, static_cast<int>(n), outputs_,
                         sums);
    }
    if (dw != nullptr) {
      const float* from = x + first * in;
      const bool last = first + n == pixels;
      // Nothing behind all pixels may be read.
      if (!whole_x_ && (pixels - first - n) * in < kConvSlack)
        from = std::copy_n(from, n * in, own_x) - n * in;
      const auto ahead = [&](const float* of) {
        return last || of == nullptr ? nullptr : of + (first + n) * out;
      };
      AddWeightGradient(n, from, g, first > 0, ahead(reads[0]), ahead(reads[1]),
                        whole_x_ ? dw : dw_packed);
    }
    if (dx != nullptr) InputGradient(n, g, adds_dx, dx + first * in);
  }
  if (db != nullptr) std::copy_n(sums, outputs_, db);
  if (dw == nullptr || whole_x_) return;
  for (const ConvRuns::Block& b : backward_.blocks) {
    const int width = b.vectors * micro_->lanes;
    const int channels = std::min(width, inputs_ - b.first);
    const float* from = dw_packed + backward_.WeightsOf(b);
    for (int o = 0; o < outputs_; ++o, from += width)
      std::copy_n(from, channels, dw + ptrdiff_t{o} * inputs_ + b.first);
  }
}

}  // namespace litesmith::kernels
