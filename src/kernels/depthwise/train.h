// Float depthwise convolution for training: forward with bias and clamp,
// gradients of input, weights and bias. NHWC, weights [filter_h, filter_w,
// out_c]; output channel o reads input channel o / (out_c / in_c). Sums run in
// another order than in the reference kernel.
//
// Everything is computed on images of out_c channels with their padding around
// them: a multiplier repeats each input channel, so that all vectors are of
// neighbouring channels, and no tap is outside. So is the outputs' gradient,
// whose border is zero: the image's is a sum over taps of it, too, one for each
// phase of a stride.
#ifndef LITESMITH_KERNELS_DEPTHWISE_TRAIN_H_
#define LITESMITH_KERNELS_DEPTHWISE_TRAIN_H_

#include <cstddef>
#include <vector>

#include "src/kernels/common/float_range.h"
#include "src/kernels/common/output_rows.h"
#include "src/kernels/common/window.h"
#include "src/kernels/depthwise/train_micro.h"

namespace litesmith::kernels {

// Prepared for one geometry; may run on several threads at once, each with its
// own workspace.
class TrainDepthwise {
 public:
  TrainDepthwise(const Window& window, FloatRange range);

  size_t workspace_bytes() const { return workspace_floats_ * sizeof(float); }

  // x [batch,H,W,I], y [batch,H',W',O]; bias [O] may be null.
  void Forward(int batch, const float* x, const float* w, const float* bias,
               float* y, float* workspace, const OutputsMade& made = {}) const;
  // Gradients are overwritten; null where not wanted. y is forward's result;
  // with `gradient` neither y nor dy are read.
  void Backward(int batch, const float* x, const float* w, const float* y,
                const float* dy, float* dx, float* dw, float* db,
                float* workspace, const GradientSource& gradient = {}) const;

 private:
  // Of the image's gradient, every stride_h-th row and stride_w-th column.
  struct Phase {
    ptrdiff_t first = 0;  // in the image
    DepthwisePlan plan;
  };
  void PlanForward();
  void PlanInputGradient();
  // The image as it is computed on: x itself, or its copy in `copy`, whose
  // border is zero.
  const float* PadInput(const float* x, float* copy) const;
  // One image's dy where the range lets it pass, into the padded `g`.
  void PadGradient(int image, const float* y, const float* dy, float* g,
                   const GradientSource& gradient) const;
  void InputGradient(const float* g, const float* w, float* dx,
                     float* wide) const;

  Window window_;
  FloatRange range_;
  const DepthwiseMicro* micro_;
  DepthwisePlan plan_;
  bool copies_ = false;
  ptrdiff_t line_ = 0;  // floats from row to row of the image
  size_t copy_floats_ = 0;
  std::vector<Phase> phases_;
  DepthwisePlan weight_plan_;  // plan_, over the padded gradient
  ptrdiff_t g_first_ = 0;      // of output (0, 0) in it
  size_t g_floats_ = 0;
  size_t wide_floats_ = 0;  // of an image of out_c channels, if in_c differs
  size_t workspace_floats_ = 0;
};

}  // namespace litesmith::kernels

#endif  // LITESMITH_KERNELS_DEPTHWISE_TRAIN_H_
