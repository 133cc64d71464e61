// One pool row of convolution outputs at a time, pooled while it is in cache.
#include "src/kernels/conv/train_pool.h"

#include <algorithm>

#include "src/base/check.h"

namespace litesmith::kernels {
namespace {

// The window's taps in rows of `row` floats and pixels of `step` floats.
struct Taps {
  ptrdiff_t offset[kMaxPoolTaps];
  uint8_t id[kMaxPoolTaps];
  int count = 0;
  Taps(const Window& pool, ptrdiff_t row, ptrdiff_t step) {
    for (int y = 0; y < pool.filter_h; ++y) {
      for (int x = 0; x < pool.filter_w; ++x) {
        offset[count] = y * row + x * step;
        id[count] = static_cast<uint8_t>(count);
        ++count;
      }
    }
  }
};

}  // namespace

TrainConvPool::TrainConvPool(const Window& conv, FloatRange range,
                             const Window& pool, bool input_gradient)
    : conv_(conv, range), range_(range), pool_(pool) {
  const auto padded = static_cast<size_t>(conv_.forward_runs().padded);
  row_pitch_ = static_cast<ptrdiff_t>(static_cast<size_t>(conv.out_w) * padded);
  const size_t forward = RoundUp16(conv_.padded_floats()) + RoundUp16(padded) +
                         static_cast<size_t>(pool.filter_h * row_pitch_);
  workspace_floats_ =
      std::max(forward, conv_.workspace_bytes() / sizeof(float));
  if (!input_gradient && GrayConvPool::Fits(conv, pool)) {
    gray_.emplace(conv, range, pool);
    workspace_floats_ = gray_->workspace_bytes() / sizeof(float);
  }
}

void TrainConvPool::Pack(const float* w) {
  if (gray_) return gray_->Pack(w);
  conv_.Pack(w);
}

size_t TrainConvPool::saved_bytes(int batch) const {
  if (gray_) return gray_->saved_bytes(batch);
  return static_cast<size_t>(batch * pool_.out_size()) + kWinnerSlack;
}

void TrainConvPool::Forward(int batch, const float* x, const float* bias,
                            float* y, uint8_t* winners,
                            float* workspace) const {
  if (gray_) return gray_->Forward(batch, x, bias, y, winners, workspace);
  const Window& w = conv_.window();
  const int padded = conv_.forward_runs().padded;
  float* image = workspace;
  float* padded_bias = image + RoundUp16(conv_.padded_floats());
  float* rows = padded_bias + RoundUp16(static_cast<size_t>(padded));
  std::fill_n(image, conv_.padded_floats(), 0.0f);
  conv_.PadBias(bias, padded_bias);
  const Taps taps(pool_, row_pitch_, padded);
  const ptrdiff_t pooled_row = ptrdiff_t{pool_.out_w} * w.out_c;
  for (int n = 0; n < batch; ++n, x += w.in_size()) {
    const float* source = conv_.PadInput(x, image);
    for (int py = 0; py < pool_.out_h; ++py) {
      for (int k = 0; k < pool_.filter_h; ++k) {
        conv_.ForwardRow(source, py * pool_.filter_h + k, padded_bias,
                         rows + k * row_pitch_, padded);
      }
      // The activation has been applied: it is monotonic, so pooling after it
      // or before it is the same.
      MaxPoolRow({rows, ptrdiff_t{pool_.filter_w} * padded, taps.offset,
                  taps.id, taps.count, pool_.out_w, w.out_c, FloatRange(), y,
                  winners});
      y += pooled_row;
      winners += pooled_row;
    }
  }
}

void TrainConvPool::Backward(int batch, const float* x, const float* y,
                             const float* dy, const uint8_t* winners, float* dx,
                             float* dw, float* db, float* workspace) const {
  if (gray_) {
    LS_CHECK(dx == nullptr);
    return gray_->Backward(batch, x, dy, winners, dw, db, workspace);
  }
  const Window& w = conv_.window();
  const auto padded = static_cast<size_t>(conv_.forward_runs().padded);
  float* image = workspace;
  float* g = image + RoundUp16(conv_.padded_floats());
  float* dw_packed = g + RoundUp16(conv_.gradient_floats());
  float* sums = dw_packed + RoundUp16(conv_.packed_floats());
  std::fill_n(image, conv_.padded_floats(), 0.0f);
  std::fill_n(g, conv_.gradient_floats(), 0.0f);
  std::fill_n(sums, padded, 0.0f);
  const Taps taps(pool_, conv_.g_row(), w.out_c);
  const ptrdiff_t pooled_row = ptrdiff_t{pool_.out_w} * w.out_c;
  for (int n = 0; n < batch; ++n) {
    const float* source =
        dw == nullptr ? nullptr : conv_.PadInput(x + n * w.in_size(), image);
    for (int py = 0; py < pool_.out_h; ++py) {
      const int oy = py * pool_.filter_h;
      MaxPoolGradRow({g + conv_.g_first() + oy * conv_.g_row(),
                      ptrdiff_t{pool_.filter_w} * w.out_c, taps.offset, taps.id,
                      taps.count, pool_.out_w, w.out_c, range_, y, dy, winners,
                      false});
      y += pooled_row;
      dy += pooled_row;
      winners += pooled_row;
      if (db != nullptr) {
        conv_.micro().column_sum(g + conv_.g_first() + oy * conv_.g_row(),
                                 conv_.g_row(), w.out_c, pool_.filter_h,
                                 w.out_w, w.out_c, sums);
      }
      if (dw != nullptr) {
        conv_.WeightGradient(source, g, oy, pool_.filter_h, n + py > 0, nullptr,
                             nullptr, dw_packed);
      }
    }
    if (dx != nullptr) conv_.InputGradient(g, false, dx + n * w.in_size());
  }
  if (dw != nullptr) conv_.UnpackWeights(dw_packed, dw);
  if (db != nullptr) std::copy_n(sums, w.out_c, db);
}

}  // namespace litesmith::kernels
