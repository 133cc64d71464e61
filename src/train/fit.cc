// Targets against outputs.
#include "src/train/fit.h"

#include <algorithm>
#include <string>

#include "src/base/error.h"
#include "src/base/names.h"
#include "src/data/values.h"

namespace litesmith {
namespace {

std::string SampleShape(const Shape& shape) {
  const auto dims = shape.dims();
  return shape.rank() == 0 ? "[]" : Shape(dims.subspan(1)).ToString();
}

void RequireLabels(const Tensor& output, const Dataset& data, size_t target,
                   std::string_view who) {
  if (data.classes() == 0 || target != 0) {
    Fail(ErrorKind::kInvalidArgument,
         "{} compares the output with class labels, and the data has none; one "
         "that compares values would do, such as mse",
         who);
  }
  // One number a class: of a feature map's positions none is a class.
  const auto dims = output.shape.dims();
  if (std::count_if(dims.begin() + std::min<size_t>(1, dims.size()), dims.end(),
                    [](int32_t dim) { return dim != 1; }) > 1) {
    Fail(ErrorKind::kInvalidArgument,
         "the model's output '{}' has shape {}: no number a class, so labels "
         "cannot be compared with it",
         output.name, SampleShape(output.shape));
  }
  const int64_t values = output.shape.NumElementsPerSample();
  if (values >= data.classes()) return;
  std::string example;
  for (int64_t i = 0; i < data.size() && example.empty(); ++i) {
    const int64_t label = LabelOf(data, i);
    if (label >= values)
      example = fmt::format(" ({} has label {})", data.Origin(i), label);
  }
  Fail(ErrorKind::kInvalidArgument,
       "the model's output '{}' has {}, for labels 0 to {}; the data has {} "
       "classes{}",
       output.name, Counted(values, "value"), values - 1, data.classes(),
       example);
}

void RequireValues(const Tensor& output, const Dataset& data, size_t target,
                   std::string_view who) {
  const Field& field = FieldAt(data, TargetAt(data, target));
  const int64_t wanted = output.shape.NumElementsPerSample();
  const int64_t values = field.shape.NumElements();
  if (values == wanted) return;
  Fail(ErrorKind::kInvalidArgument,
       "{} compares every value of the model's output '{}', {}, with one of "
       "the data's; '{}' has {}",
       who, output.name, SampleShape(output.shape), field.name, values);
}

}  // namespace

void RequireFit(TargetKind kind, const Tensor& output, const Dataset& data,
                size_t target, std::string_view who) {
  const size_t there =
      (data.targets().empty() ? data.inputs() : data.targets()).size();
  if (target >= there) {
    Fail(ErrorKind::kInvalidArgument,
         "{} compares the output '{}' with target {} of a sample; the data has "
         "{}",
         who, output.name, target + 1, there);
  }
  if (kind == TargetKind::kLabels) {
    RequireLabels(output, data, target, who);
  } else {
    RequireValues(output, data, target, who);
  }
}

Tensor TargetTensor(TargetKind kind, const Dataset& data, size_t target) {
  const Field& field = FieldAt(data, TargetAt(data, target));
  Tensor tensor;
  tensor.name = field.name;
  tensor.dtype = kind == TargetKind::kLabels ? DType::kInt32 : DType::kFloat32;
  tensor.shape = {kDynamic, static_cast<int32_t>(field.shape.NumElements())};
  return tensor;
}

}  // namespace litesmith
