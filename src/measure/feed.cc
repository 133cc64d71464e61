#include "src/measure/feed.h"

#include <cmath>
#include <cstdint>
#include <cstring>

#include "src/base/check.h"
#include "src/base/error.h"
#include "src/kernels/quantize/simd.h"

namespace litesmith {
namespace {

template <typename T>
void Quantize(const Tensor& input, std::span<const float> values,
              void (*kernel)(const float*, int64_t, float, int32_t, T*),
              std::byte* out) {
  const auto zero = static_cast<int32_t>(input.quant.zero_point[0]);
  T* to = reinterpret_cast<T*>(out);
  kernel(values.data(), static_cast<int64_t>(values.size()),
         input.quant.scale[0], zero, to);
  // Where QUANTIZE has the smallest value.
  for (size_t i = 0; i < values.size(); ++i) {
    if (std::isnan(values[i])) to[i] = static_cast<T>(zero);
  }
}

template <typename T>
int ArgMaxOf(const std::byte* bytes, int classes) {
  const T* values = reinterpret_cast<const T*>(bytes);
  int best = 0;
  for (int i = 1; i < classes; ++i) {
    if (values[i] > values[best]) best = i;
  }
  return best;
}

}  // namespace

void CheckFeedable(const Tensor& input) {
  switch (input.dtype) {
    case DType::kFloat32:
    case DType::kFloat16:
      return;
    case DType::kInt8:
    case DType::kUInt8:
    case DType::kInt16:
      if (input.quant.scale.size() == 1) return;
      Fail(ErrorKind::kUnsupported,
           "input '{}' is {} without a scale: real values cannot be fed",
           input.name, Name(input.dtype));
    default:
      Fail(ErrorKind::kUnsupported,
           "input '{}' is {}; float32, float16, int8, uint8 or int16 is wanted",
           input.name, Name(input.dtype));
  }
}

void QuantizeInto(const Tensor& input, std::span<const float> values,
                  std::byte* out) {
  switch (input.dtype) {
    case DType::kFloat32:
      std::memcpy(out, values.data(), values.size_bytes());
      return;
    case DType::kFloat16:
      for (size_t i = 0; i < values.size(); ++i) {
        const Half half = FloatToHalf(values[i]);
        std::memcpy(out + i * sizeof(half), &half, sizeof(half));
      }
      return;
    case DType::kInt8:
      return Quantize(input, values, QuantizeF32S8Simd, out);
    case DType::kUInt8:
      return Quantize(input, values, QuantizeF32U8Simd, out);
    case DType::kInt16:
      return Quantize(input, values, QuantizeF32S16Simd, out);
    default:
      LS_CHECK(false);
  }
}

bool AllFinite(const Tensor& output, const std::byte* values) {
  if (output.dtype != DType::kFloat32) return true;
  const auto count = output.shape.NumElementsPerSample();
  for (int64_t i = 0; i < count; ++i) {
    float value;
    std::memcpy(&value, values + static_cast<size_t>(i) * sizeof(value),
                sizeof(value));
    if (!std::isfinite(value)) return false;
  }
  return true;
}

int ArgMax(const Tensor& output, const std::byte* values, int classes) {
  switch (output.dtype) {
    case DType::kFloat32:
      return ArgMaxOf<float>(values, classes);
    case DType::kInt8:
      return ArgMaxOf<int8_t>(values, classes);
    case DType::kUInt8:
      return ArgMaxOf<uint8_t>(values, classes);
    case DType::kInt16:
      return ArgMaxOf<int16_t>(values, classes);
    default:
      LS_CHECK(false);
  }
  return 0;
}

}  // namespace litesmith
