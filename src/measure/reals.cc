// One loop for each stored type.
#include "src/measure/reals.h"

#include <cstring>

#include "src/base/check.h"
#include "src/base/half.h"
#include "src/base/slices.h"

namespace litesmith {
namespace {

template <typename T>
void Widen(std::span<const std::byte> bytes, std::span<float> reals) {
  for (size_t i = 0; i < reals.size(); ++i) {
    T value;
    std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof(T));
    if constexpr (std::is_same_v<T, Half>) {
      reals[i] = HalfToFloat(value);
    } else {
      reals[i] = static_cast<float>(value);
    }
  }
}

template <typename T>
void Scale(const Tensor& tensor, std::span<const std::byte> bytes,
           std::span<float> reals) {
  const Quantization& q = tensor.quant;
  const Slices slices =
      q.per_axis() ? SlicesAlong(tensor.shape, q.axis) : Slices();
  for (size_t i = 0; i < reals.size(); ++i) {
    T value;
    std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof(T));
    const size_t c = q.per_axis() ? slices(i) : 0;
    const int64_t zero = q.zero_point.empty() ? 0 : q.zero_point[c];
    // Biases are beyond what a float holds; the product is rounded once.
    const double steps = static_cast<double>(value) - static_cast<double>(zero);
    reals[i] = static_cast<float>(steps * static_cast<double>(q.scale[c]));
  }
}

}  // namespace

bool StandsForReals(const Tensor& tensor) {
  switch (tensor.dtype) {
    case DType::kFloat32:
    case DType::kFloat16:
      return true;
    case DType::kInt8:
    case DType::kUInt8:
    case DType::kInt16:
    case DType::kInt32:
    case DType::kInt64:
      return !tensor.quant.empty();
    default:
      return false;
  }
}

std::vector<float> RealsOf(const Tensor& tensor,
                           std::span<const std::byte> bytes) {
  LS_CHECK(StandsForReals(tensor));
  std::vector<float> reals(bytes.size() / SizeOf(tensor.dtype));
  switch (tensor.dtype) {
    case DType::kFloat32:
      Widen<float>(bytes, reals);
      break;
    case DType::kFloat16:
      Widen<Half>(bytes, reals);
      break;
    case DType::kInt8:
      Scale<int8_t>(tensor, bytes, reals);
      break;
    case DType::kUInt8:
      Scale<uint8_t>(tensor, bytes, reals);
      break;
    case DType::kInt16:
      Scale<int16_t>(tensor, bytes, reals);
      break;
    case DType::kInt32:
      Scale<int32_t>(tensor, bytes, reals);
      break;
    default:
      Scale<int64_t>(tensor, bytes, reals);
  }
  return reals;
}

}  // namespace litesmith
