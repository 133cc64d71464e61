// The groups, one after another.
#include "src/kernels/conv/train_groups.h"

#include <algorithm>
#include <cstdint>

namespace litesmith::kernels {
namespace {

// `width` floats of each of `count` pixels.
void CopyPixels(const float* from, int from_pitch, int64_t count, int width,
                float* to, int to_pitch) {
  for (int64_t i = 0; i < count; ++i, from += from_pitch, to += to_pitch)
    std::copy_n(from, width, to);
}

}  // namespace

TrainGroups::TrainGroups(const Window& window, FloatRange range, int images)
    : window_(window) {
  Window part = window;
  part.in_c = in_c_ = window.filter_c;
  part.out_c = out_c_ = window.out_c / window.groups();
  size_t own = 0;
  for (int g = 0; g < window.groups(); ++g) {
    groups_.push_back(std::make_unique<TrainConv>(part, range));
    own = groups_.back()->workspace_bytes() / sizeof(float);
  }
  // Each part begins on a cache line.
  const auto rounded = [](int64_t floats) {
    return (static_cast<size_t>(floats) + 15) / 16 * 16;
  };
  x_floats_ = rounded(images * part.in_size());
  y_floats_ = rounded(images * part.out_size());
  workspace_floats_ = 2 * (x_floats_ + y_floats_) + own;
}

void TrainGroups::Pack(const float* w) {
  for (size_t g = 0; g < groups_.size(); ++g)
    groups_[g]->Pack(w + static_cast<int64_t>(g) * out_c_ * window_.taps());
}

void TrainGroups::Forward(int batch, const float* x, const float* bias,
                          float* y, float* workspace) const {
  const int64_t in = int64_t{batch} * window_.in_h * window_.in_w;
  const int64_t out = int64_t{batch} * window_.out_h * window_.out_w;
  float* part_x = workspace;
  float* part_y = part_x + x_floats_;
  float* own = part_y + y_floats_;
  for (size_t g = 0; g < groups_.size(); ++g, x += in_c_, y += out_c_) {
    CopyPixels(x, window_.in_c, in, in_c_, part_x, in_c_);
    groups_[g]->Forward(batch, part_x, bias, part_y, own);
    CopyPixels(part_y, out_c_, out, out_c_, y, window_.out_c);
    if (bias != nullptr) bias += out_c_;
  }
}

void TrainGroups::Backward(int batch, const float* x, const float* y,
                           const float* dy, float* dx, float* dw, float* db,
                           float* workspace) const {
  const int64_t in = int64_t{batch} * window_.in_h * window_.in_w;
  const int64_t out = int64_t{batch} * window_.out_h * window_.out_w;
  float* part_x = workspace;
  float* part_dx = part_x + x_floats_;
  float* part_y = part_dx + x_floats_;
  float* part_dy = part_y + y_floats_;
  float* own = part_dy + y_floats_;
  for (size_t g = 0; g < groups_.size(); ++g) {
    CopyPixels(x, window_.in_c, in, in_c_, part_x, in_c_);
    CopyPixels(y, window_.out_c, out, out_c_, part_y, out_c_);
    CopyPixels(dy, window_.out_c, out, out_c_, part_dy, out_c_);
    groups_[g]->Backward(batch, part_x, part_y, part_dy,
                         dx != nullptr ? part_dx : nullptr, dw, db, own);
    if (dx != nullptr) {
      CopyPixels(part_dx, in_c_, in, in_c_, dx, window_.in_c);
      dx += in_c_;
    }
    x += in_c_, y += out_c_, dy += out_c_;
    if (dw != nullptr) dw += out_c_ * window_.taps();
    if (db != nullptr) db += out_c_;
  }
}

}  // namespace litesmith::kernels
