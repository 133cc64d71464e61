// The logarithm of softmax, of rows: x less the logarithm of the row's sum of
// e^x. Integer outputs have the scale 1/16 and the zero point of their largest
// value. Each integer form follows its reference to the bit (specs/ops.md 3.2).
#ifndef LITESMITH_KERNELS_MAP_LOG_SOFTMAX_H_
#define LITESMITH_KERNELS_MAP_LOG_SOFTMAX_H_

#include <array>
#include <cstdint>

#include "src/kernels/map/softmax.h"

namespace litesmith::kernels {

// Longer rows do not fit the sum of 8 bits.
inline constexpr int64_t kMaxLogSoftmax8Depth = 4095;

// `rows` rows of `depth` values each, one sum in the order of the values.
void LogSoftmaxF32(const float* x, int64_t rows, int64_t depth, float* y);
// dx = dy - e^y times the sum of dy.
void LogSoftmaxGradF32(const float* y, const float* dy, int64_t rows,
                       int64_t depth, float* dx);

// In fixed point, of values whose terms these are.
class LogSoftmaxS8 {
 public:
  explicit LogSoftmaxS8(const Softmax8Terms& terms);
  void Run(const int8_t* x, int64_t rows, int64_t depth, int8_t* y) const;

 private:
  Softmax8Terms terms_;
  FixedMultiplier inverse_;  // of the terms' multiplier
};

// In floats: LiteRT has no other form for uint8.
class LogSoftmaxU8 {
 public:
  explicit LogSoftmaxU8(float scale);
  void Run(const uint8_t* x, int64_t rows, int64_t depth, uint8_t* y) const;

 private:
  float scale_;
  std::array<float, 256> terms_;  // e^(-scale * difference)
};

}  // namespace litesmith::kernels

#endif  // LITESMITH_KERNELS_MAP_LOG_SOFTMAX_H_
