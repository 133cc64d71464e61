// Float 2D convolution with groups for training: each group is a convolution of
// its own (train.h), of channels that are copied together before and apart
// again behind.
#ifndef LITESMITH_KERNELS_CONV_TRAIN_GROUPS_H_
#define LITESMITH_KERNELS_CONV_TRAIN_GROUPS_H_

#include <cstddef>
#include <memory>
#include <vector>

#include "src/kernels/conv/train.h"

namespace litesmith::kernels {

// As TrainConv, for at most `images` images at once.
class TrainGroups {
 public:
  TrainGroups(const Window& window, FloatRange range, int images);

  void Pack(const float* w);
  size_t workspace_bytes() const { return workspace_floats_ * sizeof(float); }
  void Forward(int batch, const float* x, const float* bias, float* y,
               float* workspace) const;
  void Backward(int batch, const float* x, const float* y, const float* dy,
                float* dx, float* dw, float* db, float* workspace) const;

 private:
  Window window_;
  std::vector<std::unique_ptr<TrainConv>> groups_;
  int in_c_ = 0, out_c_ = 0;            // of a group
  size_t x_floats_ = 0, y_floats_ = 0;  // of a group, of all images
  size_t workspace_floats_ = 0;
};

}  // namespace litesmith::kernels

#endif  // LITESMITH_KERNELS_CONV_TRAIN_GROUPS_H_
