// Float transposed 2D convolution for training: forward with bias and clamp,
// gradients of input, weights and bias. The Window is as in transposed.h;
// weights are OHWI. Sums run in another order than in the reference kernel.
#ifndef LITESMITH_KERNELS_CONV_TRAIN_TRANSPOSED_H_
#define LITESMITH_KERNELS_CONV_TRAIN_TRANSPOSED_H_

#include <cstddef>
#include <vector>

#include "src/kernels/common/float_range.h"
#include "src/kernels/common/window.h"

namespace litesmith::kernels {

// Pack first; the others may then run on several threads at once, each with its
// own workspace.
class TrainTransposed {
 public:
  TrainTransposed(const Window& window, FloatRange range);

  // Weights [O,kh,kw,I] changed.
  void Pack(const float* w);
  size_t workspace_bytes() const;

  // x [batch,H,W,I], y [batch,H',W',O]; bias [O] may be null.
  void Forward(int batch, const float* x, const float* bias, float* y,
               float* workspace) const;
  // Gradients are overwritten; null where not wanted. y is forward's result.
  void Backward(int batch, const float* x, const float* w, const float* y,
                const float* dy, float* dx, float* dw, float* db,
                float* workspace) const;

 private:
  // Calls visit(pixel of x, pixel of y, tap) for each pair that a tap joins, in
  // x's order.
  template <class Visit>
  void ForEachTap(const Visit& visit) const;

  Window window_;
  FloatRange range_;
  std::vector<float> spread_;  // weights as [kh,kw,I,O]
};

}  // namespace litesmith::kernels

#endif  // LITESMITH_KERNELS_CONV_TRAIN_TRANSPOSED_H_
