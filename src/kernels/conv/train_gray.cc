// Plans the rows of an image and its pool for the inner loops of
// train_gray_micro.h.
#include "src/kernels/conv/train_gray.h"

#include <algorithm>
#include <numeric>

namespace litesmith::kernels {
namespace {

// A vector may begin in the image's last element.
constexpr size_t kSlack = 64;
constexpr size_t kRouteSlack = 8;

}  // namespace

bool GrayConvPool::Fits(const Window& conv, const Window& pool) {
  if (conv.in_c != 1 || conv.stride_h != 1 || conv.stride_w != 1 ||
      conv.dilation_h != 1 || conv.dilation_w != 1 ||
      conv.filter_h != conv.filter_w ||
      (conv.filter_h != 3 && conv.filter_h != 5) || pool.filter_h != 2 ||
      pool.filter_w != 2) {
    return false;
  }
  // The input columns of all lanes of a vector must lie in one loaded vector.
  const int lanes = GetGrayMicro().lanes;
  const int common = std::gcd(lanes, conv.out_c);
  int most = 0;
  for (int start = 0; start < conv.out_c; start += common) {
    most = std::max(most, (start + lanes - 1) / conv.out_c);
  }
  return 2 * most + conv.filter_w < lanes;
}

bool GrayConvPool::FitsQuant(const Window& conv, FloatRange range,
                             const Window& pool) {
  return range.low >= 0.0f && conv.out_h % 2 == 0 && conv.out_w % 2 == 0 &&
         Fits(conv, pool);
}

GrayConvPool::GrayConvPool(const Window& conv, FloatRange range,
                           const Window& pool)
    : micro_(&GetGrayMicro()),
      conv_(conv),
      padded_(conv.pad_top > 0 || conv.pad_left > 0 ||
              conv.out_h + conv.filter_h - 1 > conv.in_h ||
              conv.out_w + conv.filter_w - 1 > conv.in_w) {
  const int lanes = micro_->lanes;
  const int row = pool.out_w * conv.out_c;
  const int columns =
      padded_ ? std::max(conv.in_w + conv.pad_left, conv.out_w + conv.filter_w)
              : conv.in_w;
  const int rows =
      padded_ ? std::max(conv.in_h + conv.pad_top, conv.out_h + conv.filter_h)
              : conv.in_h;
  image_floats_ = RoundUp16(static_cast<size_t>(rows * columns)) + kSlack;
  layer_.phases = conv.out_c / std::gcd(conv.out_c, lanes);
  layer_.vectors = (row + lanes - 1) / lanes;
  layer_.last_lanes = row - (layer_.vectors - 1) * lanes;
  layer_.filter = conv.filter_h;
  layer_.rows = pool.out_h;
  layer_.x_row = columns;
  layer_.y_row = row;
  layer_.range = range;
  for (int v = 0; v < layer_.vectors; ++v) {
    first_x_.push_back(2 * (v * lanes / conv_.out_c));
  }
  for (int p = 0; p < layer_.phases; ++p) {
    const int start = p * lanes % conv_.out_c;
    for (int l = 0; l < lanes; ++l) {
      column_.push_back(2 * ((start + l) / conv_.out_c));
    }
  }
  w_.Resize(static_cast<size_t>(layer_.phases * Taps() * lanes));
}

GrayLayer GrayConvPool::Layer() const {
  GrayLayer layer = layer_;
  layer.first_x = first_x_.data();
  layer.column = column_.data();
  layer.w = w_.data();
  return layer;
}

void GrayConvPool::Pack(const float* w) {
  float* to = w_.data();
  for (int p = 0; p < layer_.phases; ++p) {
    for (int t = 0; t < Taps(); ++t) {
      for (int l = 0; l < micro_->lanes; ++l) {
        const int channel = (p * micro_->lanes + l) % conv_.out_c;
        *to++ = w[channel * Taps() + t];
      }
    }
  }
}

size_t GrayConvPool::BiasFloats() const {
  return static_cast<size_t>(layer_.phases * micro_->lanes);
}

size_t GrayConvPool::SumFloats() const {
  return BiasFloats() * static_cast<size_t>(Taps() + 1);
}

size_t GrayConvPool::RouteBytes() const {
  return static_cast<size_t>(layer_.rows * layer_.vectors *
                             micro_->route_bytes);
}

size_t GrayConvPool::workspace_bytes() const {
  return (image_floats_ + SumFloats()) * sizeof(float);
}

size_t GrayConvPool::saved_bytes(int batch) const {
  return static_cast<size_t>(batch) * RouteBytes() + kRouteSlack;
}

void GrayConvPool::PackBias(const float* bias, float* packed) const {
  for (size_t i = 0; i < BiasFloats(); ++i) {
    packed[i] =
        bias == nullptr ? 0.0f : bias[i % static_cast<size_t>(conv_.out_c)];
  }
}

template <typename Run>
void GrayConvPool::ForEachImage(int batch, const float* x, float* buffer,
                                Run&& run) const {
  std::fill_n(buffer, image_floats_, 0.0f);
  float* inside = buffer + conv_.pad_top * layer_.x_row + conv_.pad_left;
  for (int n = 0; n < batch; ++n, x += conv_.in_size()) {
    // Behind all but the last image the next one follows.
    if (!padded_ && n + 1 < batch) {
      run(n, x);
      continue;
    }
    for (int y = 0; y < conv_.in_h; ++y) {
      std::copy_n(x + ptrdiff_t{y} * conv_.in_w, conv_.in_w,
                  inside + y * layer_.x_row);
    }
    run(n, buffer);
  }
}

void GrayConvPool::Forward(int batch, const float* x, const float* bias,
                           float* y, uint8_t* routes, float* workspace) const {
  float* packed_bias = workspace + image_floats_;
  PackBias(bias, packed_bias);
  ForEachImage(batch, x, workspace, [&](int n, const float* image) {
    micro_->forward(Layer(), image, packed_bias, y + n * OutFloats(),
                    routes + static_cast<size_t>(n) * RouteBytes());
  });
}

void GrayConvPool::QuantForward(int batch, const FakeQuantGrid& grid,
                                const float* x, const float* bias, float* y,
                                uint8_t* routes, float* workspace) const {
  float* packed_bias = workspace + image_floats_;
  PackBias(bias, packed_bias);
  ForEachImage(batch, x, workspace, [&](int n, const float* image) {
    micro_->quant_forward(Layer(), grid, image, packed_bias,
                          y + n * OutFloats(),
                          routes + static_cast<size_t>(n) * RouteBytes());
  });
}

float GrayConvPool::Largest(int batch, const float* x, const float* bias,
                            float* workspace) const {
  float* packed_bias = workspace + image_floats_;
  PackBias(bias, packed_bias);
  float largest = layer_.range.low;
  ForEachImage(batch, x, workspace, [&](int, const float* image) {
    largest = std::max(largest, micro_->largest(Layer(), image, packed_bias));
  });
  return largest;
}

void GrayConvPool::Backward(int batch, const float* x, const float* dy,
                            const uint8_t* routes, float* dw, float* db,
                            float* workspace) const {
  float* sums = workspace + image_floats_;
  std::fill_n(sums, SumFloats(), 0.0f);
  ForEachImage(batch, x, workspace, [&](int n, const float* image) {
    micro_->weight_grad(Layer(), image, dy + n * OutFloats(),
                        routes + static_cast<size_t>(n) * RouteBytes(), sums);
  });
  Unpack(sums, dw, db);
}

void GrayConvPool::Unpack(const float* sums, float* dw, float* db) const {
  const int taps = Taps();
  if (dw != nullptr) std::fill_n(dw, conv_.out_c * taps, 0.0f);
  if (db != nullptr) std::fill_n(db, conv_.out_c, 0.0f);
  for (int p = 0; p < layer_.phases; ++p) {
    for (int t = 0; t <= taps; ++t) {
      for (int l = 0; l < micro_->lanes; ++l) {
        const int channel = (p * micro_->lanes + l) % conv_.out_c;
        const float sum = *sums++;
        if (t < taps && dw != nullptr) dw[channel * taps + t] += sum;
        if (t == taps && db != nullptr) db[channel] += sum;
      }
    }
  }
}

}  // namespace litesmith::kernels
