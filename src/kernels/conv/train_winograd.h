// 3x3 convolutions of stride 1 in training by Winograd's F(4x4, 3x3)
// (winograd.h), forward and both gradients: 36 products a tile of 4x4 outputs
// and pair of channels in place of 144. With its sides
//
//   y  = A^T [u * v] A         u = G w G^T, v = B^T x B
//   dx = the same of the outputs' gradient with w flipped
//   dw = G^T [sum of v * (A dy A^T)] G
//
// of patches x of 6x6 pixels. Differs from plain sums by some parts in 10^6.
#ifndef LITESMITH_KERNELS_CONV_TRAIN_WINOGRAD_H_
#define LITESMITH_KERNELS_CONV_TRAIN_WINOGRAD_H_

#include <cstddef>

#include "src/kernels/common/aligned_floats.h"
#include "src/kernels/common/float_range.h"
#include "src/kernels/common/output_rows.h"
#include "src/kernels/common/window.h"
#include "src/kernels/conv/conv_runs.h"
#include "src/kernels/conv/train_micro.h"
#include "src/kernels/conv/train_winograd_micro.h"

namespace litesmith::kernels {

// Pack first; the others may then run on several threads at once, each with its
// own workspace.
class TrainWinograd {
 public:
  // Whether it can compute a window and is faster than plain sums.
  static bool Pays(const Window& window);

  TrainWinograd(const Window& window, FloatRange range);

  // Weights [O,3,3,I] changed.
  void Pack(const float* w);

  size_t workspace_bytes() const { return workspace_floats_ * sizeof(float); }

  // As TrainConv's.
  void Forward(int batch, const float* x, const float* bias, float* y,
               float* workspace, const OutputsMade& made = {}) const;
  void Backward(int batch, const float* x, const float* y, const float* dy,
                float* dx, float* dw, float* db, float* workspace,
                const GradientSource& gradient = {},
                bool adds_dx = false) const;

 private:
  // From some images to others, its products by tiles: forward, or from the
  // outputs' gradient to the inputs'.
  struct Side {
    int inputs, outputs;         // channels
    int rows, columns;           // of an image that is made
    int down, across;            // its tiles
    ptrdiff_t row;               // floats of a row of a padded image read
    size_t image_floats;         // of that
    ptrdiff_t v_pitch, m_pitch;  // of a tile's inputs and sums
    ConvRuns runs;               // of one position
    ptrdiff_t position;          // from one's weights to the next one's
    AlignedFloats weights;       // [36] as runs.weights
  };
  Side PlanSide(int inputs, int outputs, int rows, int columns, int image_rows,
                int image_columns) const;
  // Calls f(tile, count, image, y, x) for each part of a row of tiles [first,
  // first + count) of all images: the first one's place in these, how many, and
  // where they are.
  template <class F>
  static void ForEachPart(const Side& side, int first, int count, const F& f);
  // Calls f(first, count) for the tiles of so many images, some at a time.
  template <class F>
  void ForEachBand(const Side& side, int images, const F& f) const;
  // Some tiles' patches to v.
  void Patches(const Side& side, const float* images, int first, int count,
               float* v) const;
  // Padded images to ones of outputs.
  void Convolve(const Side& side, int count, const float* images,
                const float* bias, FloatRange range, bool adds, float* y,
                float* v) const;
  void PadInput(const float* x, float* image) const;
  void PadGradient(int n, const float* y, const float* dy,
                   const GradientSource& gradient, float* g) const;
  void AddWeightGradient(int count, const float* images, const float* g,
                         bool accumulate, float* v, float* du) const;
  void UnpackWeights(const float* du, float* dw) const;

  Window window_;
  FloatRange range_;
  const ConvMicro* micro_;
  const WinogradMicro* transforms_;
  int images_;  // worked on at a time
  int tiles_;   // likewise, of these images
  Side forward_, backward_;
  ptrdiff_t g_first_;    // of output (0, 0) in the padded gradient
  AlignedFloats zeros_;  // a bias
  size_t v_floats_;      // of the tiles worked on, on either side
  size_t bias_floats_;
  size_t workspace_floats_;
};

}  // namespace litesmith::kernels

#endif  // LITESMITH_KERNELS_CONV_TRAIN_WINOGRAD_H_
