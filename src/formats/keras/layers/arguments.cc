// Arguments of functions that a model calls between its layers.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "src/base/error.h"
#include "src/formats/keras/layers/operations.h"
#include "src/formats/keras/nodes.h"

namespace litesmith {
namespace {

// One that has no place among tensors.
constexpr size_t kNoPlace = static_cast<size_t>(-1);

// Numbers in nested lists, as they lie in a tensor of `dims`.
void Collect(const Json& value, size_t depth, std::vector<int32_t>* dims,
             std::vector<float>* values) {
  if (value.is_number()) {
    values->push_back(static_cast<float>(value.get<double>()));
    return;
  }
  if (const Json* config = JsonFind(value, "config")) {
    Collect(JsonAt(*config, "value"), depth, dims, values);
    return;
  }
  if (!value.is_array() || value.empty() || depth > 6) {
    Fail(ErrorKind::kUnsupported,
         "it computes with {}; a tensor or numbers are wanted",
         JsonShown(value));
  }
  if (dims->size() == depth)
    dims->push_back(static_cast<int32_t>(value.size()));
  for (const Json& item : value) Collect(item, depth + 1, dims, values);
}

}  // namespace

const Json* GivenTo(LayerIn* in, size_t place, Keys keys) {
  for (const char* key : keys) {
    if (const Json* value = Argument(in, place, key)) return value;
  }
  for (const char* key : keys) {
    if (const Json* value = JsonFind(in->config, key)) return value;
  }
  return nullptr;
}

const Json* ParameterOf(LayerIn* in, Keys keys) {
  return GivenTo(in, kNoPlace, keys);
}

TensorId OperandOf(LayerIn* in, size_t place, Keys keys, const char* what) {
  const Json* given = GivenTo(in, place, keys);
  // Without arguments there are but tensors.
  if (given == nullptr) {
    if (in->args == nullptr && place < in->inputs.size())
      return in->inputs[place];
    Fail(ErrorKind::kCorrupt, "it has no {}", what);
  }
  const TensorId id = TensorOf(*in, *given);
  if (id != kNoTensor) return id;
  std::vector<int32_t> dims;
  std::vector<float> values;
  Collect(*given, 0, &dims, &values);
  const Shape shape{std::span<const int32_t>(dims)};
  if (static_cast<size_t>(shape.NumElements()) != values.size())
    Fail(ErrorKind::kCorrupt, "its {} is no tensor", what);
  return Nodes(in->name, in->graph).Floats(what, shape, values);
}

TensorId FirstOperand(LayerIn* in) {
  return OperandOf(
      in, 0,
      {"x", "input", "inputs", "features", "input_tensor", "tensor", "value",
       "t", "images", "a", "values", "logits", "data"},
      "x");
}

void CheckNoBatch(const std::vector<int32_t>& axes) {
  if (std::find(axes.begin(), axes.end(), 0) == axes.end()) return;
  Fail(ErrorKind::kUnsupported, "it works along the batch: it mixes samples");
}

std::vector<TensorId> KeepsBatch(LayerIn* in, TensorId y) {
  const Shape& shape = in->graph->tensor(y).shape;
  if (shape.rank() < 1 || shape[0] != kDynamic) {
    Fail(ErrorKind::kUnsupported, "its result {} does not keep the batch",
         shape.ToString());
  }
  return {y};
}

}  // namespace litesmith
