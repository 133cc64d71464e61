// GATHER and GATHER_ND: rows of an array by indices, which
// may be computed. Follow specs/ops.md 8.5. An index outside of the array,
// which runtimes refuse or read beyond, takes the nearest row
// (docs/numerics.md).
#include <algorithm>
#include <cstring>
#include <vector>

#include "src/base/error.h"
#include "src/ops/checks.h"
#include "src/ops/indices.h"
#include "src/ops/layer/layer.h"
#include "src/ops/move/move.h"
#include "src/ops/move/moves.h"
#include "src/ops/move/rows.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

using kernels::RowPlan;

// ---- GATHER ---------------------------------------------------------------

struct GatherDims {
  int axis;
  int batch_dims;
};
GatherDims CheckGather(const Tensor& array, const Tensor& indices,
                       const Node& node) {
  const auto attrs = Get<GatherAttrs>(node);
  const int axis = AxisOf(array, attrs.axis);
  const int64_t batch_dims =
      attrs.batch_dims < 0 ? int64_t{attrs.batch_dims} + indices.shape.rank()
                           : attrs.batch_dims;
  bool fits = batch_dims >= 0 && batch_dims <= axis &&
              batch_dims <= indices.shape.rank();
  for (int d = 0; fits && d < batch_dims; ++d) {
    fits = array.shape[d] == indices.shape[d] || array.shape[d] == kDynamic ||
           indices.shape[d] == kDynamic;
  }
  if (!fits) {
    Fail(ErrorKind::kCorrupt,
         "batch_dims {} and axis {} do not fit '{}' of shape {} and '{}' of "
         "shape {}",
         attrs.batch_dims, axis, array.name, array.shape.ToString(),
         indices.name, indices.shape.ToString());
  }
  return {axis, static_cast<int>(batch_dims)};
}

void InferGather(Graph* graph, const Node& node) {
  const Tensor& array = graph->tensor(node.inputs[0]);
  const Tensor& indices = graph->tensor(node.inputs[1]);
  CheckMovable(array, "array");
  CheckDType(indices, "indices", {DType::kInt32, DType::kInt64, DType::kInt16});
  const auto [axis, batch_dims] = CheckGather(array, indices, node);
  CheckNotEmpty(array, indices);
  std::vector<int32_t> dims;
  Append(array.shape, 0, axis, &dims);
  Append(indices.shape, batch_dims, indices.shape.rank(), &dims);
  Append(array.shape, axis + 1, array.shape.rank(), &dims);
  Tensor& out = graph->tensor(node.outputs[0]);
  out.dtype = array.dtype;
  out.shape = Shape(dims);
}

NodeRows GatherRowsOf(const PrepareContext& context) {
  const Shape& array = context.input(0).shape;
  const Shape& indices = context.input(1).shape;
  const GatherDims dims =
      CheckGather(context.input(0), context.input(1), context.node);
  RowPlan plan;
  plan.batches = Product(array, 0, dims.batch_dims);
  plan.outer = Product(array, dims.batch_dims, dims.axis);
  plan.indices = Product(indices, dims.batch_dims, indices.rank());
  plan.inner = Product(array, dims.axis + 1, array.rank());
  plan.coordinates = {{array[dims.axis], plan.inner}};
  plan.outer_step = array[dims.axis] * plan.inner;
  plan.batch_step = plan.outer * plan.outer_step;
  return OfOneSample(context, std::move(plan), 0, 1);
}

int GatherVersion(const Graph& graph, const Node& node) {
  const DType dtype = graph.tensor(node.inputs[0]).dtype;
  if (graph.tensor(node.inputs[1]).dtype == DType::kInt16) return 6;
  if (node.Get<&GatherAttrs::batch_dims>() != 0) return 5;
  if (dtype == DType::kBool) return 3;
  return MoveVersion(graph.tensor(node.inputs[0]), 4);
}

