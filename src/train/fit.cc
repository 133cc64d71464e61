#include "src/train/fit.h"

#include <algorithm>
#include <string>

#include "src/base/error.h"
#include "src/base/names.h"

namespace litesmith {
namespace {

// The shape without the batch, which is the plan's own and not the model's.
std::string SampleShape(const Shape& shape) {
  std::string text;
  for (int d = 1; d < shape.rank(); ++d)
    text += fmt::format("{}{}", d == 1 ? "" : ",", shape[d]);
  return "[" + text + "]";
}

}  // namespace

void RequireFit(const Tensor& input, const Tensor& output,
                const Dataset& data) {
  if (input.shape.NumElementsPerSample() != data.sample_shape().NumElements()) {
    Fail(ErrorKind::kInvalidArgument,
         "the model's input '{}' takes samples of shape {}; the data has {}",
         input.name, SampleShape(input.shape), data.sample_shape().ToString());
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
    if (data.label(i) >= values)
      example =
          fmt::format(" ({} has label {})", data.Origin(i), data.label(i));
  }
  Fail(ErrorKind::kInvalidArgument,
       "the model's output '{}' has {}, for labels 0 to {}; the data has {} "
       "classes{}",
       output.name, Counted(values, "value"), values - 1, data.classes(),
       example);
}

}  // namespace litesmith
