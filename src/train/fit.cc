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
  const int classes = data.ClassesOf(target);
  if (classes == 0) {
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
  if (values >= classes) return;
  std::string example;
  bool zero = false;
  for (int64_t i = 0; i < data.size() && (example.empty() || !zero); ++i) {
    const int64_t label = LabelOf(data, i, target);
    zero = zero || label == 0;
    if (label >= values && example.empty())
      example = fmt::format(" ({} has label {})", data.Origin(i), label);
  }
  if (!zero && classes == values + 1)
    example += "; no label is 0, so all seem to be one too large";
  Fail(ErrorKind::kInvalidArgument,
       "the model's output '{}' has {}, for labels 0 to {}; the data has {} "
       "classes{}",
       output.name, Counted(values, "value"), values - 1, classes, example);
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

// Of 0 and 1, as a label or as values.
void RequireBinary(const Tensor& output, const Dataset& data, size_t target,
                   std::string_view who) {
  const int64_t values = output.shape.NumElementsPerSample();
  const int classes = data.ClassesOf(target);
  if (classes == 0) return RequireValues(output, data, target, who);
  if (values != 1) return RequireLabels(output, data, target, who);
  if (classes <= 2) return;
  Fail(ErrorKind::kInvalidArgument,
       "{} compares the one value of the model's output '{}' with 0 or 1; the "
       "data has {} classes",
       who, output.name, classes);
}

// A label and an output like the input.
void RequireInput(const Tensor& output, const Dataset& data, size_t target,
                  std::string_view who) {
  const Field& input = data.inputs()[0];
  if (data.classes() > 0 && target == 0 &&
      output.shape.NumElementsPerSample() == input.shape.NumElements())
    return;
  Fail(ErrorKind::kInvalidArgument,
       "{} compares the model's output '{}', {}, with its input and wants a "
       "class label of each sample; the data has inputs {} and {} classes",
       who, output.name, SampleShape(output.shape), input.shape.ToString(),
       data.classes());
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
  switch (kind) {
    case TargetKind::kLabels:
      return RequireLabels(output, data, target, who);
    case TargetKind::kValues:
      return RequireValues(output, data, target, who);
    case TargetKind::kBinary:
      return RequireBinary(output, data, target, who);
    case TargetKind::kInput:
      return RequireInput(output, data, target, who);
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
