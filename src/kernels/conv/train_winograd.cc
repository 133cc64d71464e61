// Plans tiles for the transforms of train_winograd_micro.h and the products of
// train_micro.h.
#include "src/kernels/conv/train_winograd.h"

#include <algorithm>

namespace litesmith::kernels {
namespace {

constexpr int kPositions = 16;
constexpr int kTaps = 9;
// Floats of transformed tiles that are worked on at a time, in the second level
// of cache, which a small one's rows of weights share.
constexpr int kBandFloats = 32 * 1024;
// Fewer tiles than these would move more weights than they multiply.
constexpr int kFewestTiles = 16;
// Floats between the planes of two positions, so that they do not share a few
// sets of the cache.
constexpr size_t kApart = 16;

int RoundUpTo(int n, int step) { return (n + step - 1) / step * step; }

// G g: four sums of three weights.
void SideWeights(const float* g, float* to) {
  to[0] = g[0];
  to[1] = 0.5f * (g[0] + g[2] + g[1]);
  to[2] = 0.5f * (g[0] + g[2] - g[1]);
  to[3] = g[2];
}

// G g G^T of a filter's nine taps.
void TransformWeights(const float* g, float* u) {
  float half[3][4];
  for (int x = 0; x < 3; ++x) {
    const float column[] = {g[x], g[3 + x], g[6 + x]};
    SideWeights(column, half[x]);
  }
  for (int y = 0; y < 4; ++y) {
    const float row[] = {half[0][y], half[1][y], half[2][y]};
    SideWeights(row, u + 4 * y);
  }
}

// The position of a tile that the flipped filter has where this one has `at`.
int Flipped(int at) {
  constexpr int kSide[] = {3, 1, 2, 0};
  return 4 * kSide[at / 4] + kSide[at % 4];
}

// G^T u of rows of `n` values: from[i] to to[0 .. 2].
void SideBack(const float* const* from, int n, float* const* to) {
  for (int i = 0; i < n; ++i) {
    const float sum = 0.5f * (from[1][i] + from[2][i]);
    to[0][i] = from[0][i] + sum;
    to[1][i] = 0.5f * (from[1][i] - from[2][i]);
    to[2][i] = sum + from[3][i];
  }
}

}  // namespace

bool TrainWinograd::Pays(const Window& w) {
  if (w.filter_h != 3 || w.filter_w != 3 || w.stride_h != 1 ||
      w.stride_w != 1 || w.dilation_h != 1 || w.dilation_w != 1)
    return false;
  // Enough products for what is transformed, vectors that are mostly filled,
  // and rows of a few tiles.
  constexpr int kFewest = 24;
  const int lanes = GetConvMicro().lanes;
  return w.pad_top >= 0 && w.pad_top <= 2 && w.pad_left >= 0 &&
         w.pad_left <= 2 && w.out_h >= 4 && w.out_w >= 4 && w.in_c >= kFewest &&
         w.out_c >= kFewest && 4 * w.in_c >= 3 * lanes &&
         4 * w.out_c >= 3 * lanes;
}

TrainWinograd::TrainWinograd(const Window& window, FloatRange range)
    : window_(window),
      range_(range),
      micro_(&GetConvMicro()),
      transforms_(&GetWinogradMicro()) {
  const Window& w = window_;
  const int lanes = micro_->lanes;
  const int width = RoundUpTo(w.in_c, lanes) + RoundUpTo(w.out_c, lanes);
  tiles_ = std::max(kFewestTiles, kBandFloats / kPositions / width);
  const int down = (w.out_h + 1) / 2, across = (w.out_w + 1) / 2;
  forward_ = PlanSide(w.in_c, w.out_c, w.out_h, w.out_w, 0, 0);
  // Its tiles of 2x2 are read, too.
  const int before_y = 2 - w.pad_top, before_x = 2 - w.pad_left;
  backward_ = PlanSide(w.out_c, w.in_c, w.in_h, w.in_w, before_y + 2 * down,
                       before_x + 2 * across);
  g_first_ = before_y * backward_.row + ptrdiff_t{before_x} * w.out_c;
  zeros_.Resize(static_cast<size_t>(std::max(w.in_c, w.out_c)) + kConvSlack);
  band_floats_ =
      2 * kPositions *
      (static_cast<size_t>(tiles_) *
           static_cast<size_t>(std::max(forward_.v_pitch, forward_.m_pitch)) +
       kApart);
  workspace_floats_ = forward_.image_floats + backward_.image_floats +
                      band_floats_ + forward_.weights.size() +
                      RoundUp16(static_cast<size_t>(w.out_c) + kConvSlack);
}

TrainWinograd::Side TrainWinograd::PlanSide(int inputs, int outputs, int rows,
                                            int columns, int image_rows,
                                            int image_columns) const {
  Side side;
  side.inputs = inputs, side.outputs = outputs;
  side.rows = rows, side.columns = columns;
  side.down = (rows + 1) / 2, side.across = (columns + 1) / 2;
  image_rows = std::max(image_rows, 2 * side.down + 2);
  image_columns = std::max(image_columns, 2 * side.across + 2);
  side.row = ptrdiff_t{image_columns} * inputs;
  side.image_floats = RoundUp16(static_cast<size_t>(image_rows) *
                                    static_cast<size_t>(side.row) +
                                kConvSlack);
  side.v_pitch = RoundUpTo(inputs, micro_->lanes);
  side.m_pitch = RoundUpTo(outputs, micro_->lanes);
  side.runs.offset = {0};
  side.runs.run_length = inputs;
  side.runs.Plan(*micro_, outputs, std::min(tiles_, side.down * side.across));
  side.position_floats = side.runs.weights.size() + kApart;
  side.weights.Resize(kPositions * side.position_floats);
  for (const ConvRuns::Block& b : side.runs.blocks) {
    const int width = b.vectors * micro_->lanes;
    for (int o = 0; o < std::min(width, outputs - b.first); ++o) {
      side.places.push_back({static_cast<ptrdiff_t>(side.runs.WeightsOf(b)) + o,
                             ptrdiff_t{width}});
    }
  }
  return side;
}

void TrainWinograd::Pack(const float* w) {
  const int in = window_.in_c, out = window_.out_c;
  const auto put = [](Side* side, int from, int to, const float* u) {
    const Side::Column& column = side->places[static_cast<size_t>(to)];
    float* at = side->weights.data() + column.first + from * column.step;
    for (int k = 0; k < kPositions; ++k, at += side->position_floats)
      *at = u[k];
  };
  for (int o = 0; o < out; ++o) {
    for (int c = 0; c < in; ++c) {
      float taps[kTaps], u[kPositions], flipped[kPositions];
      for (int k = 0; k < kTaps; ++k)
        taps[k] = w[(ptrdiff_t{o} * kTaps + k) * in + c];
      TransformWeights(taps, u);
      for (int k = 0; k < kPositions; ++k) flipped[k] = u[Flipped(k)];
      put(&forward_, c, o, u);
      put(&backward_, o, c, flipped);
    }
  }
}

template <class F>
void TrainWinograd::ForEachPart(const Side& side, int first, int count,
                                const F& f) {
  for (int t = 0; t < count;) {
    const int y = (first + t) / side.across, x = (first + t) % side.across;
    const int part = std::min(count - t, side.across - x);
    f(t, part, y, x);
    t += part;
  }
}

void TrainWinograd::Patches(const Side& side, const float* image, int first,
                            int count, float* v) const {
  const ptrdiff_t plane = tiles_ * side.v_pitch + kApart;
  ForEachPart(side, first, count, [&](int t, int part, int y, int x) {
    transforms_->patches(
        {image + 2 * y * side.row + ptrdiff_t{2} * x * side.inputs, side.row,
         side.inputs, part, side.inputs},
        {v + t * side.v_pitch, plane, side.v_pitch});
  });
}

void TrainWinograd::Convolve(const Side& side, const float* image,
                             const float* bias, FloatRange range, float* y,
                             float* v) const {
  const ptrdiff_t v_plane = tiles_ * side.v_pitch + kApart;
  const ptrdiff_t m_plane = tiles_ * side.m_pitch + kApart;
  float* m = v + band_floats_ / 2;
  const int tiles = side.down * side.across;
  for (int first = 0; first < tiles; first += tiles_) {
    const int count = std::min(tiles_, tiles - first);
    Patches(side, image, first, count, v);
    for (const ConvRuns::Block& b : side.runs.blocks) {
      ConvRow row{};
      row.x_step = side.v_pitch;
      row.offset = side.runs.offset.data();
      row.runs = 1;
      row.run_length = side.inputs;
      row.bias = zeros_.data();
      row.low = FloatRange().low, row.high = FloatRange().high;
      row.y_step = side.m_pitch;
      row.width = count;
      row.channels = b.vectors * micro_->lanes;
      for (int at = 0; at < kPositions; ++at) {
        row.x = v + at * v_plane;
        row.y = m + at * m_plane + b.first;
        row.w = side.weights.data() +
                static_cast<size_t>(at) * side.position_floats +
                side.runs.WeightsOf(b);
        micro_->row(row, b.vectors);
      }
    }
    const ptrdiff_t y_row = ptrdiff_t{side.columns} * side.outputs;
    ForEachPart(side, first, count, [&](int t, int part, int ty, int tx) {
      transforms_->outputs(
          {m + t * side.m_pitch, m_plane, side.m_pitch},
          {y + 2 * ty * y_row + ptrdiff_t{2} * tx * side.outputs, y_row,
           std::min(2, side.rows - 2 * ty),
           std::min(2 * part, side.columns - 2 * tx), side.outputs, bias,
           range.low, range.high});
    });
  }
}

void TrainWinograd::PadInput(const float* x, float* image) const {
  const Window& w = window_;
  const Side& side = forward_;
  const int rows = std::min(w.in_h, 2 * side.down + 2 - w.pad_top);
  const int columns = std::min(w.in_w, 2 * side.across + 2 - w.pad_left);
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
    const ptrdiff_t at = (ptrdiff_t{n} * w.out_h + oy) * out_row;
    if (gradient) {
      gradient(static_cast<size_t>((n * w.out_h + oy) * w.out_w),
               static_cast<size_t>(w.out_w), to);
    } else if (!range_.IsNone()) {
      micro_->mask(dy + at, y + at, static_cast<size_t>(out_row), range_.low,
                   range_.high, to);
    } else {
      std::copy_n(dy + at, out_row, to);
    }
  }
}

