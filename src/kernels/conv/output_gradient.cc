// One of three ways to the gradient before an activation.
#include "src/kernels/conv/output_gradient.h"

#include "src/kernels/conv/train_micro.h"

namespace litesmith::kernels {

const float* OutputGradient(const GradientSource& gradient, FloatRange range,
                            size_t first, size_t pixels, int channels,
                            const float* y, const float* dy, float* to) {
  if (gradient) {
    gradient.write(first, pixels, to);
    return to;
  }
  const size_t at = first * static_cast<size_t>(channels);
  if (range.IsNone()) return dy + at;
  GetConvMicro().mask(dy + at, y + at, pixels * static_cast<size_t>(channels),
                      range.low, range.high, to);
  return to;
}

}  // namespace litesmith::kernels
