// PAD, PADV2 and MIRROR_PAD: values around a tensor, which are zeros (in
// integers the zero point), one given value, or the tensor's own. Follow
// specs/ops.md 8.1.
#include <algorithm>
#include <vector>

#include "src/base/error.h"
#include "src/ops/checks.h"
#include "src/ops/indices.h"
#include "src/ops/move/move.h"
#include "src/ops/move/moves.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

using kernels::Block;
using kernels::BlockDim;

// How many before and behind along one dimension.
struct Padding {
  int64_t before = 0;
  int64_t after = 0;
};

std::vector<Padding> Paddings(const Graph& graph, const Node& node) {
  const Tensor& x = graph.tensor(node.inputs[0]);
  const Tensor& operand = graph.tensor(node.inputs[1]);
  if (operand.shape != Shape{x.shape.rank(), 2}) {
    Fail(ErrorKind::kCorrupt,
         "the paddings '{}' have shape {}; [{},2] is wanted for '{}'",
         operand.name, operand.shape.ToString(), x.shape.rank(), x.name);
  }
  std::vector<Padding> paddings;
  if (x.shape.rank() == 0) return paddings;
  const std::vector<int64_t> values = ConstantIndices(operand, "paddings");
  for (size_t d = 0; 2 * d < values.size(); ++d) {
    paddings.push_back({values[2 * d], values[2 * d + 1]});
    for (const int64_t value : {values[2 * d], values[2 * d + 1]}) {
      if (value < 0) {
        Fail(ErrorKind::kCorrupt,
             "the paddings '{}' have {}; 0 or more is wanted", operand.name,
             value);
      }
      CheckedDimension(value, x);
    }
  }
  return paddings;
}

void InferPad(Graph* graph, const Node& node) {
  const Tensor& x = graph->tensor(node.inputs[0]);
  Tensor& out = graph->tensor(node.outputs[0]);
  CheckMovable(x, "input");
  out.dtype = x.dtype;
  const bool has_zero = x.dtype == DType::kInt8 || x.dtype == DType::kUInt8 ||
                        x.dtype == DType::kInt16;
  if (has_zero && !out.quant.empty()) CheckPerTensorQuant(out, "output");
  if (!AreKnown(*graph, node)) return;
  Shape shape = x.shape;
  int d = 0;
  for (const Padding& padding : Paddings(*graph, node)) {
    if (shape[d] != kDynamic)
      shape[d] = CheckedDimension(shape[d] + padding.before + padding.after, x);
    ++d;
  }
  out.shape = shape;
}

// The input in the midst of the output, and around it along each dimension in
// turn the one value that `fill` is.
Moves PadMoves(const PrepareContext& context, int fill) {
  const std::vector<Padding> paddings = Paddings(context.graph, context.node);
  const Shape& x = context.input(0).shape;
  const Shape& y = context.output().shape;
  const std::vector<int64_t> from = Strides(x);
  const std::vector<int64_t> to = Strides(y);
  Block inner;
  Moves moves;
  for (size_t d = 0; d < paddings.size(); ++d) {
    // Dimensions outside of this one are without their own padding, those
    // inside are whole.
    Block around{.input = fill, .to = inner.to};
    for (const BlockDim& dim : inner.dims)
      around.dims.push_back({dim.count, 0, dim.to});
    around.dims.push_back({0, 0, to[d]});
    for (size_t i = d + 1; i < to.size(); ++i)
      around.dims.push_back({y[static_cast<int>(i)], 0, to[i]});
    const int64_t size = x[static_cast<int>(d)];
    around.dims[d].count = paddings[d].before;
    moves.blocks.push_back(around);
    around.dims[d].count = paddings[d].after;
    around.to += (paddings[d].before + size) * to[d];
    moves.blocks.push_back(around);
    inner.dims.push_back({size, from[d], to[d]});
    inner.to += paddings[d].before * to[d];
  }
  moves.blocks.push_back(inner);
  return moves;
}

Moves PadZeros(const PrepareContext& context) {
  Moves moves = PadMoves(context, kGiven);
  moves.fill = ZeroElement(context.output());
  return moves;
}

int PadVersion(const Graph& graph, const Node& node) {
  const Tensor& x = graph.tensor(node.inputs[0]);
  return x.dtype == DType::kBool ? 5 : MoveVersion(x, 3, 4);
}

constexpr Operand kPadOperands[] = {
    {.name = "x"},
    {.name = "paddings", .role = Role::kShape},
};

// ---- PADV2 ----------------------------------------------------------------

