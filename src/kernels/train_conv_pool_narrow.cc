#include "src/kernels/train_conv_pool_narrow.h"

#include <algorithm>
#include <numeric>

namespace litesmith::kernels {

bool NarrowConvPool::Fits(const Window& conv, const Window& pool) {
  if (conv.in_c != 1 || conv.stride_h != 1 || conv.stride_w != 1 ||
      conv.dilation_h != 1 || conv.dilation_w != 1 ||
      conv.filter_h != conv.filter_w ||
      (conv.filter_h != 3 && conv.filter_h != 5) || pool.filter_h != 2 ||
      pool.filter_w != 2) {
    return false;
  }
  // The input columns of all lanes of a vector must lie in one loaded vector.
  const int lanes = GetNarrowMicro().lanes;
  const int common = std::gcd(lanes, conv.out_c);
  int most = 0;
  for (int start = 0; start < conv.out_c; start += common) {
    most = std::max(most, (start + lanes - 1) / conv.out_c);
  }
  return 2 * most + conv.filter_w < lanes;
}

NarrowConvPool::NarrowConvPool(const Window& conv, FloatRange range,
                               const Window& pool, ptrdiff_t x_row)
    : micro_(&GetNarrowMicro()), channels_(conv.out_c) {
  const int lanes = micro_->lanes;
  const int row = pool.out_w * channels_;
  layer_.lanes = lanes;
  layer_.phases = channels_ / std::gcd(channels_, lanes);
  layer_.vectors = (row + lanes - 1) / lanes;
  layer_.last_lanes = row - (layer_.vectors - 1) * lanes;
  layer_.filter = conv.filter_h;
  layer_.rows = pool.out_h;
  layer_.x_row = x_row;
  layer_.y_row = row;
  layer_.range = range;
  for (int v = 0; v < layer_.vectors; ++v) {
    first_x_.push_back(2 * (v * lanes / channels_));
  }
  for (int p = 0; p < layer_.phases; ++p) {
    const int start = p * lanes % channels_;
    for (int l = 0; l < lanes; ++l) {
      column_.push_back(2 * ((start + l) / channels_));
    }
  }
  w_.Resize(static_cast<size_t>(layer_.phases * Taps() * lanes));
}

NarrowLayer NarrowConvPool::Layer() const {
  NarrowLayer layer = layer_;
  layer.first_x = first_x_.data();
  layer.column = column_.data();
  layer.w = w_.data();
  return layer;
}

void NarrowConvPool::Pack(const float* w) {
  float* to = w_.data();
  for (int p = 0; p < layer_.phases; ++p) {
    for (int t = 0; t < Taps(); ++t) {
      for (int l = 0; l < layer_.lanes; ++l) {
        const int channel = (p * layer_.lanes + l) % channels_;
        *to++ = w[channel * Taps() + t];
      }
    }
  }
}

size_t NarrowConvPool::bias_floats() const {
  return static_cast<size_t>(layer_.phases * layer_.lanes);
}

size_t NarrowConvPool::sum_floats() const {
  return bias_floats() * static_cast<size_t>(Taps() + 1);
}

void NarrowConvPool::PackBias(const float* bias, float* packed) const {
  for (size_t i = 0; i < bias_floats(); ++i) {
    packed[i] =
        bias == nullptr ? 0.0f : bias[i % static_cast<size_t>(channels_)];
  }
}

size_t NarrowConvPool::route_bytes() const {
  return static_cast<size_t>(layer_.rows * layer_.vectors *
                             micro_->route_bytes);
}

void NarrowConvPool::Forward(const float* x, const float* packed_bias, float* y,
                             uint8_t* routes) const {
  micro_->forward(Layer(), x, packed_bias, y, routes);
}

void NarrowConvPool::QuantForward(const FakeQuantGrid& grid, const float* x,
                                  const float* packed_bias, float* y,
                                  uint8_t* routes) const {
  micro_->quant_forward(Layer(), grid, x, packed_bias, y, routes);
}

float NarrowConvPool::Largest(const float* x, const float* packed_bias) const {
  return micro_->largest(Layer(), x, packed_bias);
}

void NarrowConvPool::WeightGradient(const float* x, const float* dy,
                                    const uint8_t* routes, float* sums) const {
  micro_->weight_grad(Layer(), x, dy, routes, sums);
}

void NarrowConvPool::Unpack(const float* sums, float* dw, float* db) const {
  const int taps = Taps();
  if (dw != nullptr) std::fill_n(dw, channels_ * taps, 0.0f);
  if (db != nullptr) std::fill_n(db, channels_, 0.0f);
  for (int p = 0; p < layer_.phases; ++p) {
    for (int t = 0; t <= taps; ++t) {
      for (int l = 0; l < layer_.lanes; ++l) {
        const int channel = (p * layer_.lanes + l) % channels_;
        const float sum = *sums++;
        if (t < taps && dw != nullptr) dw[channel * taps + t] += sum;
        if (t == taps && db != nullptr) db[channel] += sum;
      }
    }
  }
}

}  // namespace litesmith::kernels
