// Indices out of untrusted tensors.
#include "src/ops/indices.h"

#include "src/base/error.h"

namespace litesmith {

std::vector<int64_t> ConstantIndices(const Tensor& tensor, const char* what) {
  if (tensor.dtype != DType::kInt32 && tensor.dtype != DType::kInt64) {
    Fail(ErrorKind::kCorrupt, "the {} '{}' are {}; int32 or int64 is wanted",
         what, tensor.name, Name(tensor.dtype));
  }
  if (!tensor.has_data() && tensor.shape != Shape{0}) {
    Fail(ErrorKind::kUnsupported,
         "the {} '{}' are computed; constant ones are supported", what,
         tensor.name);
  }
  if (!tensor.has_data()) return {};
  if (tensor.dtype == DType::kInt64) {
    const auto values = tensor.As<int64_t>();
    return {values.begin(), values.end()};
  }
  const auto values = tensor.As<int32_t>();
  return {values.begin(), values.end()};
}

int64_t ConstantIndex(const Tensor& tensor, const char* what) {
  const std::vector<int64_t> values = ConstantIndices(tensor, what);
  if (values.size() != 1) {
    Fail(ErrorKind::kCorrupt, "the {} '{}' has shape {}; one number is wanted",
         what, tensor.name, tensor.shape.ToString());
  }
  return values[0];
}

int AxisOf(const Tensor& tensor, int64_t axis) {
  const int rank = tensor.shape.rank();
  if (axis < -rank || axis >= rank) {
    Fail(ErrorKind::kCorrupt, "the axis {} is outside of '{}' of shape {}",
         axis, tensor.name, tensor.shape.ToString());
  }
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

}  // namespace litesmith
