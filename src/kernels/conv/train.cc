// Plans which rows and taps the inner loops of train_micro.h run over.
#include "src/kernels/conv/train.h"

#include <algorithm>
#include <cstring>

#include "src/kernels/conv/output_gradient.h"

namespace litesmith::kernels {
namespace {

// Floats of the gradient: with what is fetched ahead, 18 KB of the L1 cache.
constexpr size_t kChunk = 1536;

}  // namespace

TrainConv::TrainConv(const Window& window, FloatRange range)
    : window_(window), range_(range), micro_(&GetConvMicro()) {
  PlanForward();
  PlanInputGradient();
  zeros_.Resize(static_cast<size_t>(
      std::max(forward_.padded, window.in_c + kMaxConvVectors * 64)));
  // Forward: padded x, bias. Backward: padded x, g, packed dw, bias sums.
  workspace_floats_ = RoundUp16(x_floats_) + RoundUp16(g_floats_) +
                      RoundUp16(packed_floats()) +
                      RoundUp16(static_cast<size_t>(forward_.padded));
}

void TrainConv::PlanForward() {
  const Window& w = window_;
  x_rows_ = (w.out_h - 1) * w.stride_h + (w.filter_h - 1) * w.dilation_h + 1;
  x_columns_ = (w.out_w - 1) * w.stride_w + (w.filter_w - 1) * w.dilation_w + 1;
  pad_x_ = w.pad_top > 0 || w.pad_left > 0 || x_rows_ > w.in_h ||
           x_columns_ > w.in_w;
  x_row_ = ptrdiff_t{pad_x_ ? x_columns_ : w.in_w} * w.in_c;
  x_floats_ =
      pad_x_ ? static_cast<size_t>(x_rows_) * static_cast<size_t>(x_row_) : 0;
  const bool merged = w.dilation_w == 1;
  forward_.run_length = merged ? w.filter_w * w.in_c : w.in_c;
  for (int ky = 0; ky < w.filter_h; ++ky) {
    for (int kx = 0; kx < (merged ? 1 : w.filter_w); ++kx) {
      forward_.offset.push_back(ky * w.dilation_h * x_row_ +
                                ptrdiff_t{kx} * w.dilation_w * w.in_c);
    }
  }
  forward_.Plan(*micro_, w.out_c, w.out_w);
}

// dx[iy][ix][c] = sum of g[oy][ox][o] * w[o][ky][kx][c]: for each phase a
// convolution of stride 1 with flipped filters.
void TrainConv::PlanInputGradient() {
  const Window& w = window_;
  const AxisPhases y = PhasesOf(
      {w.in_h, w.out_h, w.pad_top, w.filter_h, w.stride_h, w.dilation_h});
  const AxisPhases x = PhasesOf(
      {w.in_w, w.out_w, w.pad_left, w.filter_w, w.stride_w, w.dilation_w});
  g_row_ = ptrdiff_t{x.before + w.out_w + x.behind} * w.out_c;
  g_first_ = y.before * g_row_ + ptrdiff_t{x.before} * w.out_c;
  g_floats_ = static_cast<size_t>(y.before + w.out_h + y.behind) *
                  static_cast<size_t>(g_row_) +
              kConvSlack;
  for (const AxisPhase& of_y : y.phases) {
    for (const AxisPhase& of_x : x.phases)
      phases_.push_back(PlanPhase(of_y, of_x));
  }
}

TrainConv::Phase TrainConv::PlanPhase(const AxisPhase& y, const AxisPhase& x) {
  const Window& w = window_;
  Phase phase;
  phase.y = y.first, phase.x = x.first;
  phase.rows = y.count, phase.columns = x.count;
  if (y.taps.empty() || x.taps.empty()) {
    unread_ = true;
    return phase;
  }
  bool merged = true;
  for (size_t k = 1; k < x.taps.size(); ++k)
    merged &= x.taps[k].offset == x.taps[k - 1].offset + 1;
  phase.runs.run_length =
      merged ? static_cast<int>(x.taps.size()) * w.out_c : w.out_c;
  for (const AxisTap& ty : y.taps) {
    for (const AxisTap& tx : x.taps) {
      phase.taps.push_back(ty.k * w.filter_w + tx.k);
      if (!merged || &tx == &x.taps.front()) {
        phase.runs.offset.push_back(ty.offset * g_row_ +
                                    ptrdiff_t{tx.offset} * w.out_c);
      }
    }
  }
  phase.runs.Plan(*micro_, w.in_c, phase.columns);
  return phase;
}

void TrainConv::Pack(const float* w) {
  const int lanes = micro_->lanes;
  const int depth = forward_.depth();
  const auto k_floats = static_cast<size_t>(depth);
  for (const ConvRuns::Block& b : forward_.blocks) {
    const int width = b.vectors * lanes;
    float* to = forward_.weights.data() + b.weights * k_floats;
    const int channels = std::min(width, window_.out_c - b.first);
    for (int o = 0; o < channels; ++o) {
      const float* from = w + static_cast<ptrdiff_t>(b.first + o) * depth;
      for (int k = 0; k < depth; ++k) to[ptrdiff_t{k} * width + o] = from[k];
    }
  }
  for (Phase& phase : phases_) {
    const auto floats = static_cast<size_t>(phase.runs.depth());
    for (const ConvRuns::Block& b : phase.runs.blocks) {
      const int width = b.vectors * lanes;
      float* to = phase.runs.weights.data() + b.weights * floats;
      const int channels = std::min(width, window_.in_c - b.first);
      for (const int tap : phase.taps) {
        for (int o = 0; o < window_.out_c; ++o, to += width) {
          const float* from = w + ptrdiff_t{o} * depth +
                              ptrdiff_t{tap} * window_.in_c + b.first;
          std::copy_n(from, channels, to);
        }
      }
    }
  }
}

const float* TrainConv::PadInput(const float* x, float* buffer) const {
  if (!pad_x_) return x;
  const Window& w = window_;
  const int rows = std::min(w.in_h, x_rows_ - w.pad_top);
  const int columns = std::min(w.in_w, x_columns_ - w.pad_left);
  const auto bytes = static_cast<size_t>(columns) *
                     static_cast<size_t>(w.in_c) * sizeof(float);
  float* to = buffer + w.pad_top * x_row_ + ptrdiff_t{w.pad_left} * w.in_c;
  for (int y = 0; y < rows; ++y) {
    std::memcpy(to + y * x_row_, x + ptrdiff_t{y} * w.in_w * w.in_c, bytes);
  }
  return buffer;
}

void TrainConv::PadBias(const float* bias, float* padded_bias) const {
  std::fill_n(padded_bias, forward_.padded, 0.0f);
  if (bias != nullptr) std::copy_n(bias, window_.out_c, padded_bias);
}

void TrainConv::ForwardRow(const float* padded_x, int oy,
                           const float* padded_bias, float* y,
                           ptrdiff_t y_step) const {
  const Window& w = window_;
  for (const ConvRuns::Block& b : forward_.blocks) {
    ConvRow row;
    row.x = padded_x + ptrdiff_t{oy} * w.stride_h * x_row_;
    row.ahead = forward_.offset.back() + w.stride_h * x_row_;
    row.x_step = ptrdiff_t{w.stride_w} * w.in_c;
    row.offset = forward_.offset.data();
    row.runs = static_cast<int>(forward_.offset.size());
    row.run_length = forward_.run_length;
    row.w = forward_.weights.data() +
            b.weights * static_cast<size_t>(forward_.depth());
    row.bias = padded_bias + b.first;
    row.low = range_.low;
    row.high = range_.high;
    row.y = y + b.first;
    row.y_step = y_step;
    row.width = w.out_w;
    // A pitch beyond the channels has room for whole vectors.
    row.channels = static_cast<int>(
        std::min<ptrdiff_t>(y_step - b.first, b.vectors * micro_->lanes));
    micro_->row(row, b.vectors);
  }
}

void TrainConv::Forward(int batch, const float* x, const float* bias, float* y,
                        float* workspace, const OutputsMade& made) const {
  const Window& w = window_;
  float* padded_bias = workspace + RoundUp16(x_floats_);
  std::fill_n(workspace, x_floats_, 0.0f);
  PadBias(bias, padded_bias);
  for (int n = 0; n < batch; ++n, x += w.in_size(), y += w.out_size()) {
    const float* image = PadInput(x, workspace);
    for (int oy = 0; oy < w.out_h; ++oy) {
      ForwardRow(image, oy, padded_bias, y + ptrdiff_t{oy} * w.out_w * w.out_c,
                 w.out_c);
    }
    if (made) made(y, static_cast<size_t>(w.out_h) * w.out_w);
  }
}

void TrainConv::WeightGradient(const float* padded_x, const float* g, int oy,
                               int rows, bool accumulate, const float* ahead0,
                               const float* ahead1, float* dw_packed) const {
  const Window& w = window_;
  for (const ConvRuns::Block& b : forward_.blocks) {
    ConvWeightGrad args;
    args.x = padded_x + ptrdiff_t{oy} * w.stride_h * x_row_;
    args.x_row = w.stride_h * x_row_;
    args.x_step = ptrdiff_t{w.stride_w} * w.in_c;
    args.g = g + g_first_ + oy * g_row_ + b.first;
    args.g_row = g_row_;
    args.g_step = w.out_c;
    args.rows = rows;
    args.width = w.out_w;
    args.offset = forward_.offset.data();
    args.runs = static_cast<int>(forward_.offset.size());
    args.run_length = forward_.run_length;
    args.dw = dw_packed + b.weights * static_cast<size_t>(forward_.depth());
    args.dw_step = b.vectors * micro_->lanes;
    args.accumulate = accumulate;
    args.ahead[0] = ahead0 == nullptr ? nullptr : ahead0 + b.first;
    // What is there already costs nothing.
    args.ahead[1] = ahead1 == nullptr ? args.ahead[0] : ahead1 + b.first;
    args.ahead_of_x = false;
    args.ahead_row = ptrdiff_t{w.out_w} * w.out_c;
    micro_->weight_grad(args, b.vectors);
  }
}

void TrainConv::UnpackWeights(const float* dw_packed, float* dw) const {
  const int depth = forward_.depth();
  for (const ConvRuns::Block& b : forward_.blocks) {
    const int width = b.vectors * micro_->lanes;
    const float* from = dw_packed + b.weights * static_cast<size_t>(depth);
    const int channels = std::min(width, window_.out_c - b.first);
    // Tiles of 16 k: a cache line of each output row.
    for (int first = 0; first < depth; first += 16) {
      const int last = std::min(depth, first + 16);
      for (int o = 0; o < channels; ++o) {
        float* to = dw + static_cast<ptrdiff_t>(b.first + o) * depth;
        for (int k = first; k < last; ++k)
          to[k] = from[ptrdiff_t{k} * width + o];
      }
    }
  }
}

void TrainConv::InputGradient(const float* g, bool adds, float* dx) const {
  const Window& w = window_;
  const ptrdiff_t dx_row = ptrdiff_t{w.in_w} * w.in_c;
  if (unread_ && !adds) std::fill_n(dx, w.in_size(), 0.0f);
  for (const Phase& phase : phases_) {
    float* first = dx + phase.y * dx_row + ptrdiff_t{phase.x} * w.in_c;
    const ptrdiff_t step = ptrdiff_t{w.stride_w} * w.in_c;
    for (const ConvRuns::Block& b : phase.runs.blocks) {
      ConvRow row;
      row.x_step = w.out_c;
      row.ahead = phase.runs.offset.back() + g_row_;
      row.offset = phase.runs.offset.data();
      row.runs = static_cast<int>(phase.runs.offset.size());
      row.run_length = phase.runs.run_length;
      row.w = phase.runs.weights.data() +
              b.weights * static_cast<size_t>(phase.runs.depth());
      row.bias = zeros_.data();
      row.low = FloatRange().low;
      row.high = FloatRange().high;
      row.y_step = step;
      row.width = phase.columns;
      row.channels = std::min(b.vectors * micro_->lanes, w.in_c - b.first);
      row.adds = adds;
      for (int y = 0; y < phase.rows; ++y) {
        row.x = g + g_first_ + y * g_row_;
        row.y = first + y * w.stride_h * dx_row + b.first;
        micro_->row(row, b.vectors);
      }
    }
  }
}

void TrainConv::Backward(int batch, const float* x, const float* y,
                         const float* dy, float* dx, float* dw, float* db,
                         float* workspace, const GradientSource& gradient,
                         bool adds_dx) const {
  const Window& w = window_;
  const ptrdiff_t out_row = ptrdiff_t{w.out_w} * w.out_c;
  float* padded_x = workspace;
  float* g = padded_x + RoundUp16(x_floats_);
  float* dw_packed = g + RoundUp16(g_floats_);
  float* sums = dw_packed + RoundUp16(packed_floats());
  std::fill_n(padded_x, x_floats_, 0.0f);
  std::fill_n(g, g_floats_, 0.0f);
  std::fill_n(sums, forward_.padded, 0.0f);
  // Rows are masked just before the weights' gradient reads them, and fetched
  // while that of the rows before is computed; so many at once that its sums,
  // which come from memory and go back, are no more than they.
  const size_t chunk =
      std::max(kChunk, packed_floats()) / static_cast<size_t>(out_row);
  const int most = static_cast<int>(
      std::clamp<size_t>(chunk, 1, static_cast<size_t>(w.out_h)));
  const float* reads[] = {gradient ? gradient.reads[0] : dy,
                          gradient          ? gradient.reads[1]
                          : range_.IsNone() ? nullptr
                                            : y};
  for (int n = 0; n < batch; ++n) {
    const float* image =
        dw == nullptr ? nullptr : PadInput(x + n * w.in_size(), padded_x);
    for (int oy = 0; oy < w.out_h; oy += most) {
      const int rows = std::min(most, w.out_h - oy);
      for (int r = 0; r < rows; ++r) {
        float* to = g + g_first_ + (oy + r) * g_row_;
        const ptrdiff_t row = ptrdiff_t{n} * w.out_h + oy + r;
        const float* made =
            OutputGradient(gradient, range_, static_cast<size_t>(row * w.out_w),
                           static_cast<size_t>(w.out_w), w.out_c, y, dy, to);
        if (made != to) std::copy_n(made, out_row, to);
      }
      if (db != nullptr) {
        micro_->column_sum(g + g_first_ + oy * g_row_, g_row_, w.out_c, rows,
                           w.out_w, w.out_c, sums);
      }
      if (dw != nullptr) {
        const bool last = n + 1 == batch && oy + rows == w.out_h;
        const ptrdiff_t next = (ptrdiff_t{n} * w.out_h + oy + rows) * out_row;
        const auto ahead = [&](const float* from) {
          return last || from == nullptr ? nullptr : from + next;
        };
        WeightGradient(image, g, oy, rows, n + oy > 0, ahead(reads[0]),
                       ahead(reads[1]), dw_packed);
      }
    }
    if (dx != nullptr) InputGradient(g, adds_dx, dx + n * w.in_size());
  }
  if (dw != nullptr) UnpackWeights(dw_packed, dw);
  if (db != nullptr) std::copy_n(sums, w.out_c, db);
}

}  // namespace litesmith::kernels
