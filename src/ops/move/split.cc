// SPLIT and SPLIT_V: parts of a tensor along an axis, each an output. Follow
// specs/ops.md 8.3.
#include <vector>

#include "src/base/error.h"
#include "src/ops/indices.h"
#include "src/ops/move/move.h"
#include "src/ops/move/moves.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

// The axis that a constant of one element names.
int SplitAxis(const Tensor& x, const Tensor& operand) {
  const std::vector<int64_t> values = ConstantIndices(operand, "axis");
  if (values.size() != 1) {
    Fail(ErrorKind::kCorrupt,
         "the axis '{}' has shape {}; one number is wanted", operand.name,
         operand.shape.ToString());
  }
  return AxisOf(x, values[0]);
}

// What a file says about its outputs stays until the parts are known.
void SetTypes(Graph* graph, const Node& node, const Tensor& x,
              int64_t num_splits) {
  CheckMovable(x, "input");
  if (num_splits < 1 || num_splits != std::ssize(node.outputs)) {
    Fail(ErrorKind::kCorrupt, "num_splits is {} for {} outputs", num_splits,
         node.outputs.size());
  }
  const DType dtype = x.dtype;
  for (const TensorId id : node.outputs) graph->tensor(id).dtype = dtype;
}

// The parts of the axis, in a graph whose outputs have their shapes.
Moves PartMoves(const PrepareContext& context, int input, int axis) {
  const auto at = static_cast<size_t>(axis);
  const Shape& x = context.input(static_cast<size_t>(input)).shape;
  const std::vector<int64_t> from = Strides(x);
  Moves moves;
  int64_t first = 0;
  for (size_t o = 0; o < context.node.outputs.size(); ++o) {
    const Shape& y = context.output(o).shape;
    const std::vector<int64_t> to = Strides(y);
    kernels::Block block{.input = input,
                         .output = static_cast<int>(o),
                         .from = first * from[at]};
    for (int d = 0; d < y.rank(); ++d) {
      const auto i = static_cast<size_t>(d);
      block.dims.push_back({y[d], from[i], to[i]});
    }
    first += y[axis];
    moves.blocks.push_back(block);
  }
  return moves;
}

// ---- SPLIT ----------------------------------------------------------------

void InferSplit(Graph* graph, const Node& node) {
  const Tensor& x = graph->tensor(node.inputs[1]);
  const int64_t count = node.Get<&SplitAttrs::num_splits>();
  SetTypes(graph, node, x, count);
  if (!AreKnown(*graph, node)) return;
  const int axis = SplitAxis(x, graph->tensor(node.inputs[0]));
  Shape shape = x.shape;
  if (shape[axis] != kDynamic) {
    if (shape[axis] % count != 0) {
      Fail(
          ErrorKind::kCorrupt,
          "dimension {} of '{}' of shape {} does not split into {} equal parts",
          axis, x.name, x.shape.ToString(), count);
    }
    shape[axis] = static_cast<int32_t>(shape[axis] / count);
  }
  for (const TensorId id : node.outputs) graph->tensor(id).shape = shape;
}

Moves SplitMoves(const PrepareContext& context) {
  return PartMoves(context, 1, SplitAxis(context.input(1), context.input(0)));
}

int SplitVersion(const Graph& graph, const Node& node) {
  const Tensor& x = graph.tensor(node.inputs[1]);
  return x.dtype == DType::kInt32 ? 3 : MoveVersion(x, 4);
}

constexpr Operand kSplitOperands[] = {
    {.name = "axis", .role = Role::kShape},
    {.name = "x"},
};

// ---- SPLIT_V --------------------------------------------------------------

// The sizes of the parts; a single one may be what is left.
std::vector<int64_t> Sizes(const Graph& graph, const Node& node, int axis) {
  const Tensor& x = graph.tensor(node.inputs[0]);
  const Tensor& operand = graph.tensor(node.inputs[1]);
  std::vector<int64_t> sizes = ConstantIndices(operand, "sizes");
  int64_t sum = 0;
  int64_t* rest = nullptr;
  bool fits = operand.shape.rank() == 1 && sizes.size() == node.outputs.size();
  for (int64_t& size : sizes) {
    if (size == -1 && rest == nullptr) {
      rest = &size;
    } else {
      fits = fits && size >= 0;
      sum += CheckedDimension(fits ? size : 0, x);
    }
  }
  const int64_t whole = x.shape[axis];
  if (fits && rest != nullptr && whole != kDynamic) sum += * rest = whole - sum;
  if (rest != nullptr && *rest < kDynamic) fits = false;
  if (fits && (whole == kDynamic || sum == whole)) return sizes;
  Fail(ErrorKind::kCorrupt,
       "the sizes '{}' do not make {} parts of dimension {} of '{}' of shape "
       "{}",
       operand.name, node.outputs.size(), axis, x.name, x.shape.ToString());
}

void InferSplitV(Graph* graph, const Node& node) {
  const Tensor& x = graph->tensor(node.inputs[0]);
  SetTypes(graph, node, x, node.Get<&SplitVAttrs::num_splits>());
  if (!AreKnown(*graph, node)) return;
  const int axis = SplitAxis(x, graph->tensor(node.inputs[2]));
  const std::vector<int64_t> sizes = Sizes(*graph, node, axis);
  Shape shape = x.shape;
  for (size_t o = 0; o < sizes.size(); ++o) {
    shape[axis] = static_cast<int32_t>(sizes[o]);
    graph->tensor(node.outputs[o]).shape = shape;
  }
}

Moves SplitVMoves(const PrepareContext& context) {
  return PartMoves(context, 0, SplitAxis(context.input(0), context.input(2)));
}

int SplitVVersion(const Graph& graph, const Node& node) {
  return MoveVersion(graph.tensor(node.inputs[0]), 1);
}

constexpr Operand kSplitVOperands[] = {
    {.name = "x"},
    {.name = "sizes", .role = Role::kShape},
    {.name = "axis", .role = Role::kShape},
};

}  // namespace

const OpDef kSplit = {
    .name = "SPLIT",
    .summary = "equal parts along an axis",
    .tflite = {.code = 49, .options = 35, .version = SplitVersion},
    .attrs = kAttrs<SplitAttrs>,
    .operands = kSplitOperands,
    .outputs = kAnyOutputs,
    .infer = InferSplit,
    .rows = kMoveRows<SplitMoves>,
    .quant = {.output = QuantRule::kLikeAllInputs},
};

const OpDef kSplitV = {
    .name = "SPLIT_V",
    .summary = "parts of given sizes along an axis",
    .tflite = {.code = 102, .options = 79, .version = SplitVVersion},
    .attrs = kAttrs<SplitVAttrs>,
    .operands = kSplitVOperands,
    .outputs = kAnyOutputs,
    .infer = InferSplitV,
    .rows = kMoveRows<SplitVMoves>,
    .quant = {.output = QuantRule::kLikeInput},
};

}  // namespace litesmith
