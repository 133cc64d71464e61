// TILE and BROADCAST_TO: elements that stand in several places. Follow
// specs/ops.md 8.3.
#include <vector>

#include "src/base/error.h"
#include "src/ops/indices.h"
#include "src/ops/move/moves.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

std::vector<int64_t> Operand1(const Graph& graph, const Node& node,
                              const char* what) {
  const Tensor& operand = graph.tensor(node.inputs[1]);
  if (operand.shape.rank() != 1) {
    Fail(ErrorKind::kCorrupt, "the {} '{}' has shape {}; rank 1 is wanted",
         what, operand.name, operand.shape.ToString());
  }
  std::vector<int64_t> values = ConstantIndices(operand, what);
  for (const int64_t value : values) CheckedDimension(value, operand);
  return values;
}

// ---- TILE -----------------------------------------------------------------

std::vector<int64_t> Multiples(const Graph& graph, const Node& node) {
  const Tensor& x = graph.tensor(node.inputs[0]);
  std::vector<int64_t> multiples = Operand1(graph, node, "multiples");
  if (static_cast<int>(multiples.size()) != x.shape.rank()) {
    Fail(ErrorKind::kCorrupt, "there are {} multiples for '{}' of shape {}",
         multiples.size(), x.name, x.shape.ToString());
  }
  return multiples;
}

void InferTile(Graph* graph, const Node& node) {
  const Tensor& x = graph->tensor(node.inputs[0]);
  Tensor& out = graph->tensor(node.outputs[0]);
  CheckMovable(x, "input");
  out.dtype = x.dtype;
  if (!AreKnown(*graph, node)) return;
  const std::vector<int64_t> multiples = Multiples(*graph, node);
  Shape shape = x.shape;
  for (int d = 0; d < shape.rank(); ++d) {
    if (shape[d] == kDynamic) continue;
    shape[d] =
        CheckedDimension(shape[d] * multiples[static_cast<size_t>(d)], x);
  }
  out.shape = shape;
}

Moves TileMoves(const PrepareContext& context) {
  const Shape& x = context.input(0).shape;
  const std::vector<int64_t> multiples = Multiples(context.graph, context.node);
  const std::vector<int64_t> from = Strides(x);
  const std::vector<int64_t> to = Strides(context.output().shape);
  kernels::Block block;
  for (int d = 0; d < x.rank(); ++d) {
    const auto at = static_cast<size_t>(d);
    block.dims.push_back({multiples[at], 0, x[d] * to[at]});
    block.dims.push_back({x[d], from[at], to[at]});
  }
  return {{block}};
}

constexpr Operand kTileOperands[] = {
    {.name = "x"},
    {.name = "multiples", .role = Role::kShape},
};

// ---- BROADCAST_TO ---------------------------------------------------------

void InferBroadcast(Graph* graph, const Node& node) {
  const Tensor& x = graph->tensor(node.inputs[0]);
  Tensor& out = graph->tensor(node.outputs[0]);
  CheckMovable(x, "input");
  out.dtype = x.dtype;
  if (!AreKnown(*graph, node)) return;
  const std::vector<int64_t> dims = Operand1(*graph, node, "shape");
  const std::vector<int32_t> wanted(dims.begin(), dims.end());
  Shape shape = Shape(wanted);
  const int new_dims = shape.rank() - x.shape.rank();
  bool fits = new_dims >= 0;
  for (int d = 0; fits && d < x.shape.rank(); ++d) {
    if (x.shape[d] == kDynamic) {
      shape[new_dims + d] = kDynamic;
    } else {
      fits = x.shape[d] == 1 || x.shape[d] == shape[new_dims + d];
    }
  }
  if (!fits) {
    Fail(ErrorKind::kCorrupt, "'{}' of shape {} does not broadcast to {}",
         x.name, x.shape.ToString(), Shape(wanted).ToString());
  }
  out.shape = shape;
}

Moves BroadcastMoves(const PrepareContext& context) {
  const Shape& x = context.input(0).shape;
  const Shape& y = context.output().shape;
  const std::vector<int64_t> from = Strides(x);
  const std::vector<int64_t> to = Strides(y);
  kernels::Block block;
  for (int d = 0; d < y.rank(); ++d) {
    const int of = d - (y.rank() - x.rank());
    const bool stays = of < 0 || x[of] == 1;
    block.dims.push_back({y[d], stays ? 0 : from[static_cast<size_t>(of)],
                          to[static_cast<size_t>(d)]});
  }
  return {{block}};
}

// Its registration begins with 2.
int BroadcastVersion(const Graph& graph, const Node& node) {
  const DType dtype = graph.tensor(node.inputs[0]).dtype;
  return dtype == DType::kInt8 || dtype == DType::kInt16 ? 3 : 2;
}

constexpr Operand kBroadcastOperands[] = {
    {.name = "x"},
    {.name = "shape", .role = Role::kShape},
};

}  // namespace

// Version 3 would be that of int8, which the kernel of 1 has as well:
// LiteRT's reference kernels are registered up to 2.
const OpDef kTile = {
    .name = "TILE",
    .summary = "the whole tensor several times along each dimension",
    .tflite = {.code = 69, .options = 51},
    .operands = kTileOperands,
    .infer = InferTile,
    .rows = kMoveRows<TileMoves>,
    .quant = {.output = QuantRule::kLikeInput},
    .fold_constant = FoldMove,
};

const OpDef kBroadcastTo = {
    .name = "BROADCAST_TO",
    .summary = "dimensions of one as often as a shape says",
    .tflite = {.code = 130, .options = 104, .version = BroadcastVersion},
    .operands = kBroadcastOperands,
    .infer = InferBroadcast,
    .rows = kMoveRows<BroadcastMoves>,
    .quant = {.output = QuantRule::kLikeInput},
    .fold_constant = FoldMove,
};

}  // namespace litesmith
