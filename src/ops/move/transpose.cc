// TRANSPOSE and REVERSE_V2: the same elements in another order. Follow
// specs/ops.md 8.3.
#include <vector>

#include "src/base/error.h"
#include "src/ops/indices.h"
#include "src/ops/move/moves.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

// The axes that a constant operand names, from 0, none of them twice.
std::vector<int> Axes(const Tensor& x, const Tensor& operand,
                      const char* what) {
  std::vector<int> axes;
  std::vector<bool> named(static_cast<size_t>(x.shape.rank()), false);
  if (operand.shape.rank() != 1) {
    Fail(ErrorKind::kCorrupt, "the {} '{}' have shape {}; rank 1 is wanted",
         what, operand.name, operand.shape.ToString());
  }
  for (const int64_t value : ConstantIndices(operand, what)) {
    const int axis = AxisOf(x, value);
    if (named[static_cast<size_t>(axis)]) {
      Fail(ErrorKind::kCorrupt, "the {} '{}' name dimension {} of '{}' twice",
           what, operand.name, axis, x.name);
    }
    named[static_cast<size_t>(axis)] = true;
    axes.push_back(axis);
  }
  return axes;
}

// ---- TRANSPOSE ------------------------------------------------------------

// Which dimension of the input each of the output is.
std::vector<int> Permutation(const Graph& graph, const Node& node) {
  const Tensor& x = graph.tensor(node.inputs[0]);
  const Tensor& operand = graph.tensor(node.inputs[1]);
  std::vector<int> permutation = Axes(x, operand, "dimensions");
  if (static_cast<int>(permutation.size()) != x.shape.rank()) {
    Fail(ErrorKind::kCorrupt, "'{}' names {} dimensions of '{}' of shape {}",
         operand.name, permutation.size(), x.name, x.shape.ToString());
  }
  return permutation;
}

void InferTranspose(Graph* graph, const Node& node) {
  const Tensor& x = graph->tensor(node.inputs[0]);
  Tensor& out = graph->tensor(node.outputs[0]);
  CheckMovable(x, "input");
  out.dtype = x.dtype;
  if (!AreKnown(*graph, node)) return;
  std::vector<int32_t> dims;
  for (const int d : Permutation(*graph, node)) dims.push_back(x.shape[d]);
  out.shape = Shape(dims);
}

Moves TransposeMoves(const PrepareContext& context) {
  const Shape& x = context.input(0).shape;
  const std::vector<int64_t> from = Strides(x);
  const std::vector<int64_t> to = Strides(context.output().shape);
  kernels::Block block;
  for (const int d : Permutation(context.graph, context.node)) {
    block.dims.push_back(
        {x[d], from[static_cast<size_t>(d)], to[block.dims.size()]});
  }
  return {{block}};
}

int TransposeVersion(const Graph& graph, const Node& node) {
  const Tensor& x = graph.tensor(node.inputs[0]);
  if (x.shape.rank() > 5) return x.shape.rank() > 6 ? 8 : 6;
  return x.dtype == DType::kBool ? 3 : MoveVersion(x, 5, 4);
}

constexpr Operand kTransposeOperands[] = {
    {.name = "x"},
    {.name = "dimensions", .role = Role::kShape},
};

// ---- REVERSE_V2 -----------------------------------------------------------

void InferReverse(Graph* graph, const Node& node) {
  const Tensor& x = graph->tensor(node.inputs[0]);
  Tensor& out = graph->tensor(node.outputs[0]);
  CheckMovable(x, "input");
  if (AreKnown(*graph, node)) Axes(x, graph->tensor(node.inputs[1]), "axes");
  out.dtype = x.dtype;
  out.shape = x.shape;
}

Moves ReverseMoves(const PrepareContext& context) {
  const Tensor& x = context.input(0);
  const std::vector<int64_t> strides = Strides(x.shape);
  kernels::Block block;
  for (int d = 0; d < x.shape.rank(); ++d) {
    const int64_t step = strides[static_cast<size_t>(d)];
    block.dims.push_back({x.shape[d], step, step});
  }
  for (const int axis : Axes(x, context.input(1), "axes")) {
    kernels::BlockDim& dim = block.dims[static_cast<size_t>(axis)];
    block.from += (dim.count - 1) * dim.from;
    dim.from = -dim.from;
  }
  return {{block}};
}

int ReverseVersion(const Graph& graph, const Node& node) {
  const DType dtype = graph.tensor(node.inputs[0]).dtype;
  return dtype == DType::kInt8 ? 3 : dtype == DType::kBool ? 2 : 1;
}

constexpr Operand kReverseOperands[] = {
    {.name = "x"},
    {.name = "axes", .role = Role::kShape},
};

}  // namespace

const OpDef kTranspose = {
    .name = "TRANSPOSE",
    .summary = "dimensions in another order",
    .tflite = {.code = 39, .options = 26, .version = TransposeVersion},
    .operands = kTransposeOperands,
    .infer = InferTranspose,
    .rows = kMoveRows<TransposeMoves>,
    .quant = {.output = QuantRule::kLikeInput},
    .fold_constant = FoldMove,
};

const OpDef kReverseV2 = {
    .name = "REVERSE_V2",
    .summary = "some dimensions backwards",
    .tflite = {.code = 105, .options = 81, .version = ReverseVersion},
    .operands = kReverseOperands,
    .infer = InferReverse,
    .rows = kMoveRows<ReverseMoves>,
    .quant = {.output = QuantRule::kLikeInput},
    .fold_constant = FoldMove,
};

}  // namespace litesmith