void TrainWinograd::Forward(int batch, const float* x, const float* bias,
                            float* y, float* workspace,
                            const OutputsMade& made) const {
  const Window& w = window_;
  float* image = workspace;
  float* padded_bias = image + forward_.image_floats;
  float* v = padded_bias + RoundUp16(static_cast<size_t>(w.out_c) + kConvSlack);
  std::fill_n(image, v - image, 0.0f);
  if (bias != nullptr) std::copy_n(bias, w.out_c, padded_bias);
  for (int n = 0; n < batch; ++n, x += w.in_size(), y += w.out_size()) {
    PadInput(x, image);
    Convolve(forward_, image, padded_bias, range_, y, v);
    if (made) made(y, static_cast<size_t>(w.out_h) * w.out_w);
  }
}

// The sums of products of an image's patches and gradients, by position.
void TrainWinograd::AddWeightGradient(const float* image, const float* g,
                                      bool accumulate, float* v,
                                      float* du) const {
  const Side& side = forward_;
  const ptrdiff_t v_plane = tiles_ * side.v_pitch + kApart;
  const ptrdiff_t g_plane = tiles_ * side.m_pitch + kApart;
  float* transformed = v + band_floats_ / 2;
  const int tiles = side.down * side.across;
  for (int first = 0; first < tiles; first += tiles_) {
    const int count = std::min(tiles_, tiles - first);
    Patches(side, image, first, count, v);
    ForEachPart(side, first, count, [&](int t, int part, int y, int x) {
      transforms_->gradients(
          {g + g_first_ + 2 * y * backward_.row +
               ptrdiff_t{2} * x * side.outputs,
           backward_.row, side.outputs, part, side.outputs},
          {transformed + t * side.m_pitch, g_plane, side.m_pitch});
    });
    for (const ConvRuns::Block& b : side.runs.blocks) {
      ConvWeightGrad args{};
      args.x_step = side.v_pitch;
      args.g_step = side.m_pitch;
      args.rows = 1;
      args.width = count;
      args.offset = side.runs.offset.data();
      args.runs = 1;
      args.run_length = side.inputs;
      args.dw_step = b.vectors * micro_->lanes;
      args.accumulate = accumulate || first > 0;
      for (int at = 0; at < kPositions; ++at) {
        args.x = v + at * v_plane;
        args.g = transformed + at * g_plane + b.first;
        args.dw = du + static_cast<size_t>(at) * side.position_floats +
                  side.runs.WeightsOf(b);
        micro_->weight_grad(args, b.vectors);
      }
    }
  }
}

