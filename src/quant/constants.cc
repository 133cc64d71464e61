// Constants converted value by value.
#include "src/quant/constants.h"

#include <algorithm>
#include <cmath>

#include "src/base/error.h"
#include "src/base/warning.h"

namespace litesmith {
namespace {

constexpr float kLargestHalf = 65504.0f;

// float16 holds numbers up to 65504, and none but 0 below half its smallest.
void WarnOfLoss(const Tensor& tensor, std::span<const Half> halves) {
  const auto values = tensor.As<float>();
  size_t clamped = 0;
  size_t flushed = 0;
  float largest = 0;
  float largest_flushed = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) {
      Fail(ErrorKind::kInvalidArgument,
           "tensor '{}': value {} is {}; finite weights are wanted",
           tensor.name, i, values[i]);
    }
    const float size = std::fabs(values[i]);
    const float kept = std::fabs(HalfToFloat(halves[i]));
    if (size > kLargestHalf) {
      ++clamped;
      largest = std::max(largest, size);
    } else if (size > 0 && kept == 0) {
      ++flushed;
      largest_flushed = std::max(largest_flushed, size);
    }
  }
  if (clamped > 0) {
    Warn(
        "fp16: {} of {} values of '{}' are beyond {:g} and are clamped to it "
        "(the largest is {:g})",
        clamped, values.size(), tensor.name, kLargestHalf, largest);
  }
  if (flushed > 0) {
    Warn(
        "fp16: {} of {} values of '{}' are too small for float16 and become 0 "
        "(the largest is {:g})",
        flushed, values.size(), tensor.name, largest_flushed);
  }
}

template <typename T>
TensorData OnGrid(std::span<const float> values, const Quantization& quant) {
  std::vector<T> result;
  for (const float v : values) {
    const double steps = std::round(static_cast<double>(v) /
                                    static_cast<double>(quant.scale[0])) +
                         static_cast<double>(quant.zero_point[0]);
    result.push_back(static_cast<T>(
        std::clamp(steps, static_cast<double>(std::numeric_limits<T>::min()),
                   static_cast<double>(std::numeric_limits<T>::max()))));
  }
  return BytesOf(result);
}

}  // namespace

TensorData HalvesOf(const Tensor& tensor) {
  std::vector<Half> halves;
  for (const float v : tensor.As<float>()) halves.push_back(FloatToHalf(v));
  WarnOfLoss(tensor, halves);
  return BytesOf(halves);
}

Range RangeOfValues(const Tensor& tensor) {
  Range range;
  for (const float v : tensor.As<float>()) {
    if (!std::isfinite(v)) {
      Fail(ErrorKind::kInvalidArgument,
           "tensor '{}' has the value {}; finite constants are wanted",
           tensor.name, v);
    }
    range.min = std::min(range.min, v);
    range.max = std::max(range.max, v);
  }
  return range;
}

TensorData QuantizeData(const Tensor& tensor, const Form& form) {
  const auto values = tensor.As<float>();
  return form.dtype == DType::kInt16 ? OnGrid<int16_t>(values, form.quant)
                                     : OnGrid<int8_t>(values, form.quant);
}

void MakeRoomForBias(const Tensor& bias, float input_scale,
                     Quantization* weights) {
  constexpr double kLargestBias = 0x1p29;
  const auto values = bias.As<float>();
  for (size_t c = 0; c < values.size(); ++c) {
    if (!std::isfinite(values[c])) {
      Fail(ErrorKind::kInvalidArgument,
           "tensor '{}': value {} is {}; finite biases are wanted", bias.name,
           c, values[c]);
    }
    float& scale = weights->scale[weights->per_axis() ? c : 0];
    const double wanted = std::fabs(static_cast<double>(values[c])) /
                          kLargestBias / static_cast<double>(input_scale);
    scale = std::max(scale, static_cast<float>(wanted));
  }
}

TensorData BiasSteps(const Tensor& bias, const Form& form) {
  const auto values = bias.As<float>();
  std::vector<int64_t> steps;
  for (size_t c = 0; c < values.size(); ++c) {
    const double scale = form.quant.scale[form.quant.per_axis() ? c : 0];
    steps.push_back(std::llround(static_cast<double>(values[c]) / scale));
  }
  if (form.dtype == DType::kInt64) return BytesOf(steps);
  return BytesOf(std::vector<int32_t>(steps.begin(), steps.end()));
}

}  // namespace litesmith
