// SHAPE and RANK: the input's dimensions, and how many, as a tensor. Computed
// when a plan binds the batch; they have no kernel.
#include <cstring>
#include <vector>

#include "src/base/error.h"
#include "src/ops/move/move.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

void Infer(Graph* graph, const Node& node) {
  const DType type = node.Get<&ShapeAttrs::out_type>();
  Tensor& out = graph->tensor(node.outputs[0]);
  if (type != DType::kInt32 && type != DType::kInt64) {
    Fail(ErrorKind::kUnsupported,
         "out_type is {}; 2 (int32) or 4 (int64) is wanted",
         static_cast<int>(type));
  }
  out.dtype = type;
  out.shape = Shape{graph->tensor(node.inputs[0]).shape.rank()};
}

template <typename T>
TensorData Dims(const Shape& shape) {
  const std::span<const int32_t> dims = shape.dims();
  const std::vector<T> values(dims.begin(), dims.end());
  return TensorData(std::as_bytes(std::span<const T>(values)));
}

TensorData Fold(const Graph& graph, const Node& node) {
  const Shape& shape = graph.tensor(node.inputs[0]).shape;
  if (!shape.IsStatic()) return {};
  return graph.tensor(node.outputs[0]).dtype == DType::kInt64
             ? Dims<int64_t>(shape)
             : Dims<int32_t>(shape);
}

void InferRank(Graph* graph, const Node& node) {
  Tensor& out = graph->tensor(node.outputs[0]);
  out.dtype = DType::kInt32;
  out.shape = Shape();
}

TensorData FoldRank(const Graph& graph, const Node& node) {
  const int32_t rank = graph.tensor(node.inputs[0]).shape.rank();
  return TensorData(std::as_bytes(std::span(&rank, 1)));
}

constexpr Operand kOperands[] = {{.name = "x"}};

}  // namespace

const OpDef kShape = {
    .name = "SHAPE",
    .summary = "the input's dimensions",
    .tflite = {.code = 77, .options = 55},
    .attrs = kAttrs<ShapeAttrs>,
    .operands = kOperands,
    .infer = Infer,
    // It reads no values, so integers of any scale will do.
    .quant = {.output = QuantRule::kLikeInput},
    .fold_constant = Fold,
};

const OpDef kRank = {
    .name = "RANK",
    .summary = "how many dimensions the input has",
    .tflite = {.code = 110, .options = 86},
    .operands = kOperands,
    .infer = InferRank,
    .fold_constant = FoldRank,
};

}  // namespace litesmith