void TrainWinograd::UnpackWeights(const float* du, float* dw) const {
  constexpr int kWidest = kMaxConvVectors * 64;
  const Side& side = forward_;
  const int in = window_.in_c;
  for (const ConvRuns::Block& b : side.runs.blocks) {
    const int width = b.vectors * micro_->lanes;
    const int channels = std::min(width, window_.out_c - b.first);
    for (int c = 0; c < in; ++c) {
      float half[3][4][kWidest];
      float taps[kTaps][kWidest];
      const float* from = du + side.runs.WeightsOf(b) + ptrdiff_t{c} * width;
      const auto position = [&](int y, int x) {
        return from + static_cast<size_t>(4 * y + x) * side.position_floats;
      };
      for (int x = 0; x < 4; ++x) {
        const float* rows[] = {position(0, x), position(1, x), position(2, x),
                               position(3, x)};
        float* const to[] = {half[0][x], half[1][x], half[2][x]};
        SideBack(rows, channels, to);
      }
      for (int y = 0; y < 3; ++y) {
        const float* columns[] = {half[y][0], half[y][1], half[y][2],
                                  half[y][3]};
        float* const to[] = {taps[3 * y], taps[3 * y + 1], taps[3 * y + 2]};
        SideBack(columns, channels, to);
      }
      for (int k = 0; k < kTaps; ++k) {
        for (int o = 0; o < channels; ++o)
          dw[(ptrdiff_t{b.first + o} * kTaps + k) * in + c] = taps[k][o];
      }
    }
  }
}

