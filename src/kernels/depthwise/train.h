// Float depthwise convolution for training: forward with bias and clamp,
// gradients of input, weights and bias. NHWC, weights [filter_h, filter_w,
// out_c]; output channel o reads input channel o / (out_c / in_c). Sums run in
// another order than in the reference kernel.
//
// Outputs that have the same taps inside of the image are a region of their
// own, so that nothing is padded: of 3x3 windows the middle, four sides and
// four corners. So are inputs whose gradient sums the same taps of that of the
// outputs, for each phase of a stride. A multiplier repeats each input channel
// first, so that all vectors are of neighbouring channels. Where pixels of few
// channels lie side by side, a vector holds several of them.
#ifndef LITESMITH_KERNELS_DEPTHWISE_TRAIN_H_
#define LITESMITH_KERNELS_DEPTHWISE_TRAIN_H_

#include <cstddef>
#include <vector>

#include "src/kernels/common/float_range.h"
#include "src/kernels/common/output_rows.h"
#include "src/kernels/common/phases.h"
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
  // Gradients are overwritten, or with adds_dx dx is added to; null where not
  // wanted. y is forward's result; with `gradient` neither y nor dy are read.
  void Backward(int batch, const float* x, const float* w, const float* y,
                const float* dy, float* dx, float* dw, float* db,
                float* workspace, const GradientSource& gradient = {},
                bool adds_dx = false) const;

 private:
  // Sums over taps of an image of out_c channels, for all places of a grid
  // along both axes.
  struct Grid {
    AxisPhase y, x;      // places, and the taps in the image
    int step_y, step_x;  // from place to place in the image
    int image_h, image_w;
    ptrdiff_t at;         // of the grid's own floats
    ptrdiff_t row, step;  // likewise
  };
  struct Region {
    ptrdiff_t at = 0;  // of the grid's own floats
    bool several =
        false;  // neighbours are one pixel of pixels_ * out_c channels
    DepthwisePlan plan;
  };
  // Weights and a bias: as they are, and repeated for several pixels.
  struct Weights {
    const float *w, *bias, *several_w, *several_bias;
  };
  // [first, first + count) along both axes.
  struct Part {
    int first_y, count_y, first_x, count_x;
  };
  void AddRegions(const Grid& grid, std::vector<Region>* regions) const;
  Region RegionOf(const Grid& grid, const Part& part,
                  const std::vector<AxisTap>& y, const std::vector<AxisTap>& x,
                  int pixels) const;
  void Repeat(const float* from, size_t rows, float* to) const;
  Weights WeightsIn(float* several, const float* w, const float* bias) const;
  void Sums(const std::vector<Region>& regions, const float* x,
            const Weights& weights, FloatRange range, bool adds,
            float* y) const;
  void PlanForward();
  void PlanInputGradient();
  // The image as it is computed on: x itself, or its copy with each channel
  // repeated.
  const float* WideInput(const float* x, float* copy) const;
  // dy of so many images where the range lets it pass: itself, or in `g`.
  const float* Gradient(int first, int count, const float* y, const float* dy,
                        float* g, const GradientSource& gradient) const;
  void InputGradient(const float* g, const Weights& weights, bool adds,
                     float* dx, float* wide) const;
  void AddWeightGradient(const float* image, const float* g,
                         const float* const ahead[2], float* dw,
                         float* several_dw) const;

  Window window_;
  FloatRange range_;
  const DepthwiseMicro* micro_;
  int images_;                    // whose gradients are asked for at once
  int pixels_;                    // that a vector holds
  size_t taps_;                   // of the filter
  std::vector<Region> forward_;   // of outputs
  std::vector<Region> backward_;  // of inputs
  DepthwisePlan outputs_;         // all of them, without taps
  size_t g_floats_ = 0;
  size_t wide_floats_ = 0;     // of an image of out_c channels, if in_c differs
  size_t several_floats_ = 0;  // of weights for several pixels, or of a bias
  size_t workspace_floats_ = 0;
};

}  // namespace litesmith::kernels

#endif  // LITESMITH_KERNELS_DEPTHWISE_TRAIN_H_