// Of shapes: an index that is negative, or that kDynamic stands for, names no
// value.
TensorData FoldGather(const Graph& graph, const Node& node) {
  const Tensor& indices = graph.tensor(node.inputs[1]);
  if (!indices.has_data() ||
      (indices.dtype != DType::kInt32 && indices.dtype != DType::kInt64))
    return {};
  for (const int64_t index : ConstantIndices(indices, "indices")) {
    if (index < 0) return {};
  }
  return FoldMove(graph, node);
}

constexpr Operand kGatherOperands[] = {{.name = "array"}, {.name = "indices"}};

using Gather = GatherRows<GatherRowsOf, 0, 1>;
constexpr KernelRow kGatherRows[] = {
    {"GatherF32Train", Purpose::kTrain, {DType::kFloat32}, MakeKernel<Gather>},
    {"GatherRef", Purpose::kReference, {}, MakeKernel<Gather>},
};

// ---- GATHER_ND ------------------------------------------------------------

void InferGatherNd(Graph* graph, const Node& node) {
  const Tensor& array = graph->tensor(node.inputs[0]);
  const Tensor& indices = graph->tensor(node.inputs[1]);
  CheckMovable(array, "array");
  CheckDType(indices, "indices", {DType::kInt32, DType::kInt64, DType::kInt16});
  const int last = indices.shape.rank() - 1;
  const int numbers = last < 0 ? -1 : indices.shape[last];
  if (numbers < 0 || numbers > array.shape.rank()) {
    Fail(ErrorKind::kCorrupt,
         "'{}' of shape {} does not hold indices into '{}' of shape {}",
         indices.name, indices.shape.ToString(), array.name,
         array.shape.ToString());
  }
  CheckNotEmpty(array, indices);
  std::vector<int32_t> dims;
  Append(indices.shape, 0, last, &dims);
  Append(array.shape, numbers, array.shape.rank(), &dims);
  Tensor& out = graph->tensor(node.outputs[0]);
  out.dtype = array.dtype;
  out.shape = Shape(dims);
}

NodeRows GatherNdRowsOf(const PrepareContext& context) {
  const Shape& array = context.input(0).shape;
  const Shape& indices = context.input(1).shape;
  const int last = indices.rank() - 1;
  RowPlan plan;
  plan.indices = Product(indices, 0, last);
  plan.inner = Product(array, indices[last], array.rank());
  plan.coordinates = CoordinatesOf(array, indices[last]);
  return OfOneSample(context, std::move(plan), 0, 1);
}

int GatherNdVersion(const Graph& graph, const Node& node) {
  const DType dtype = graph.tensor(node.inputs[0]).dtype;
  if (dtype == DType::kBool) return 5;
  if (graph.tensor(node.inputs[1]).dtype == DType::kInt16) return 4;
  return dtype == DType::kInt16 ? 3 : 1;
}

using GatherNd = GatherRows<GatherNdRowsOf, 0, 1>;
constexpr KernelRow kGatherNdRows[] = {
    {"GatherNdF32Train",
     Purpose::kTrain,
     {DType::kFloat32},
     MakeKernel<GatherNd>},
    {"GatherNdRef", Purpose::kReference, {}, MakeKernel<GatherNd>},
};

}  // namespace

const OpDef kGather = {
    .name = "GATHER",
    .summary = "slices along an axis, by index",
    .tflite = {.code = 36, .options = 23, .version = GatherVersion},
    .attrs = kAttrs<GatherAttrs>,
    .operands = kGatherOperands,
    .infer = InferGather,
    .rows = kGatherRows,
    .quant = {.output = QuantRule::kLikeInput},
    .fold_constant = FoldGather,
};

const OpDef kGatherNd = {
    .name = "GATHER_ND",
    .summary = "slices by indices of several numbers",
    .tflite = {.code = 107, .options = 83, .version = GatherNdVersion},
    .operands = kGatherOperands,
    .infer = InferGatherNd,
    .rows = kGatherNdRows,
    .quant = {.output = QuantRule::kLikeInput},
};

}  // namespace litesmith
