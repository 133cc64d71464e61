// Each pixel of x is spread by the taps; loops over channels are the innermost,
// which compilers make vectors of.
#include "src/kernels/conv/train_transposed.h"

#include <algorithm>
#include <cstdint>

namespace litesmith::kernels {
namespace {

// y += a x.
void AddScaled(float a, const float* x, int n, float* __restrict y) {
  for (int i = 0; i < n; ++i) y[i] += a * x[i];
}

}  // namespace

TrainTransposed::TrainTransposed(const Window& window, FloatRange range)
    : window_(window),
      range_(range),
      spread_(static_cast<size_t>(window.taps() * window.out_c)) {}

void TrainTransposed::Pack(const float* w) {
  const int64_t taps = int64_t{window_.filter_h} * window_.filter_w;
  for (int o = 0; o < window_.out_c; ++o) {
    for (int64_t t = 0; t < taps; ++t) {
      for (int c = 0; c < window_.in_c; ++c)
        spread_[static_cast<size_t>((t * window_.in_c + c) * window_.out_c +
                                    o)] = *w++;
    }
  }
}

size_t TrainTransposed::workspace_bytes() const {
  return static_cast<size_t>(window_.out_size()) * sizeof(float);
}

template <class Visit>
void TrainTransposed::ForEachTap(const Visit& visit) const {
  const Window& g = window_;
  for (int iy = 0; iy < g.in_h; ++iy) {
    for (int ix = 0; ix < g.in_w; ++ix) {
      for (int ky = 0; ky < g.filter_h; ++ky) {
        const int oy = iy * g.stride_h - g.pad_top + ky;
        if (oy < 0 || oy >= g.out_h) continue;
        for (int kx = 0; kx < g.filter_w; ++kx) {
          const int ox = ix * g.stride_w - g.pad_left + kx;
          if (ox < 0 || ox >= g.out_w) continue;
          visit(int64_t{iy} * g.in_w + ix, int64_t{oy} * g.out_w + ox,
                int64_t{ky} * g.filter_w + kx);
        }
      }
    }
  }
}

void TrainTransposed::Forward(int batch, const float* x, const float* bias,
                              float* y, float*) const {
  const Window& g = window_;
  for (int n = 0; n < batch; ++n, x += g.in_size(), y += g.out_size()) {
    std::fill_n(y, g.out_size(), 0.0f);
    ForEachTap([&](int64_t in, int64_t out, int64_t tap) {
      const float* from = x + in * g.in_c;
      const float* w = spread_.data() + tap * g.in_c * g.out_c;
      for (int c = 0; c < g.in_c; ++c, w += g.out_c)
        AddScaled(from[c], w, g.out_c, y + out * g.out_c);
    });
    for (int64_t i = 0; i < g.out_size(); i += g.out_c) {
      for (int o = 0; o < g.out_c; ++o) {
        const float sum = bias == nullptr ? y[i + o] : y[i + o] + bias[o];
        y[i + o] = std::min(std::max(sum, range_.low), range_.high);
      }
    }
  }
}

void TrainTransposed::Backward(int batch, const float* x, const float* w,
                               const float* y, const float* dy, float* dx,
                               float* dw, float* db, float* workspace) const {
  const Window& g = window_;
  if (dx != nullptr) std::fill_n(dx, batch * g.in_size(), 0.0f);
  if (dw != nullptr) std::fill_n(dw, g.taps() * g.out_c, 0.0f);
  if (db != nullptr) std::fill_n(db, g.out_c, 0.0f);
  for (int n = 0; n < batch; ++n) {
    // The gradient of the sums, before the clamp.
    for (int64_t i = 0; i < g.out_size(); ++i)
      workspace[i] = range_.Passes(y[i]) ? dy[i] : 0.0f;
    if (dx != nullptr || dw != nullptr) {
      ForEachTap([&](int64_t in, int64_t out, int64_t tap) {
        const float* of = workspace + out * g.out_c;
        for (int o = 0; o < g.out_c; ++o) {
          const int64_t at = o * g.taps() + tap * g.in_c;
          if (dx != nullptr) AddScaled(of[o], w + at, g.in_c, dx + in * g.in_c);
          if (dw != nullptr) AddScaled(of[o], x + in * g.in_c, g.in_c, dw + at);
        }
      });
    }
    if (db != nullptr) {
      for (int64_t i = 0; i < g.out_size(); i += g.out_c)
        AddScaled(1.0f, workspace + i, g.out_c, db);
    }
    x += g.in_size(), y += g.out_size(), dy += g.out_size();
    if (dx != nullptr) dx += g.in_size();
  }
}

}  // namespace litesmith::kernels
