// PACK: equal shapes stacked along a new dimension, for constants and shapes.
// It has no kernel: the plan folds it.
#include <algorithm>
#include <cstring>
#include <vector>

#include "src/base/error.h"
#include "src/ops/move/move.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

// The new dimension's place, from 0.
int Axis(const Graph& graph, const Node& node) {
  const int rank = graph.tensor(node.inputs[0]).shape.rank();
  const int64_t axis = node.Get<&PackAttrs::axis>();
  if (axis < -(rank + 1) || axis > rank) {
    Fail(ErrorKind::kCorrupt, "the axis {} is outside of a result of rank {}",
         axis, rank + 1);
  }
  return static_cast<int>(axis < 0 ? axis + rank + 1 : axis);
}

void Infer(Graph* graph, const Node& node) {
  const Tensor& first = graph->tensor(node.inputs[0]);
  if (node.Get<&PackAttrs::values_count>() !=
      static_cast<int64_t>(node.inputs.size())) {
    Fail(ErrorKind::kCorrupt, "values_count is {} for {} inputs",
         node.Get<&PackAttrs::values_count>(), node.inputs.size());
  }
  for (const TensorId id : node.inputs) {
    if (id == kNoTensor) Fail(ErrorKind::kCorrupt, "an input is missing");
    const Tensor& t = graph->tensor(id);
    if (!(t.shape == first.shape) || t.dtype != first.dtype) {
      Fail(ErrorKind::kCorrupt,
           "the inputs '{}' and '{}' differ: {} {} and {} {}", first.name,
           t.name, Name(first.dtype), first.shape.ToString(), Name(t.dtype),
           t.shape.ToString());
    }
  }
  std::vector<int32_t> dims = first.shape.ToVector();
  dims.insert(dims.begin() + Axis(*graph, node),
              static_cast<int32_t>(node.inputs.size()));
  Tensor& out = graph->tensor(node.outputs[0]);
  out.dtype = first.dtype;
  out.shape = Shape(dims);
}

TensorData Fold(const Graph& graph, const Node& node) {
  for (const TensorId id : node.inputs) {
    if (!graph.tensor(id).has_data()) return {};
  }
  const Tensor& first = graph.tensor(node.inputs[0]);
  // Blocks of the dimensions from the axis on, taken from each input in turn.
  size_t block = SizeOf(first.dtype);
  for (int i = Axis(graph, node); i < first.shape.rank(); ++i) {
    block *= static_cast<size_t>(first.shape[i]);
  }
  const size_t bytes = first.data.size();
  TensorData result(bytes * node.inputs.size());
  std::byte* out = result.MutableData();
  for (size_t at = 0; at < bytes; at += block) {
    for (const TensorId id : node.inputs) {
      std::memcpy(out, graph.tensor(id).data.data() + at, block);
      out += block;
    }
  }
  return result;
}

int Version(const Graph& graph, const Node& node) {
  const DType dtype = graph.tensor(node.inputs[0]).dtype;
  return dtype == DType::kInt16 ? 3 : dtype == DType::kInt8 ? 2 : 1;
}

constexpr Operand kOperands[] = {{.name = "values"}};

}  // namespace

const OpDef kPack = {
    .name = "PACK",
    .summary = "constants or shapes stacked along a new dimension",
    .tflite = {.code = 83, .options = 59, .version = Version},
    .attrs = kAttrs<PackAttrs>,
    .operands = kOperands,
    .variadic = true,
    .infer = Infer,
    .fold_constant = Fold,
};

}  // namespace litesmith
