// The inner loops of float depthwise convolution for training, one table of
// functions for each SIMD target: channels lie in vector lanes.
#ifndef LITESMITH_KERNELS_DEPTHWISE_TRAIN_MICRO_H_
#define LITESMITH_KERNELS_DEPTHWISE_TRAIN_MICRO_H_

#include <cstddef>
#include <vector>

namespace litesmith::kernels {

// Where an image's floats are. Outputs are [rows][columns][channels], weights
// [taps][channels].
struct DepthwisePlan {
  int channels = 0;
  int rows = 0, columns = 0;    // of outputs
  ptrdiff_t row = 0, step = 0;  // from window to window: down, and right
  std::vector<ptrdiff_t> taps;  // from a window's first float to each tap's
};

struct DepthwiseMicro {
  // y = clamp(sum over the taps of x * w + bias, low, high); bias may be null.
  void (*forward)(const DepthwisePlan& plan, const float* x, const float* w,
                  const float* bias, float low, float high, float* y);
  // dw (+)= the sum over the outputs of x * g.
  void (*weight_gradient)(const DepthwisePlan& plan, const float* x,
                          const float* g, bool accumulate, float* dw);
  // db (+)= the sum of g over the outputs.
  void (*bias_gradient)(const DepthwisePlan& plan, const float* g,
                        bool accumulate, float* db);
  // dx += g * w for each tap of each output.
  void (*input_gradient)(const DepthwisePlan& plan, const float* g,
                         const float* w, float* dx);
};

// The table of the best target of this machine.
const DepthwiseMicro& GetDepthwiseMicro();

}  // namespace litesmith::kernels

#endif  // LITESMITH_KERNELS_DEPTHWISE_TRAIN_MICRO_H_
