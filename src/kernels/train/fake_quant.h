// Fake quantization: floats snapped to the grid of an integer range, gradients
// straight through. Sums and products are separate roundings, as in TensorFlow,
// so results do not depend on the SIMD target.
#ifndef LITESMITH_KERNELS_TRAIN_FAKE_QUANT_H_
#define LITESMITH_KERNELS_TRAIN_FAKE_QUANT_H_

#include <cstddef>

namespace litesmith::kernels {

// Smallest and largest of n >= 1 values.
void MinMaxF32(const float* x, size_t n, float* min, float* max);

// A range moved so that zero is exactly representable (TensorFlow's Nudge);
// min <= 0 <= max.
struct NudgedRange {
  float scale, min, max;
};
NudgedRange NudgeRange(float min, float max, int qmin, int qmax);

// The points that FakeQuantF32 snaps to: x becomes
//   floor((clamp(x, low, high) - low) / scale - zero + 1/2) * scale,
// and gradients pass in [pass_low, pass_high].
struct FakeQuantGrid {
  float low, high, scale, zero;
  float pass_low, pass_high;
};
FakeQuantGrid MakeFakeQuantGrid(float min, float max, int qmin, int qmax);

// TensorFlow's FakeQuantWithMinMaxVars (specs/tflite.md 5.4). A range of zero
// width gives zeros.
void FakeQuantF32(const float* x, size_t n, float min, float max, int qmin,
                  int qmax, float* y);
// Straight-through: dx = dy where x is inside the nudged range, else 0.
void FakeQuantGradF32(const float* x, const float* dy, size_t n, float min,
                      float max, int qmin, int qmax, float* dx);

// How the kernels of integers that make a value round it, which is not quite
// TensorFlow's fake quantization.
struct IntegerRounding {
  // Halves are rounded away from this value, in steps of the grid from zero.
  float centre = 0;
  // By channel: values are first rounded to this part of a step, a power of two
  // (MBQM rounds the product before it shifts it; specs/tflite.md 3.1). Null:
  // not.
  const float* parts = nullptr;
};
// Values [rows, channels] as those kernels give them.
void FakeQuantAsIntegersF32(const float* x, size_t rows, size_t channels,
                            float min, float max, int qmin, int qmax,
                            const IntegerRounding& rounding, float* y);

// FakeQuantWithMinMaxVarsPerChannel of [outer, channels, inner], with one
// range a channel. It multiplies by 1 / scale where the other divides.
void FakeQuantF32c(const float* x, size_t outer, size_t channels, size_t inner,
                   const float* min, const float* max, int qmin, int qmax,
                   float* y);
void FakeQuantGradF32c(const float* x, const float* dy, size_t outer,
                       size_t channels, size_t inner, const float* min,
                       const float* max, int qmin, int qmax, float* dx);

}  // namespace litesmith::kernels

#endif  // LITESMITH_KERNELS_TRAIN_FAKE_QUANT_H_
