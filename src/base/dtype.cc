// The names and sizes of element types.
#include "src/base/dtype.h"

#include "src/base/check.h"

namespace litesmith {
namespace {

struct Row {
  DType dtype;
  size_t size;
  const char* name;
};

constexpr Row kRows[] = {
    {DType::kFloat32, 4, "float32"}, {DType::kFloat16, 2, "float16"},
    {DType::kInt32, 4, "int32"},     {DType::kUInt8, 1, "uint8"},
    {DType::kInt64, 8, "int64"},     {DType::kBool, 1, "bool"},
    {DType::kInt16, 2, "int16"},     {DType::kInt8, 1, "int8"},
    {DType::kFloat64, 8, "float64"}, {DType::kResource, 8, "resource"},
};

const Row& RowOf(DType dtype) {
  for (const Row& row : kRows) {
    if (row.dtype == dtype) return row;
  }
  LS_CHECK(!"a DType without a row");
  return kRows[0];
}

}  // namespace

size_t SizeOf(DType dtype) { return RowOf(dtype).size; }

const char* Name(DType dtype) { return RowOf(dtype).name; }

std::optional<DType> DTypeFromTflite(int tensor_type) {
  for (const Row& row : kRows) {
    if (static_cast<int>(row.dtype) == tensor_type) return row.dtype;
  }
  return std::nullopt;
}

std::optional<DType> DTypeFromName(std::string_view name) {
  for (const Row& row : kRows) {
    if (name == row.name) return row.dtype;
  }
  return std::nullopt;
}

bool IsInteger(DType dtype) {
  return dtype == DType::kInt8 || dtype == DType::kUInt8 ||
         dtype == DType::kInt16 || dtype == DType::kInt32 ||
         dtype == DType::kInt64;
}

}  // namespace litesmith
