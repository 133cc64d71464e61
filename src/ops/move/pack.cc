// PACK and UNPACK: tensors of one shape stacked along a new dimension, and the
// way back. Follow specs/ops.md 8.3.
#include <vector>

#include "src/base/error.h"
#include "src/ops/indices.h"
#include "src/ops/move/move.h"
#include "src/ops/move/moves.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

// The new dimension's place, from 0.
int PackAxis(const Tensor& part, int64_t axis) {
  const int rank = part.shape.rank() + 1;
  if (axis < -rank || axis >= rank) {
    Fail(ErrorKind::kCorrupt, "the axis {} is outside of a result of rank {}",
         axis, rank);
  }
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

void InferPack(Graph* graph, const Node& node) {
  const auto count = static_cast<int64_t>(node.inputs.size());
  if (node.Get<&PackAttrs::values_count>() != count) {
    Fail(ErrorKind::kCorrupt, "values_count is {} for {} inputs",
         node.Get<&PackAttrs::values_count>(), count);
  }
  const Tensor& first = graph->tensor(node.inputs[0]);
  CheckMovable(first, "input");
  Shape shape = first.shape;
  for (const TensorId id : node.inputs) {
    const Tensor& x = graph->tensor(id);
    bool fits = x.shape.rank() == shape.rank() && x.dtype == first.dtype;
    for (int d = 0; fits && d < shape.rank(); ++d) {
      const bool open = shape[d] == kDynamic || x.shape[d] == kDynamic;
      fits = open || shape[d] == x.shape[d];
      if (open) shape[d] = kDynamic;
    }
    if (fits) continue;
    Fail(ErrorKind::kCorrupt,
         "the inputs '{}' and '{}' differ: {} {} and {} {}", first.name, x.name,
         Name(first.dtype), first.shape.ToString(), Name(x.dtype),
         x.shape.ToString());
  }
  std::vector<int32_t> dims = shape.ToVector();
  dims.insert(dims.begin() + PackAxis(first, node.Get<&PackAttrs::axis>()),
              static_cast<int32_t>(count));
  Tensor& out = graph->tensor(node.outputs[0]);
  out.dtype = first.dtype;
  out.shape = Shape(dims);
}

// Part `i` of a stack along `axis`: from the part to the stack.
kernels::Block PartBlock(const Shape& stack, int axis, size_t i) {
  const std::vector<int64_t> strides = Strides(stack);
  kernels::Block block;
  block.to = static_cast<int64_t>(i) * strides[static_cast<size_t>(axis)];
  int64_t from = 1;
  for (int d = stack.rank() - 1; d >= 0; --d) {
    if (d == axis) continue;
    block.dims.insert(block.dims.begin(),
                      {stack[d], from, strides[static_cast<size_t>(d)]});
    from *= stack[d];
  }
  return block;
}

Moves PackMoves(const PrepareContext& context) {
  const int axis =
      PackAxis(context.input(0), context.node.Get<&PackAttrs::axis>());
  Moves moves;
  for (size_t i = 0; i < context.node.inputs.size(); ++i) {
    moves.blocks.push_back(PartBlock(context.output().shape, axis, i));
    moves.blocks.back().input = static_cast<int>(i);
  }
  return moves;
}

int PackVersion(const Graph& graph, const Node& node) {
  return MoveVersion(graph.tensor(node.inputs[0]), 3);
}

constexpr Operand kPackOperands[] = {{.name = "values"}};

// ---- UNPACK ---------------------------------------------------------------

void InferUnpack(Graph* graph, const Node& node) {
  const Tensor& x = graph->tensor(node.inputs[0]);
  CheckMovable(x, "input");
  const auto attrs = Get<UnpackAttrs>(node);
  const int axis = AxisOf(x, attrs.axis);
  if (attrs.num < 1 || attrs.num != std::ssize(node.outputs) ||
      (x.shape[axis] != attrs.num && x.shape[axis] != kDynamic)) {
    Fail(ErrorKind::kCorrupt,
         "num is {} for dimension {} of '{}' of shape {} and {} outputs",
         attrs.num, axis, x.name, x.shape.ToString(), node.outputs.size());
  }
  std::vector<int32_t> dims = x.shape.ToVector();
  dims.erase(dims.begin() + axis);
  const DType dtype = x.dtype;
  for (const TensorId id : node.outputs) {
    graph->tensor(id).dtype = dtype;
    graph->tensor(id).shape = Shape(dims);
  }
}

Moves UnpackMoves(const PrepareContext& context) {
  const Tensor& x = context.input(0);
  const int axis = AxisOf(x, context.node.Get<&UnpackAttrs::axis>());
  Moves moves;
  for (size_t o = 0; o < context.node.outputs.size(); ++o) {
    moves.blocks.push_back(kernels::Reversed(PartBlock(x.shape, axis, o)));
    moves.blocks.back().output = static_cast<int>(o);
  }
  return moves;
}

int UnpackVersion(const Graph& graph, const Node& node) {
  const Tensor& x = graph.tensor(node.inputs[0]);
  if (x.dtype == DType::kBool) return 3;
  return x.dtype == DType::kUInt8 ? 2 : MoveVersion(x, 4);
}

constexpr Operand kUnpackOperands[] = {{.name = "x"}};

}  // namespace

const OpDef kPack = {
    .name = "PACK",
    .summary = "tensors stacked along a new dimension",
    .tflite = {.code = 83, .options = 59, .version = PackVersion},
    .attrs = kAttrs<PackAttrs>,
    .operands = kPackOperands,
    .variadic = true,
    .infer = InferPack,
    .rows = kMoveRows<PackMoves>,
    .quant = {.output = QuantRule::kLikeAllInputs},
    .fold_constant = FoldMove,
};

const OpDef kUnpack = {
    .name = "UNPACK",
    .summary = "slices along an axis, without it",
    .tflite = {.code = 88, .options = 64, .version = UnpackVersion},
    .attrs = kAttrs<UnpackAttrs>,
    .operands = kUnpackOperands,
    .outputs = kAnyOutputs,
    .infer = InferUnpack,
    .rows = kMoveRows<UnpackMoves>,
    .quant = {.output = QuantRule::kLikeInput},
};

}  // namespace litesmith
