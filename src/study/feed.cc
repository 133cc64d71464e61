#include "src/study/feed.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "src/base/check.h"
#include "src/base/error.h"

namespace litesmith {
namespace {

template <typename T>
void Quantize(const Tensor& input, std::span<const float> values,
              std::byte* out) {
  const float scale = input.quant.scale[0];
  // Limits before the zero point is added, so that no cast can overflow.
  const auto zero = static_cast<int32_t>(input.quant.zero_point[0]);
  const auto low = static_cast<double>(std::numeric_limits<T>::min() - zero);
  const auto high = static_cast<double>(std::numeric_limits<T>::max() - zero);
  T* __restrict to = reinterpret_cast<T*>(out);
  const float* __restrict from = values.data();
  const size_t n = values.size();
  for (size_t i = 0; i < n; ++i) {
    // Halves away from zero: the sum is exact in double, the cast truncates.
    const double real = from[i] / scale;
    const double inside = real > low ? (real < high ? real : high) : low;
    const auto steps =
        static_cast<int32_t>(inside + std::copysign(0.5, inside));
    to[i] = static_cast<T>((real == real ? steps : 0) + zero);
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
      return Quantize<int8_t>(input, values, out);
    case DType::kUInt8:
      return Quantize<uint8_t>(input, values, out);
    case DType::kInt16:
      return Quantize<int16_t>(input, values, out);
    default:
      LS_CHECK(false);
  }
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
