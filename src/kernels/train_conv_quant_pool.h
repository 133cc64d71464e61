// Convolution of a one-channel image, its activation, a fake quantization of
// the outputs and a 2x2 max pool as one training kernel: the results of the
// four one after another, of which only the pooled values are ever stored.
// Other layers than train_conv_pool_narrow.h's stay four kernels.
#ifndef LITESMITH_KERNELS_TRAIN_CONV_QUANT_POOL_H_
#define LITESMITH_KERNELS_TRAIN_CONV_QUANT_POOL_H_

#include <cstddef>
#include <cstdint>

#include "src/kernels/train_conv.h"
#include "src/kernels/train_conv_pool_narrow.h"

namespace litesmith::kernels {

class TrainConvQuantPool {
 public:
  // The pool must read every output of the convolution, or the range would
  // miss some, and outputs may not be negative: the range's lower end is zero.
  static bool Fits(const Window& conv, FloatRange range, const Window& pool);

  TrainConvQuantPool(const Window& conv, FloatRange range, const Window& pool);
  void Pack(const float* w) { narrow_.Pack(w); }

  size_t workspace_bytes() const;
  // Routes of `batch` samples.
  size_t saved_bytes(int batch) const;

  // The largest output of the activation. x [batch,H,W,1], bias [O] or null.
  float Largest(int batch, const float* x, const float* bias,
                float* workspace) const;
  // y [batch, pooled H, pooled W, O].
  void Forward(int batch, const FakeQuantGrid& grid, const float* x,
               const float* bias, float* y, uint8_t* routes,
               float* workspace) const;
  // Gradients of weights and bias are overwritten; null where not wanted.
  void Backward(int batch, const float* x, const float* dy,
                const uint8_t* routes, float* dw, float* db,
                float* workspace) const;

 private:
  // Copies or pads the image so that vectors may be read behind its end.
  const float* Image(const float* x, float* workspace) const;

  TrainConv conv_;  // for its padding alone: it never gets weights
  NarrowConvPool narrow_;
  Window pool_;
  size_t image_floats_ = 0;
};

}  // namespace litesmith::kernels

#endif  // LITESMITH_KERNELS_TRAIN_CONV_QUANT_POOL_H_
