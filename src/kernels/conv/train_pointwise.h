// Layers that multiply each pixel, or row, by one matrix, in training: 1x1
// convolutions of stride 1, and dense layers of more than a few outputs. All
// images are one list of pixels. Sums run in another order than in the
// reference kernels.
#ifndef LITESMITH_KERNELS_CONV_TRAIN_POINTWISE_H_
#define LITESMITH_KERNELS_CONV_TRAIN_POINTWISE_H_

#include <cstddef>

#include "src/kernels/common/float_range.h"
#include "src/kernels/common/output_rows.h"
#include "src/kernels/conv/conv_runs.h"
#include "src/kernels/conv/train_micro.h"

namespace litesmith::kernels {

// Pack first; the others may then run on several threads at once, each with its
// own workspace.
class TrainPointwise {
 public:
  TrainPointwise(int inputs, int outputs, FloatRange range);

  // Weights [outputs, inputs] changed.
  void Pack(const float* w);

  size_t workspace_bytes() const { return workspace_floats_ * sizeof(float); }

  // x [pixels, inputs], y [pixels, outputs]; bias [outputs] may be null.
  void Forward(size_t pixels, const float* x, const float* bias, float* y,
               float* workspace, const OutputsMade& made = {}) const;
  // Gradients are overwritten, or with adds_dx dx is added to; null where not
  // wanted. y is forward's result; with `gradient` neither y nor dy are read.
  void Backward(size_t pixels, const float* x, const float* y, const float* dy,
                float* dx, float* dw, float* db, float* workspace,
                const GradientSource& gradient = {},
                bool adds_dx = false) const;

 private:
  // dw is packed, if pixels of x are no whole vectors.
  // Fetches as many pixels of outputs from both `ahead` into the cache; or
  // null.
  void AddWeightGradient(size_t pixels, const float* x, const float* g,
                         bool accumulate, const float* ahead0,
                         const float* ahead1, float* dw) const;
  void InputGradient(size_t pixels, const float* g, bool adds, float* dx) const;

  int inputs_, outputs_;
  FloatRange range_;
  const ConvMicro* micro_;
  ConvRuns forward_, backward_;  // to outputs, and from them to inputs
  size_t forward_pixels_, backward_pixels_;  // worked on at a time
  // Whether pixels are whole vectors, which may be read where they are.
  bool whole_x_, whole_g_;
  AlignedFloats zeros_;                                 // a bias
  size_t g_floats_, x_floats_, dw_floats_, db_floats_;  // of the workspace
  size_t workspace_floats_;
};

}  // namespace litesmith::kernels

#endif  // LITESMITH_KERNELS_CONV_TRAIN_POINTWISE_H_
