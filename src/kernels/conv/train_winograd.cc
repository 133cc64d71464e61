// Plans tiles for the transforms of train_winograd_micro.h and the products of
// train_micro.h.
#include "src/kernels/conv/train_winograd.h"

#include <algorithm>

#include "src/kernels/conv/output_gradient.h"
#include "src/kernels/conv/winograd.h"

namespace litesmith::kernels {
namespace {

constexpr int kTile = kTrainTile, kSide = kTile + 2;
constexpr int kPositions = kSide * kSide;
constexpr int kTaps = 9;
// Floats of transformed tiles that are worked on at a time, and how many tiles:
// fewer would move more weights than they multiply.
constexpr int kBandFloats = 64 * 1024;
constexpr int kFewestTiles = 16, kMostTiles = 32;
// Floats between the planes of two positions, so that they do not share a few
// sets of the cache.
constexpr ptrdiff_t kApart = kWinogradApart / sizeof(float);

int RoundUpTo(int n, int step) { return (n + step - 1) / step * step; }
int Tiles(int outputs) { return (outputs + kTile - 1) / kTile; }

// Nine taps of a row of channels.
constexpr int kWidest = kMaxConvVectors * 16;
using Row = float[kWidest];

}  // namespace

bool TrainWinograd::Pays(const Window& w) {
  if (w.filter_h != 3 || w.filter_w != 3 || w.stride_h != 1 ||
      w.stride_w != 1 || w.dilation_h != 1 || w.dilation_w != 1 ||
      w.pad_top < 0 || w.pad_top > 2 || w.pad_left < 0 || w.pad_left > 2)
    return false;
  // Enough products for what is transformed, vectors that are mostly filled,
  // and tiles, too: a third of plain sums' products.
  constexpr int kFewest = 12;
  const int lanes = GetConvMicro().lanes;
  const auto filled = [lanes](int channels) {
    return channels >= kFewest && 4 * channels >= 3 * lanes;
  };
  return filled(w.in_c) && filled(w.out_c) &&
         3 * kPositions * Tiles(w.out_h) * Tiles(w.out_w) <=
             kTaps * w.out_h * w.out_w;
}

TrainWinograd::TrainWinograd(const Window& window, FloatRange range)
    : window_(window),
      range_(range),
      micro_(&GetConvMicro()),
      transforms_(&GetWinogradMicro()) {
  const Window& w = window_;
  const int pitch = RoundUpTo(std::max(w.in_c, w.out_c), micro_->lanes);
  tiles_ =
      std::clamp(kBandFloats / kPositions / pitch, kFewestTiles, kMostTiles);
  const int down = Tiles(w.out_h), across = Tiles(w.out_w);
  images_ = std::max(1, tiles_ / (down * across));
  forward_ = PlanSide(w.in_c, w.out_c, w.out_h, w.out_w, 0, 0);
  // Its tiles of outputs are read, too.
  const int before_y = 2 - w.pad_top, before_x = 2 - w.pad_left;
  backward_ = PlanSide(w.out_c, w.in_c, w.in_h, w.in_w, before_y + kTile * down,
                       before_x + kTile * across);
  g_first_ = before_y * backward_.row + ptrdiff_t{before_x} * w.out_c;
  zeros_.Resize(static_cast<size_t>(pitch) + kConvSlack);
  v_floats_ = kPositions * static_cast<size_t>(tiles_ * pitch + kApart);
  bias_floats_ = RoundUp16(static_cast<size_t>(w.out_c) + kConvSlack);
  workspace_floats_ = static_cast<size_t>(images_) *
                          (forward_.image_floats + backward_.image_floats) +
                      bias_floats_ + forward_.weights.size() + 2 * v_floats_;
}

TrainWinograd::Side TrainWinograd::PlanSide(int inputs, int outputs, int rows,
                                            int columns, int image_rows,
                                            int image_columns) const {
  Side side;
  side.inputs = inputs, side.outputs = outputs;
  side.rows = rows, side.columns = columns;
  side.down = Tiles(rows), side.across = Tiles(columns);
  image_rows = std::max(image_rows, kTile * side.down + 2);
  image_columns = std::max(image_columns, kTile * side.across + 2);
  side.row = ptrdiff_t{image_columns} * inputs;
  side.image_floats = RoundUp16(static_cast<size_t>(image_rows) *
                                    static_cast<size_t>(side.row) +
                                kConvSlack);
  side.v_pitch = RoundUpTo(inputs, micro_->lanes);
  side.m_pitch = RoundUpTo(outputs, micro_->lanes);
  side.runs.offset = {0};
  side.runs.run_length = inputs;
  side.runs.Plan(*micro_, outputs, tiles_);
  side.position = static_cast<ptrdiff_t>(side.runs.weights.size()) + kApart;
  side.weights.Resize(kPositions * static_cast<size_t>(side.position));
  return side;
}

void TrainWinograd::Pack(const float* w) {
  const int in = window_.in_c, out = window_.out_c;
  const auto tap = [&](int o, int k) {
    return w + (ptrdiff_t{o} * kTaps + k) * in;
  };
  Row taps[kTaps] = {};
  const auto put = [&](Side* side, const ConvRuns::Block& b, int from, int n) {
    const ptrdiff_t at = static_cast<ptrdiff_t>(side->runs.WeightsOf(b)) +
                         ptrdiff_t{from} * b.vectors * micro_->lanes;
    transforms_->weights(taps[0], kWidest, n, side->weights.data() + at,
                         side->position);
  };
  for (const ConvRuns::Block& b : forward_.runs.blocks) {
    const int n = std::min(b.vectors * micro_->lanes, out - b.first);
    for (int c = 0; c < in; ++c) {
      for (int o = 0; o < n; ++o)
        for (int k = 0; k < kTaps; ++k) taps[k][o] = tap(b.first + o, k)[c];
      put(&forward_, b, c, n);
    }
  }
  for (const ConvRuns::Block& b : backward_.runs.blocks) {
    const int n = std::min(b.vectors * micro_->lanes, in - b.first);
    for (int o = 0; o < out; ++o) {
      for (int k = 0; k < kTaps; ++k)
        std::copy_n(tap(o, k) + b.first, n, taps[kTaps - 1 - k]);
      put(&backward_, b, o, n);
    }
  }
}

template <class F>
void TrainWinograd::ForEachPart(const Side& side, int first, int count,
                                const F& f) {
  for (int t = 0; t < count;) {
    const int x = (first + t) % side.across;
    const int row = (first + t) / side.across;
    const int part = std::min(count - t, side.across - x);
    f(t, part, row / side.down, row % side.down, x);
    t += part;
  }
}

// Bands of nearly equal size.
template <class F>
void TrainWinograd::ForEachBand(const Side& side, int images,
                                const F& f) const {
  const int tiles = images * side.down * side.across;
  int bands = (tiles + tiles_ - 1) / tiles_;
  for (int first = 0; bands > 0; --bands) {
    const int count = (tiles - first + bands - 1) / bands;
    f(first, count);
    first += count;
  }
}

void TrainWinograd::Patches(const Side& side, const float* images, int first,
                            int count, float* v) const {
  const ptrdiff_t plane = tiles_ * side.v_pitch + kApart;
  ForEachPart(side, first, count, [&](int t, int part, int n, int y, int x) {
    const float* at = images + static_cast<size_t>(n) * side.image_floats +
                      kTile * y * side.row + ptrdiff_t{kTile} * x * side.inputs;
    transforms_->patches({at, side.row, side.inputs, part, side.inputs},
                         {v + t * side.v_pitch, plane, side.v_pitch});
  });
}

void TrainWinograd::Convolve(const Side& side, int count, const float* images,
                             const float* bias, FloatRange range, bool adds,
                             float* y, float* v) const {
  const ptrdiff_t v_plane = tiles_ * side.v_pitch + kApart;
  const ptrdiff_t m_plane = tiles_ * side.m_pitch + kApart;
  float* m = v + v_floats_;
  ForEachBand(side, count, [&](int first, int tiles) {
    Patches(side, images, first, tiles, v);
    for (const ConvRuns::Block& b : side.runs.blocks) {
      ConvRow row{};
      row.x_step = side.v_pitch;
      row.offset = side.runs.offset.data();
      row.runs = 1;
      row.run_length = side.inputs;
      row.bias = zeros_.data();
      row.low = FloatRange().low, row.high = FloatRange().high;
      row.y_step = side.m_pitch;
      row.width = tiles;
      row.channels = b.vectors * micro_->lanes;
      for (int at = 0; at < kPositions; ++at) {
        row.x = v + at * v_plane;
        row.y = m + at * m_plane + b.first;
        row.w = side.weights.data() + at * side.position +
                static_cast<ptrdiff_t>(side.runs.WeightsOf(b));
        micro_->row(row, b.vectors);
      }
    }
    const ptrdiff_t y_row = ptrdiff_t{side.columns} * side.outputs;
    ForEachPart(
        side, first, tiles, [&](int t, int part, int n, int ty, int tx) {
          const ptrdiff_t at = (ptrdiff_t{n} * side.rows + kTile * ty) * y_row +
                               ptrdiff_t{kTile} * tx * side.outputs;
          transforms_->outputs(
              {m + t * side.m_pitch, m_plane, side.m_pitch},
              {y + at, y_row, std::min(kTile, side.rows - kTile * ty),
               std::min(kTile * part, side.columns - kTile * tx), side.outputs,
               bias, range.low, range.high, adds});
        });
  });
}

void TrainWinograd::PadInput(const float* x, float* image) const {
  const Window& w = window_;
  const Side& side = forward_;
  const int rows = std::min(w.in_h, kTile * side.down + 2 - w.pad_top);
  const int columns = std::min(w.in_w, kTile * side.across + 2 - w.pad_left);
  float* to = image + w.pad_top * side.row + ptrdiff_t{w.pad_left} * w.in_c;
  for (int y = 0; y < rows; ++y, to += side.row)
    std::copy_n(x + ptrdiff_t{y} * w.in_w * w.in_c, columns * w.in_c, to);
}

void TrainWinograd::PadGradient(int n, const float* y, const float* dy,
                                const GradientSource& gradient,
                                float* g) const {
  const Window& w = window_;
  const ptrdiff_t out_row = ptrdiff_t{w.out_w} * w.out_c;
  float* to = g + g_first_;
  for (int oy = 0; oy < w.out_h; ++oy, to += backward_.row) {
    const ptrdiff_t row = ptrdiff_t{n} * w.out_h + oy;
    const float* made =
        OutputGradient(gradient, range_, static_cast<size_t>(row * w.out_w),
                       static_cast<size_t>(w.out_w), w.out_c, y, dy, to);
    if (made != to) std::copy_n(made, out_row, to);
  }
}

void TrainWinograd::Forward(int batch, const float* x, const float* bias,
                            float* y, float* workspace,
                            const OutputsMade& made) const {
  const Window& w = window_;
  float* images = workspace;
  float* padded_bias =
      images + static_cast<size_t>(images_) * forward_.image_floats;
  float* v = padded_bias + bias_floats_;
  std::fill_n(images, v - images, 0.0f);
  if (bias != nullptr) std::copy_n(bias, w.out_c, padded_bias);
  for (int first = 0; first < batch; first += images_) {
    const int count = std::min(images_, batch - first);
    for (int n = 0; n < count; ++n, x += w.in_size())
      PadInput(x, images + static_cast<size_t>(n) * forward_.image_floats);
    Convolve(forward_, count, images, padded_bias, range_, false, y, v);
    if (made)
      made(y,
           static_cast<size_t>(count) * static_cast<size_t>(w.out_h * w.out_w));
    y += count * w.out_size();
  }
}

// The sums of products of images' patches and gradients, by position.
void TrainWinograd::AddWeightGradient(int count, const float* images,
                                      const float* g, bool accumulate, float* v,
                                      float* du) const {
  const Side& side = forward_;
  const ptrdiff_t v_plane = tiles_ * side.v_pitch + kApart;
  const ptrdiff_t g_plane = tiles_ * side.m_pitch + kApart;
  float* transformed = v + v_floats_;
  ForEachBand(side, count, [&](int first, int tiles) {
    Patches(side, images, first, tiles, v);
    ForEachPart(side, first, tiles, [&](int t, int part, int n, int y, int x) {
      const float* at = g + static_cast<size_t>(n) * backward_.image_floats +
                        g_first_ + kTile * y * backward_.row +
                        ptrdiff_t{kTile} * x * side.outputs;
      transforms_->gradients(
          {at, backward_.row, side.outputs, part, side.outputs},
          {transformed + t * side.m_pitch, g_plane, side.m_pitch});
    });
    for (const ConvRuns::Block& b : side.runs.blocks) {
      ConvWeightGrad args{};
      args.x_step = side.v_pitch;
      args.g_step = side.m_pitch;
      args.rows = 1;
      args.width = tiles;
      args.offset = side.runs.offset.data();
      args.runs = 1;
      args.run_length = side.inputs;
      args.dw_step = b.vectors * micro_->lanes;
      args.accumulate = accumulate || first > 0;
      for (int at = 0; at < kPositions; ++at) {
        args.x = v + at * v_plane;
        args.g = transformed + at * g_plane + b.first;
        args.dw = du + at * side.position +
                  static_cast<ptrdiff_t>(side.runs.WeightsOf(b));
        micro_->weight_grad(args, b.vectors);
      }
    }
  });
}

void TrainWinograd::UnpackWeights(const float* du, float* dw) const {
  const Side& side = forward_;
  const int in = window_.in_c;
  for (const ConvRuns::Block& b : side.runs.blocks) {
    const int width = b.vectors * micro_->lanes;
    const int channels = std::min(width, window_.out_c - b.first);
    for (int c = 0; c < in; ++c) {
      Row taps[kTaps];
      transforms_->taps(du + side.runs.WeightsOf(b) + ptrdiff_t{c} * width,
                        side.position, channels, taps[0], kWidest);
      for (int k = 0; k < kTaps; ++k) {
        for (int o = 0; o < channels; ++o)
          dw[(ptrdiff_t{b.first + o} * kTaps + k) * in + c] = taps[k][o];
      }
    }
  }
}

void TrainWinograd::Backward(int batch, const float* x, const float* y,
                             const float* dy, float* dx, float* dw, float* db,
                             float* workspace, const GradientSource& gradient,
                             bool adds_dx) const {
  const Window& w = window_;
  const auto most = static_cast<size_t>(images_);
  float* images = workspace;
  float* g = images + most * forward_.image_floats;
  float* sums = g + most * backward_.image_floats;
  float* du = sums + bias_floats_;
  float* v = du + forward_.weights.size();
  std::fill_n(images, du - images, 0.0f);
  for (int first = 0; first < batch; first += images_) {
    const int count = std::min(images_, batch - first);
    for (int n = 0; n < count; ++n) {
      float* one = g + static_cast<size_t>(n) * backward_.image_floats;
      PadGradient(first + n, y, dy, gradient, one);
      if (db != nullptr) {
        micro_->column_sum(one + g_first_, backward_.row, w.out_c, w.out_h,
                           w.out_w, w.out_c, sums);
      }
      if (dw != nullptr) {
        PadInput(x + (first + n) * w.in_size(),
                 images + static_cast<size_t>(n) * forward_.image_floats);
      }
    }
    if (dw != nullptr) AddWeightGradient(count, images, g, first > 0, v, du);
    if (dx != nullptr) {
      Convolve(backward_, count, g, zeros_.data(), FloatRange(), adds_dx,
               dx + first * w.in_size(), v);
    }
  }
  if (dw != nullptr) UnpackWeights(du, dw);
  if (db != nullptr) std::copy_n(sums, w.out_c, db);
}

}  // namespace litesmith::kernels