void TrainWinograd::Backward(int batch, const float* x, const float* y,
                             const float* dy, float* dx, float* dw, float* db,
                             float* workspace,
                             const GradientSource& gradient) const {
  const Window& w = window_;
  float* image = workspace;
  float* g = image + forward_.image_floats;
  float* sums = g + backward_.image_floats;
  float* du = sums + RoundUp16(static_cast<size_t>(w.out_c) + kConvSlack);
  float* v = du + forward_.weights.size();
  std::fill_n(image, du - image, 0.0f);
  for (int n = 0; n < batch; ++n) {
    PadGradient(n, y, dy, gradient, g);
    if (db != nullptr) {
      micro_->column_sum(g + g_first_, backward_.row, w.out_c, w.out_h, w.out_w,
                         w.out_c, sums);
    }
    if (dw != nullptr) {
      PadInput(x + n * w.in_size(), image);
      AddWeightGradient(image, g, n > 0, v, du);
    }
    if (dx != nullptr) {
      Convolve(backward_, g, zeros_.data(), FloatRange(), dx + n * w.in_size(),
               v);
    }
  }
  if (dw != nullptr) UnpackWeights(du, dw);
  if (db != nullptr) std::copy_n(sums, w.out_c, db);
}

}  // namespace litesmith::kernels
