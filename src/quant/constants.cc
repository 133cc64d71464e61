// Constants converted value by value.
#include "src/quant/constants.h"

#include <algorithm>
#include <cmath>

#include "src/base/error.h"

namespace litesmith {
namespace {

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
