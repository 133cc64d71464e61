// The logarithm of softmax in floats and in both forms for 8 bits.
#include "src/kernels/map/log_softmax.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

#include "src/kernels/common/fixed_log.h"

namespace litesmith::kernels {

void LogSoftmaxF32(const float* x, int64_t rows, int64_t depth, float* y) {
  for (int64_t r = 0; r < rows; ++r, x += depth, y += depth) {
    const float max = *std::max_element(x, x + depth);
    float sum = 0;
    for (int64_t i = 0; i < depth; ++i) sum += std::exp(x[i] - max);
    const float log = std::log(sum);
    for (int64_t i = 0; i < depth; ++i) y[i] = x[i] - max - log;
  }
}

void LogSoftmaxGradF32(const float* y, const float* dy, int64_t rows,
                       int64_t depth, float* dx) {
  for (int64_t r = 0; r < rows; ++r, y += depth, dy += depth, dx += depth) {
    float sum = 0;
    for (int64_t i = 0; i < depth; ++i) sum += dy[i];
    for (int64_t i = 0; i < depth; ++i) dx[i] = dy[i] - std::exp(y[i]) * sum;
  }
}

LogSoftmaxS8::LogSoftmaxS8(const Softmax8Terms& terms) : terms_(terms) {
  const FixedMultiplier& m = terms.multiplier();
  inverse_ =
      QuantizeMultiplier(static_cast<double>(int64_t{1} << (31 - m.shift)) /
                         static_cast<double>(m.value));
}

void LogSoftmaxS8::Run(const int8_t* x, int64_t rows, int64_t depth,
                       int8_t* y) const {
  for (int64_t r = 0; r < rows; ++r, x += depth, y += depth) {
    const int32_t max = *std::max_element(x, x + depth);
    // Q12.19: at most kMaxLogSoftmax8Depth times 2^19, below 2^31.
    int32_t sum = 0;
    for (int64_t i = 0; i < depth; ++i)
      sum += RoundingDivideByPot(terms_(x[i] - max), 12);
    const int32_t log = FixedLog(sum);
    // Differences up to here are below the lowest output.
    const int64_t lowest = std::max<int64_t>(
        terms_.least() - 1,
        Mbqm(log + std::numeric_limits<int32_t>::min(), inverse_));
    for (int64_t i = 0; i < depth; ++i) {
      const int32_t difference = x[i] - max;
      if (difference <= lowest) {
        y[i] = -128;
        continue;
      }
      const int32_t steps =
          RoundingDivideByPot(terms_.Scaled(difference) - log, 31 - 5 - 4);
      y[i] = static_cast<int8_t>(std::clamp(steps + 127, -128, 127));
    }
  }
}

LogSoftmaxU8::LogSoftmaxU8(float scale) : scale_(scale) {
  for (size_t i = 0; i < terms_.size(); ++i)
    terms_[i] = std::exp(-scale * static_cast<float>(i));
}

void LogSoftmaxU8::Run(const uint8_t* x, int64_t rows, int64_t depth,
                       uint8_t* y) const {
  constexpr float kStep = 16.0f / 256;
  const float to_steps = scale_ / kStep;
  for (int64_t r = 0; r < rows; ++r, x += depth, y += depth) {
    const int32_t max = *std::max_element(x, x + depth);
    float sum = 0;
    for (int64_t i = 0; i < depth; ++i)
      sum += terms_[static_cast<size_t>(max - x[i])];
    const float log =
        (scale_ * static_cast<float>(max) + std::log(sum)) / kStep;
    for (int64_t i = 0; i < depth; ++i) {
      const float steps = to_steps * static_cast<float>(x[i]) - log;
      // No step is above zero; below -255 all are cut off.
      y[i] = static_cast<uint8_t>(std::lrint(std::clamp(steps, -255.0f, 0.0f)) +
                                  255);
    }
  }
}

}  // namespace litesmith::kernels
