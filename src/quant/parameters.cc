// Formulae of scales, zero points and rounding.
#include "src/quant/parameters.h"

#include <algorithm>
#include <cmath>

#include "src/base/error.h"
#include "src/base/slices.h"

namespace litesmith {

Quantization ActivationQuantization(Range range, DType dtype) {
  double low = std::min(range.min, 0.0f);
  double high = std::max(range.max, 0.0f);
  if (high == low) {
    // Always zero: no value says what a step is worth. A scale like others'
    // keeps what is computed from it within the range of multipliers.
    low = -1;
    high = 1;
  } else if (high - low < 1e-6) {
    low -= 1e-6;
    high += 1e-6;
  }
  Quantization q;
  if (dtype == DType::kInt16) {
    // What a new sample has beyond the range would be cut off, which costs more
    // than one of 16 bits: steps are still 128 times as fine as those of
    // weights.
    const double room = range.few ? 2 : 1;
    q.scale = {static_cast<float>(room * std::max(-low, high) / 32767.0)};
    q.zero_point = {0};
    return q;
  }
  LS_CHECK(dtype == DType::kInt8 || dtype == DType::kUInt8);
  const double scale = (high - low) / 255.0;
  const double zero =
      std::clamp(std::round(-128.0 - low / scale), -128.0, 127.0);
  q.scale = {static_cast<float>(scale)};
  q.zero_point = {static_cast<int64_t>(zero) +
                  (dtype == DType::kUInt8 ? 128 : 0)};
  return q;
}

Quantization WeightQuantization(std::span<const float> weights,
                                const Shape& shape, int axis) {
  const Slices slice = SlicesAlong(shape, axis);
  std::vector<float> largest(slice.count, 0.0f);
  for (size_t i = 0; i < weights.size(); ++i) {
    if (!std::isfinite(weights[i])) {
      Fail(ErrorKind::kInvalidArgument,
           "weight {} of {} is {}; finite weights are wanted", i,
           weights.size(), weights[i]);
    }
    largest[slice(i)] = std::max(largest[slice(i)], std::fabs(weights[i]));
  }
  // A slice of zeros takes the scale of the widest: any would do for its
  // weights, but its bias is stored in steps of it, and must stay small.
  constexpr float kZeros = 1e-6f;
  const float widest = *std::max_element(largest.begin(), largest.end());
  Quantization q;
  q.axis = slice.axis;
  for (const float r : largest) {
    q.scale.push_back(std::max(r < kZeros ? widest : r, kZeros) / 127.0f);
    q.zero_point.push_back(0);
  }
  return q;
}

std::vector<int8_t> QuantizeWeights(std::span<const float> weights,
                                    const Shape& shape,
                                    const Quantization& quant) {
  const Slices slice = SlicesAlong(shape, quant.per_axis() ? quant.axis : -1);
  std::vector<int8_t> result(weights.size());
  for (size_t i = 0; i < weights.size(); ++i) {
    const float inverse = 1.0f / quant.scale[slice(i)];
    result[i] = static_cast<int8_t>(
        std::clamp(std::round(weights[i] * inverse), -127.0f, 127.0f));
  }
  return result;
}

}  // namespace litesmith
