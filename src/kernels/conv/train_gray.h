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
#ifndef LITESMITH_KERNELS_CONV_TRAIN_GRAY_H_
#define LITESMITH_KERNELS_CONV_TRAIN_GRAY_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "src/kernels/common/aligned_floats.h"
#include "src/kernels/common/window.h"
#include "src/kernels/conv/train_gray_micro.h"

namespace litesmith::kernels {

// Pack first; the others may then run on several threads at once, each with its
// own workspace.
class GrayConvPool {
 public:
  // Whether this layer can be computed here on this machine.
  static bool Fits(const Window& conv, const Window& pool);
  // With a fake quantization the pool must read every output of the
  // convolution, or the range would miss some, and outputs may not be negative:
  // the range's lower end is zero.
  static bool FitsQuant(const Window& conv, FloatRange range,
                        const Window& pool);

  GrayConvPool(const Window& conv, FloatRange range, const Window& pool);

  // Weights [O,kh,kw,1] changed.
  void Pack(const float* w);

  size_t workspace_bytes() const;
  // Routes of `batch` samples.
  size_t saved_bytes(int batch) const;

  // x [batch,H,W,1], bias [O] or null, y [batch, pooled H, pooled W, O].
  void Forward(int batch, const float* x, const float* bias, float* y,
               uint8_t* routes, float* workspace) const;
  // The same with fake-quantized outputs.
  void QuantForward(int batch, const FakeQuantGrid& grid, const float* x,
                    const float* bias, float* y, uint8_t* routes,
                    float* workspace) const;
  // The largest output of the activation.
  float Largest(int batch, const float* x, const float* bias,
                float* workspace) const;
  // Gradients of weights and bias are overwritten; null where not wanted.
  void Backward(int batch, const float* x, const float* dy,
                const uint8_t* routes, float* dw, float* db,
                float* workspace) const;

 private:
  int Taps() const { return layer_.filter * layer_.filter; }
  ptrdiff_t OutFloats() const { return layer_.rows * layer_.y_row; }
  GrayLayer Layer() const;
  size_t BiasFloats() const;
  size_t SumFloats() const;
  size_t RouteBytes() const;  // of an image
  void PackBias(const float* bias, float* packed) const;
  void Unpack(const float* sums, float* dw, float* db) const;
  // Calls run(image n, its pixels) for all, padded if need be. Vectors may be
  // read behind the pixels' end.
  template <typename Run>
  void ForEachImage(int batch, const float* x, float* buffer, Run&& run) const;

  const GrayMicro* micro_;
  Window conv_;
  bool padded_;
  size_t image_floats_ = 0;  // of the buffer
  GrayLayer layer_{};
  std::vector<int32_t> first_x_;
  std::vector<int32_t> column_;
  AlignedFloats w_;
};

}  // namespace litesmith::kernels

#endif  // LITESMITH_KERNELS_CONV_TRAIN_GRAY_H_
