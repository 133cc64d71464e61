// The range of a fused activation, and whether its gradient passes.
#ifndef LITESMITH_KERNELS_COMMON_FLOAT_RANGE_H_
#define LITESMITH_KERNELS_COMMON_FLOAT_RANGE_H_

#include <limits>

namespace litesmith::kernels {

// Outputs are clamped, and gradients pass where the output is strictly inside
// (TensorFlow's ReluGrad and Relu6Grad). The default is no activation.
struct FloatRange {
  float low = std::numeric_limits<float>::lowest();
  float high = std::numeric_limits<float>::max();
  bool IsNone() const {
    return low == std::numeric_limits<float>::lowest() &&
           high == std::numeric_limits<float>::max();
  }
  bool Passes(float y) const { return IsNone() || (y > low && y < high); }
};

}  // namespace litesmith::kernels

#endif  // LITESMITH_KERNELS_COMMON_FLOAT_RANGE_H_