void InferPadV2(Graph* graph, const Node& node) {
  const Tensor& x = graph->tensor(node.inputs[0]);
  const Tensor& value = graph->tensor(node.inputs[2]);
  CheckDType(value, "value", {x.dtype});
  if (value.shape.NumElements() != 1) {
    Fail(ErrorKind::kCorrupt, "the value '{}' has shape {}; one is wanted",
         value.name, value.shape.ToString());
  }
  InferPad(graph, node);
}

Moves PadGiven(const PrepareContext& context) { return PadMoves(context, 2); }

constexpr Operand kPadV2Operands[] = {
    {.name = "x"},
    {.name = "paddings", .role = Role::kShape},
    {.name = "value"},
};

// ---- MIRROR_PAD -----------------------------------------------------------

void InferMirrorPad(Graph* graph, const Node& node) {
  const MirrorMode mode = node.Get<&MirrorPadAttrs::mode>();
  if (mode != kReflect && mode != kSymmetric) {
    Fail(ErrorKind::kCorrupt, "the mode {} is neither REFLECT nor SYMMETRIC",
         static_cast<int>(mode));
  }
  InferPad(graph, node);
  if (!AreKnown(*graph, node)) return;
  const Tensor& x = graph->tensor(node.inputs[0]);
  int d = 0;
  for (const Padding& padding : Paddings(*graph, node)) {
    const int64_t most = x.shape[d] - (mode == kReflect ? 1 : 0);
    if (x.shape[d] != kDynamic &&
        std::max(padding.before, padding.after) > std::max<int64_t>(most, 0)) {
      Fail(ErrorKind::kCorrupt,
           "paddings of {} and {} along dimension {} of '{}' of shape {}: "
           "there are {} values to mirror",
           padding.before, padding.after, d, x.name, x.shape.ToString(), most);
    }
    ++d;
  }
}

// Along each dimension what comes before it, backwards, it, and what comes
// behind it: blocks are all combinations.
Moves MirrorMoves(const PrepareContext& context) {
  const Shape& x = context.input(0).shape;
  const std::vector<int64_t> from = Strides(x);
  const std::vector<int64_t> to = Strides(context.output().shape);
  const int64_t edge =
      context.node.Get<&MirrorPadAttrs::mode>() == kReflect ? 1 : 0;
  Moves moves{.blocks = {Block()}, .repeats = true};
  int d = 0;
  for (const auto& [before, after] : Paddings(context.graph, context.node)) {
    struct Part {
      int64_t first, count, step, to;
    };
    const Part parts[] = {
        {before - 1 + edge, before, -1, 0},
        {0, x[d], 1, before},
        {x[d] - 1 - edge, after, -1, before + x[d]},
    };
    const auto at = static_cast<size_t>(d++);
    std::vector<Block> blocks;
    for (const Block& outer : moves.blocks) {
      for (const Part& part : parts) {
        if (part.count == 0) continue;
        Block block = outer;
        block.from += part.first * from[at];
        block.to += part.to * to[at];
        block.dims.push_back({part.count, part.step * from[at], to[at]});
        blocks.push_back(std::move(block));
      }
    }
    moves.blocks = std::move(blocks);
  }
  return moves;
}

int MirrorPadVersion(const Graph& graph, const Node& node) {
  return MoveVersion(graph.tensor(node.inputs[0]), 3);
}

}  // namespace

const OpDef kPad = {
    .name = "PAD",
    .summary = "zeros around a tensor",
    .tflite = {.code = 34, .options = 22, .version = PadVersion},
    .operands = kPadOperands,
    .infer = InferPad,
    .rows = kMoveRows<PadZeros>,
    .quant = {.output = QuantRule::kLikeInput},
};

const OpDef kPadV2 = {
    .name = "PADV2",
    .summary = "a given value around a tensor",
    .tflite = {.code = 60, .options = 43, .version = PadVersion},
    .operands = kPadV2Operands,
    .infer = InferPadV2,
    .rows = kMoveRows<PadGiven>,
    .quant = {.output = QuantRule::kLikeAllInputs},
};

const OpDef kMirrorPad = {
    .name = "MIRROR_PAD",
    .summary = "a tensor's own values, mirrored, around it",
    .tflite = {.code = 100, .options = 77, .version = MirrorPadVersion},
    .attrs = kAttrs<MirrorPadAttrs>,
    .operands = kPadOperands,
    .infer = InferMirrorPad,
    .rows = kMoveRows<MirrorMoves>,
    .quant = {.output = QuantRule::kLikeInput},
};

}  // namespace litesmith
