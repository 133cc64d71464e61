// Float 2D convolution for training: forward with bias and clamp, gradients of
// input, weights and bias. NHWC, weights OHWI. Strides and dilations of any
// size; no groups. Sums run in another order than in the reference kernel.
#ifndef LITESMITH_KERNELS_CONV_TRAIN_H_
#define LITESMITH_KERNELS_CONV_TRAIN_H_

#include <cstddef>
#include <vector>

#include "src/kernels/common/aligned_floats.h"
#include "src/kernels/common/float_range.h"
#include "src/kernels/common/output_rows.h"
#include "src/kernels/common/phases.h"
#include "src/kernels/common/window.h"
#include "src/kernels/conv/conv_runs.h"
#include "src/kernels/conv/train_micro.h"

namespace litesmith::kernels {

// Prepared for one geometry. Pack first; the others may then run on several
// threads at once, each with its own workspace.
class TrainConv {
 public:
  TrainConv(const Window& window, FloatRange range);

  // Weights [O,kh,kw,I] changed.
  void Pack(const float* w);

  size_t workspace_bytes() const { return workspace_floats_ * sizeof(float); }

  // x [batch,H,W,I], y [batch,H',W',O]; bias [O] may be null.
  void Forward(int batch, const float* x, const float* bias, float* y,
               float* workspace, const OutputsMade& made = {}) const;
  // Gradients are overwritten, or with adds_dx dx is added to; null where not
  // wanted. y is forward's result; with `gradient` neither y nor dy are read.
  void Backward(int batch, const float* x, const float* y, const float* dy,
                float* dx, float* dw, float* db, float* workspace,
                const GradientSource& gradient = {},
                bool adds_dx = false) const;

  // ---- Pieces, for the kernel fused with pooling ----
  const Window& window() const { return window_; }
  const ConvMicro& micro() const { return *micro_; }
  const ConvRuns& forward_runs() const { return forward_; }
  bool padded_input() const { return pad_x_; }
  // Floats of a padded image; in floats, from row to row.
  size_t padded_floats() const { return x_floats_; }
  ptrdiff_t x_row() const { return x_row_; }
  // The image, padded into `buffer` if the geometry needs it. The border must
  // be zero: ZeroFill once.
  const float* PadInput(const float* x, float* buffer) const;
  // Outputs of row oy to y, which has a pitch of y_step floats a pixel.
  void ForwardRow(const float* padded_x, int oy, const float* padded_bias,
                  float* y, ptrdiff_t y_step) const;
  // The gradient of the outputs, with zeros around for the input gradient.
  size_t gradient_floats() const { return g_floats_; }
  ptrdiff_t g_row() const { return g_row_; }
  // Where output (0, 0) lies in the padded gradient.
  ptrdiff_t g_first() const { return g_first_; }
  // dw_packed (+)= one image's part; rows [oy, oy + rows) of outputs. Fetches
  // rows like these, unpadded, from both `ahead` into the cache; or null.
  void WeightGradient(const float* padded_x, const float* g, int oy, int rows,
                      bool accumulate, const float* ahead0, const float* ahead1,
                      float* dw_packed) const;
  size_t packed_floats() const { return forward_.weights.size(); }
  // From [block][k][lanes] to OHWI.
  void UnpackWeights(const float* dw_packed, float* dw) const;
  void InputGradient(const float* g, bool adds, float* dx) const;
  void PadBias(const float* bias, float* padded_bias) const;

 private:
  struct Phase {
    int y = 0, x = 0;           // first input row and column
    int rows = 0, columns = 0;  // of the input in this phase
    ConvRuns runs;
    // Filter tap of each k-block of O floats: ky * filter_w + kx.
    std::vector<int> taps;
  };
  void PlanForward();
  void PlanInputGradient();
  Phase PlanPhase(const AxisPhase& y, const AxisPhase& x);

  Window window_;
  FloatRange range_;
  const ConvMicro* micro_;
  ConvRuns forward_;
  bool pad_x_ = false;
  int x_rows_ = 0, x_columns_ = 0;  // of the padded image
  ptrdiff_t x_row_ = 0;
  size_t x_floats_ = 0;
  std::vector<Phase> phases_;
  bool unread_ = false;  // some inputs, whose phases have no runs
  ptrdiff_t g_row_ = 0, g_first_ = 0;
  size_t g_floats_ = 0;
  AlignedFloats zeros_;  // a bias of zeros
  size_t workspace_floats_ = 0;
};

}  // namespace litesmith::kernels

#endif  // LITESMITH_KERNELS_CONV_TRAIN_H_
