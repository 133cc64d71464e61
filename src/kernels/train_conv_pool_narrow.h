// Convolution of a one-channel image with its activation and a 2x2 max pool,
// for training: first layers with few filters, where vectors of the channels
// of one pixel would be half empty and their sums too short.
//
// A vector holds neighbouring floats of the pooled NHWC row: with 12 channels,
// 4 pixels fill 3 vectors. Each lane needs its own pixel of the input, which a
// lane permutation of one loaded vector gives; the four positions of the pool
// window are four sums, so pooling stays in registers. In the backward pass
// each lane reads its winner's neighbourhood: no work for the losers.
//
// A fake quantization between activation and pool fits in, too. It makes equals
// of different values, and the first of equals wins, so the four sums are
// needed once its range is known. The range comes from all sums of the batch:
// computing them twice is cheaper than keeping them, which the caches cannot.
#ifndef LITESMITH_KERNELS_TRAIN_CONV_POOL_NARROW_H_
#define LITESMITH_KERNELS_TRAIN_CONV_POOL_NARROW_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "src/kernels/train_aligned.h"
#include "src/kernels/train_conv_pool_narrow_micro.h"
#include "src/kernels/window.h"

namespace litesmith::kernels {

class NarrowConvPool {
 public:
  // Whether this layer can be computed here on this machine.
  static bool Fits(const Window& conv, const Window& pool);

  NarrowConvPool() = default;
  // x_row: floats of a row of the (padded) image.
  NarrowConvPool(const Window& conv, FloatRange range, const Window& pool,
                 ptrdiff_t x_row);

  void Pack(const float* w);
  size_t bias_floats() const;  // of PackBias
  size_t sum_floats() const;   // of WeightGradient
  // Of an image; behind the last one there is kRouteSlack.
  size_t route_bytes() const;
  static constexpr size_t kRouteSlack = 8;
  void PackBias(const float* bias, float* packed) const;
  // One image each, as NarrowMicro's.
  void Forward(const float* x, const float* packed_bias, float* y,
               uint8_t* routes) const;
  void QuantForward(const FakeQuantGrid& grid, const float* x,
                    const float* packed_bias, float* y, uint8_t* routes) const;
  float Largest(const float* x, const float* packed_bias) const;
  void WeightGradient(const float* x, const float* dy, const uint8_t* routes,
                      float* sums) const;
  // Either may be null.
  void Unpack(const float* sums, float* dw, float* db) const;

 private:
  int Taps() const { return layer_.filter * layer_.filter; }
  NarrowLayer Layer() const;

  const NarrowMicro* micro_ = nullptr;
  int channels_ = 0;
  NarrowLayer layer_{};
  std::vector<int32_t> first_x_;
  std::vector<int32_t> column_;
  AlignedFloats w_;
};

}  // namespace litesmith::kernels

#endif  // LITESMITH_KERNELS_TRAIN_CONV_POOL_NARROW_H_
