// The inner loops of train_gray.h, one table of functions for each
// SIMD target. No geometry here.
#ifndef LITESMITH_KERNELS_CONV_TRAIN_GRAY_MICRO_H_
#define LITESMITH_KERNELS_CONV_TRAIN_GRAY_MICRO_H_

#include <cstddef>
#include <cstdint>

#include "src/kernels/common/float_range.h"
#include "src/kernels/train/fake_quant.h"

namespace litesmith::kernels {

// What the inner loops know of a layer. Vector v of a pooled row has phase
// v % phases; all vectors of a phase have the same channels in their lanes.
struct GrayLayer {
  int phases, vectors;
  int last_lanes;  // of the row's last vector
  int filter;      // filter_h = filter_w
  int rows;        // pooled rows
  ptrdiff_t x_row;
  ptrdiff_t y_row;         // floats of a pooled row
  const int32_t* first_x;  // [vectors] first input column
  const int32_t* column;   // [phases][lanes] input column behind the first
  const float* w;          // [phases][taps][lanes]
  FloatRange range;
};

// Routes say where in the pool's windows gradients go: for each vector of the
// output, in the order in which the loops take them, three masks of a bit a
// lane: the winner is a right one, it is a lower one, a gradient passes.
struct GrayMicro {
  int lanes;
  int route_bytes;  // of a vector
  // One image. `bias` is [phases][lanes]; x has a vector of slack behind it,
  // routes have eight bytes.
  void (*forward)(const GrayLayer& layer, const float* x, const float* bias,
                  float* y, uint8_t* routes);
  // As forward, with fake-quantized outputs.
  void (*quant_forward)(const GrayLayer& layer, const FakeQuantGrid& grid,
                        const float* x, const float* bias, float* y,
                        uint8_t* routes);
  // The largest output of the convolution and its activation in one image.
  float (*largest)(const GrayLayer& layer, const float* x, const float* bias);
  // sums[phase][taps + 1][lanes] += one image's part of the gradients of the
  // weights and, last, of the bias.
  void (*weight_grad)(const GrayLayer& layer, const float* x, const float* dy,
                      const uint8_t* routes, float* sums);
};

const GrayMicro& GetGrayMicro();

}  // namespace litesmith::kernels

#endif  // LITESMITH_KERNELS_CONV_TRAIN_GRAY_MICRO_H_
