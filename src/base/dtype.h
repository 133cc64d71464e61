// Element types. The numbers are TFLite's TensorType (specs/tflite.md 1.3), so
// that formats/tflite writes them as they are.
#ifndef LITESMITH_BASE_DTYPE_H_
#define LITESMITH_BASE_DTYPE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "src/base/half.h"

namespace litesmith {

enum class DType : uint8_t {
  kFloat32 = 0,
  kFloat16 = 1,
  kInt32 = 2,
  kUInt8 = 3,
  kInt64 = 4,
  kBool = 6,
  kInt16 = 7,
  kInt8 = 9,
  kFloat64 = 10,
  // A handle of a variable: a plan's own pointer, which no file holds.
  kResource = 13,
};

// Bytes an element.
size_t SizeOf(DType dtype);
// The type's name as numpy writes it: "float32", "int8", ...
const char* Name(DType dtype);
// The type that a TFLite TensorType number or a numpy name stands for, or
// nothing where Litesmith does not hold such tensors.
std::optional<DType> DTypeFromTflite(int tensor_type);
std::optional<DType> DTypeFromName(std::string_view name);
// Whether quantized values are stored in it: int8, uint8, int16, int32, int64.
bool IsInteger(DType dtype);

// The DType of a C++ element type.
template <typename T>
struct DTypeOf;
template <>
struct DTypeOf<float> {
  static constexpr DType value = DType::kFloat32;
};
template <>
struct DTypeOf<Half> {
  static constexpr DType value = DType::kFloat16;
};
template <>
struct DTypeOf<double> {
  static constexpr DType value = DType::kFloat64;
};
template <>
struct DTypeOf<int8_t> {
  static constexpr DType value = DType::kInt8;
};
template <>
struct DTypeOf<uint8_t> {
  static constexpr DType value = DType::kUInt8;
};
template <>
struct DTypeOf<int16_t> {
  static constexpr DType value = DType::kInt16;
};
template <>
struct DTypeOf<int32_t> {
  static constexpr DType value = DType::kInt32;
};
template <>
struct DTypeOf<int64_t> {
  static constexpr DType value = DType::kInt64;
};
template <>
struct DTypeOf<bool> {
  static constexpr DType value = DType::kBool;
};

}  // namespace litesmith

#endif  // LITESMITH_BASE_DTYPE_H_
