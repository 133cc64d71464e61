// The inner loops of float depthwise convolution for training, one table of
// functions for each SIMD target: channels lie in vector lanes.
#ifndef LITESMITH_KERNELS_DEPTHWISE_TRAIN_MICRO_H_
#define LITESMITH_KERNELS_DEPTHWISE_TRAIN_MICRO_H_

#include <cstddef>
#include <vector>

namespace litesmith::kernels {

// A sum over taps for each place of a grid, [rows][columns][channels]: the
// outputs, from the image; or one phase of the image's gradient, from that of
// the outputs.
struct DepthwisePlan {
  int channels = 0;
  int rows = 0, columns = 0;              // of the grid
  ptrdiff_t row = 0, step = 0;            // of windows: down, and right
  ptrdiff_t grid_row = 0, grid_step = 0;  // of the grid's own floats
  struct Tap {
    ptrdiff_t x;  // from a window's first float
    ptrdiff_t w;  // of the weights' first
  };
  std::vector<Tap> taps;
};

struct DepthwiseMicro {
  int lanes;  // of a vector
  // y = clamp(sum over the taps of x * w + bias, low, high), y of the grid;
  // bias may be null. If it adds, what is in y takes the bias's place.
  void (*forward)(const DepthwisePlan& plan, const float* x, const float* w,
                  const float* bias, float low, float high, bool adds,
                  float* y);
  // dw (+)= the sum over the grid of x * g, g of the grid. While it computes,
  // the same places of both `ahead`, laid out as g, are fetched into the cache,
  // if they are not null.
  void (*weight_gradient)(const DepthwisePlan& plan, const float* x,
                          const float* g, bool accumulate,
                          const float* const ahead[2], float* dw);
  // db (+)= the sum of g over the grid.
  void (*bias_gradient)(const DepthwisePlan& plan, const float* g,
                        bool accumulate, float* db);
};

// The table of the best target of this machine.
const DepthwiseMicro& GetDepthwiseMicro();

}  // namespace litesmith::kernels

#endif  // LITESMITH_KERNELS_DEPTHWISE_TRAIN_MICRO_H_
