// Convolution with its activation and a max pool of windows that do not
// overlap, as one training kernel. The convolution's outputs live one pool row
// at a time in the L1 cache; only the pooled ones and the winners are kept.
#ifndef LITESMITH_KERNELS_CONV_TRAIN_POOL_H_
#define LITESMITH_KERNELS_CONV_TRAIN_POOL_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "src/kernels/conv/train.h"
#include "src/kernels/conv/train_gray.h"
#include "src/kernels/pool/train.h"

namespace litesmith::kernels {

class TrainConvPool {
 public:
  // `pool` has stride = filter and no padding, and reads conv's outputs.
  // Without input_gradient, Backward's dx is null.
  TrainConvPool(const Window& conv, FloatRange range, const Window& pool,
                bool input_gradient);

  void Pack(const float* w);
  size_t workspace_bytes() const { return workspace_floats_ * sizeof(float); }
  // Of `batch` samples: the winners, or a gray layer's routes.
  size_t saved_bytes(int batch) const;

  // x [batch,H,W,I], bias [O] or null, y [batch, pooled H, pooled W, O].
  void Forward(int batch, const float* x, const float* bias, float* y,
               uint8_t* winners, float* workspace) const;
  // Gradients are overwritten; null where not wanted. y is forward's result.
  void Backward(int batch, const float* x, const float* y, const float* dy,
                const uint8_t* winners, float* dx, float* dw, float* db,
                float* workspace) const;

 private:
  TrainConv conv_;
  std::optional<GrayConvPool> gray_;  // does it all, if it can
  FloatRange range_;
  Window pool_;
  ptrdiff_t row_pitch_;  // floats of one convolution row in the L1 buffer
  size_t workspace_floats_ = 0;
};

}  // namespace litesmith::kernels

#endif  // LITESMITH_KERNELS_CONV_TRAIN_POOL_H_
