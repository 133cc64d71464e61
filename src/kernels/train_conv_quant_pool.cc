#include "src/kernels/train_conv_quant_pool.h"

#include <algorithm>

namespace litesmith::kernels {

bool TrainConvQuantPool::Fits(const Window& conv, FloatRange range,
                              const Window& pool) {
  return range.low >= 0.0f && conv.out_h % 2 == 0 && conv.out_w % 2 == 0 &&
         NarrowConvPool::Fits(conv, pool);
}

TrainConvQuantPool::TrainConvQuantPool(const Window& conv, FloatRange range,
                                       const Window& pool)
    : conv_(conv, range),
      narrow_(conv, range, pool, conv_.x_row()),
      pool_(pool) {
  const size_t image = conv_.padded_input()
                           ? conv_.padded_floats()
                           : static_cast<size_t>(conv.in_size());
  // A vector may begin in the last element.
  image_floats_ = RoundUp16(image) + 64;
}

size_t TrainConvQuantPool::workspace_bytes() const {
  return (image_floats_ + narrow_.sum_floats()) * sizeof(float);
}

size_t TrainConvQuantPool::saved_bytes(int batch) const {
  return static_cast<size_t>(batch) * narrow_.route_bytes() +
         NarrowConvPool::kRouteSlack;
}

const float* TrainConvQuantPool::Image(const float* x, float* workspace) const {
  if (conv_.padded_input()) return conv_.PadInput(x, workspace);
  std::copy_n(x, conv_.window().in_size(), workspace);
  return workspace;
}

float TrainConvQuantPool::Largest(int batch, const float* x, const float* bias,
                                  float* workspace) const {
  float* packed_bias = workspace + image_floats_;
  std::fill_n(workspace, image_floats_, 0.0f);
  narrow_.PackBias(bias, packed_bias);
  float largest = 0.0f;
  for (int n = 0; n < batch; ++n, x += conv_.window().in_size()) {
    largest =
        std::max(largest, narrow_.Largest(Image(x, workspace), packed_bias));
  }
  return largest;
}

void TrainConvQuantPool::Forward(int batch, const FakeQuantGrid& grid,
                                 const float* x, const float* bias, float* y,
                                 uint8_t* routes, float* workspace) const {
  float* packed_bias = workspace + image_floats_;
  std::fill_n(workspace, image_floats_, 0.0f);
  narrow_.PackBias(bias, packed_bias);
  for (int n = 0; n < batch; ++n) {
    narrow_.QuantForward(grid, Image(x, workspace), packed_bias, y, routes);
    x += conv_.window().in_size();
    y += pool_.out_size();
    routes += narrow_.route_bytes();
  }
}

void TrainConvQuantPool::Backward(int batch, const float* x, const float* dy,
                                  const uint8_t* routes, float* dw, float* db,
                                  float* workspace) const {
  float* sums = workspace + image_floats_;
  std::fill_n(workspace, image_floats_ + narrow_.sum_floats(), 0.0f);
  for (int n = 0; n < batch; ++n) {
    narrow_.WeightGradient(Image(x, workspace), dy, routes, sums);
    x += conv_.window().in_size();
    dy += pool_.out_size();
    routes += narrow_.route_bytes();
  }
  narrow_.Unpack(sums, dw, db);
}

}  // namespace litesmith::kernels
