// Blocks of pixels that become channels or samples, and the way back:
// SPACE_TO_DEPTH, DEPTH_TO_SPACE, SPACE_TO_BATCH_ND, BATCH_TO_SPACE_ND. Follow
// specs/ops.md 8.4; any number of spatial dimensions.
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

// ---- Channels -------------------------------------------------------------

// The image whose blocks are the channels of `depth`, one to the other: from
// [n, h, w, c] to [n, h/b, w/b, b*b*c].
Block DepthBlock(const Shape& space, const Shape& depth, int64_t size) {
  const std::vector<int64_t> from = Strides(space);
  const std::vector<int64_t> to = Strides(depth);
  const int64_t channels = space[3];
  Block block;
  block.dims = {
      {space[0], from[0], to[0]},       {depth[1], size * from[1], to[1]},
      {size, from[1], size * channels}, {depth[2], size * from[2], to[2]},
      {size, from[2], channels},        {channels, 1, 1}};
  return block;
}

template <auto kSize>
int64_t CheckedBlockSize(const Tensor& x, const Node& node) {
  CheckMovable(x, "input");
  CheckRank(x, "input", 4);
  const int64_t size = node.Get<kSize>();
  CheckPositive(size, "block_size");
  return size;
}

[[noreturn]] void FailDivides(const Tensor& x, int64_t size) {
  Fail(ErrorKind::kCorrupt,
       "blocks of {} do not divide '{}' of shape {} as they must", size, x.name,
       x.shape.ToString());
}

void InferSpaceToDepth(Graph* graph, const Node& node) {
  const Tensor& x = graph->tensor(node.inputs[0]);
  const int64_t size =
      CheckedBlockSize<&SpaceToDepthAttrs::block_size>(x, node);
  if (x.shape[1] % size != 0 || x.shape[2] % size != 0) FailDivides(x, size);
  Tensor& out = graph->tensor(node.outputs[0]);
  out.dtype = x.dtype;
  out.shape = {x.shape[0], static_cast<int32_t>(x.shape[1] / size),
               static_cast<int32_t>(x.shape[2] / size),
               CheckedDimension(size * size * x.shape[3], x)};
}

void InferDepthToSpace(Graph* graph, const Node& node) {
  const Tensor& x = graph->tensor(node.inputs[0]);
  const int64_t size =
      CheckedBlockSize<&DepthToSpaceAttrs::block_size>(x, node);
  if (x.shape[3] % (size * size) != 0) FailDivides(x, size);
  Tensor& out = graph->tensor(node.outputs[0]);
  out.dtype = x.dtype;
  out.shape = {x.shape[0], CheckedDimension(size * x.shape[1], x),
               CheckedDimension(size * x.shape[2], x),
               static_cast<int32_t>(x.shape[3] / (size * size))};
}

Moves SpaceToDepthMoves(const PrepareContext& context) {
  return {{DepthBlock(context.input(0).shape, context.output().shape,
                      context.node.Get<&SpaceToDepthAttrs::block_size>())}};
}

Moves DepthToSpaceMoves(const PrepareContext& context) {
  return {{kernels::Reversed(
      DepthBlock(context.output().shape, context.input(0).shape,
                 context.node.Get<&DepthToSpaceAttrs::block_size>()))}};
}

int SpaceToDepthVersion(const Graph& graph, const Node& node) {
  return MoveVersion(graph.tensor(node.inputs[0]), 1);
}

// ---- Samples --------------------------------------------------------------

// One spatial dimension: the size of a block, and how many values are added to
// the image before and behind it, or cut off.
struct Spatial {
  int64_t block = 1;
  int64_t before = 0;
  int64_t after = 0;
};

std::vector<Spatial> Spatials(const Graph& graph, const Node& node) {
  const Tensor& x = graph.tensor(node.inputs[0]);
  const Tensor& sizes = graph.tensor(node.inputs[1]);
  const Tensor& edges = graph.tensor(node.inputs[2]);
  const int dims = sizes.shape.rank() == 1 ? sizes.shape[0] : 0;
  if (dims < 1 || dims >= x.shape.rank() || edges.shape != Shape{dims, 2}) {
    Fail(
        ErrorKind::kCorrupt,
        "the block sizes '{}' of shape {} and '{}' of shape {} do not fit '{}' "
        "of shape {}: [n] and [n,2] are wanted",
        sizes.name, sizes.shape.ToString(), edges.name, edges.shape.ToString(),
        x.name, x.shape.ToString());
  }
  const std::vector<int64_t> blocks = ConstantIndices(sizes, "block sizes");
  const std::vector<int64_t> around = ConstantIndices(edges, "paddings");
  std::vector<Spatial> spatials;
  for (size_t d = 0; d < blocks.size(); ++d) {
    const Spatial spatial{blocks[d], around[2 * d], around[2 * d + 1]};
    CheckPositive(spatial.block, "a block's size");
    CheckedDimension(spatial.before, edges);
    CheckedDimension(spatial.after, edges);
    spatials.push_back(spatial);
  }
  return spatials;
}

void InferSpaceToBatch(Graph* graph, const Node& node) {
  const Tensor& x = graph->tensor(node.inputs[0]);
  Tensor& out = graph->tensor(node.outputs[0]);
  CheckMovable(x, "input");
  out.dtype = x.dtype;
  if (!AreKnown(*graph, node)) return;
  Shape shape = x.shape;
  int d = 1;
  for (const Spatial& s : Spatials(*graph, node)) {
    if (shape[d] != kDynamic) {
      const int64_t padded = shape[d] + s.before + s.after;
      if (padded % s.block != 0) FailDivides(x, s.block);
      shape[d] = CheckedDimension(padded / s.block, x);
    }
    if (shape[0] != kDynamic)
      shape[0] = CheckedDimension(shape[0] * s.block, x);
    ++d;
  }
  out.shape = shape;
}

void InferBatchToSpace(Graph* graph, const Node& node) {
  const Tensor& x = graph->tensor(node.inputs[0]);
  Tensor& out = graph->tensor(node.outputs[0]);
  CheckMovable(x, "input");
  out.dtype = x.dtype;
  if (!AreKnown(*graph, node)) return;
  Shape shape = x.shape;
  int d = 1;
  for (const Spatial& s : Spatials(*graph, node)) {
    if (shape[d] != kDynamic)
      shape[d] = CheckedDimension(shape[d] * s.block - s.before - s.after, x);
    if (shape[0] != kDynamic) {
      if (shape[0] % s.block != 0) FailDivides(x, s.block);
      shape[0] = static_cast<int32_t>(shape[0] / s.block);
    }
    ++d;
  }
  out.shape = shape;
}

// Of a dimension of `size` between paddings, in cells of a block's size: places
// `offset` .. of a cell that lie inside it in the same cells. At most three
// pieces, as only a first and a last cell are cut.
struct Piece {
  int64_t cell, cells;
  int64_t offset, offsets;
};
std::vector<Piece> Pieces(int64_t size, const Spatial& s) {
  std::vector<Piece> pieces;
  if (size == 0) return pieces;
  const int64_t last = s.before + size - 1;
  int64_t bounds[] = {0, s.before % s.block, last % s.block + 1, s.block};
  std::sort(std::begin(bounds), std::end(bounds));
  for (size_t i = 0; i < 3; ++i) {
    const int64_t offset = bounds[i];
    const int64_t from = s.before - offset;
    const int64_t first = from > 0 ? (from + s.block - 1) / s.block : 0;
    const int64_t cells = offset > last ? 0 : (last - offset) / s.block + 1;
    if (bounds[i + 1] == offset || cells <= first) continue;
    pieces.push_back({first, cells - first, offset, bounds[i + 1] - offset});
  }
  return pieces;
}

// From the image to the samples that its blocks become: sample
// (by * block_w + bx) * n + sample of the image.
std::vector<Block> BatchBlocks(const Shape& space, const Shape& batch,
                               const std::vector<Spatial>& spatials) {
  const std::vector<int64_t> from = Strides(space);
  const std::vector<int64_t> to = Strides(batch);
  Block whole;
  whole.dims.push_back({space[0], from[0], to[0]});
  for (size_t d = spatials.size() + 1; d < from.size(); ++d)
    whole.dims.push_back({space[static_cast<int>(d)], from[d], to[d]});
  std::vector<Block> blocks = {whole};
  int64_t sample = space[0] * to[0];  // a step of the offset within a block
  for (size_t d = spatials.size(); d >= 1; --d) {
    const Spatial& s = spatials[d - 1];
    std::vector<Block> next;
    for (const Piece& piece : Pieces(space[static_cast<int>(d)], s)) {
      for (Block block : blocks) {
        block.from +=
            (piece.cell * s.block + piece.offset - s.before) * from[d];
        block.to += piece.cell * to[d] + piece.offset * sample;
        block.dims.push_back({piece.offsets, from[d], sample});
        block.dims.push_back({piece.cells, s.block * from[d], to[d]});
        next.push_back(std::move(block));
      }
    }
    blocks = std::move(next);
    sample *= s.block;
  }
  return blocks;
}

Moves SpaceToBatchMoves(const PrepareContext& context) {
  const Shape& y = context.output().shape;
  const std::vector<Spatial> spatials = Spatials(context.graph, context.node);
  Moves moves{.fill = ZeroElement(context.output())};
  if (std::any_of(spatials.begin(), spatials.end(), [](const Spatial& s) {
        return s.before > 0 || s.after > 0;
      })) {
    const std::vector<int64_t> to = Strides(y);
    Block all{.input = kGiven};
    for (int d = 0; d < y.rank(); ++d)
      all.dims.push_back({y[d], 0, to[static_cast<size_t>(d)]});
    moves.blocks.push_back(std::move(all));
  }
  for (Block& block : BatchBlocks(context.input(0).shape, y, spatials))
    moves.blocks.push_back(std::move(block));
  return moves;
}

Moves BatchToSpaceMoves(const PrepareContext& context) {
  Moves moves;
  for (const Block& block :
       BatchBlocks(context.output().shape, context.input(0).shape,
                   Spatials(context.graph, context.node)))
    moves.blocks.push_back(kernels::Reversed(block));
  return moves;
}

int BatchVersion(const Graph& graph, const Node& node) {
  const Tensor& x = graph.tensor(node.inputs[0]);
  if (x.dtype == DType::kInt16) return 4;
  return x.shape.rank() != 4 ? 3 : MoveVersion(x, 4);
}

constexpr Operand kDepthOperands[] = {{.name = "x"}};
constexpr Operand kSpaceToBatchOperands[] = {
    {.name = "x"},
    {.name = "block_shape", .role = Role::kShape},
    {.name = "paddings", .role = Role::kShape},
};
constexpr Operand kBatchToSpaceOperands[] = {
    {.name = "x"},
    {.name = "block_shape", .role = Role::kShape},
    {.name = "crops", .role = Role::kShape},
};

}  // namespace

const OpDef kSpaceToDepth = {
    .name = "SPACE_TO_DEPTH",
    .summary = "blocks of pixels as channels, NHWC",
    .tflite = {.code = 26, .options = 19, .version = SpaceToDepthVersion},
    .attrs = kAttrs<SpaceToDepthAttrs>,
    .operands = kDepthOperands,
    .infer = InferSpaceToDepth,
    .rows = kMoveRows<SpaceToDepthMoves>,
    .quant = {.output = QuantRule::kLikeInput},
};

// Version 2 would be that of int8, which the kernel of 1 has as well: LiteRT's
// reference kernels are registered up to 1.
const OpDef kDepthToSpace = {
    .name = "DEPTH_TO_SPACE",
    .summary = "channels as blocks of pixels, NHWC",
    .tflite = {.code = 5, .options = 94},
    .attrs = kAttrs<DepthToSpaceAttrs>,
    .operands = kDepthOperands,
    .infer = InferDepthToSpace,
    .rows = kMoveRows<DepthToSpaceMoves>,
    .quant = {.output = QuantRule::kLikeInput},
};

const OpDef kSpaceToBatchND = {
    .name = "SPACE_TO_BATCH_ND",
    .summary = "blocks of pixels as samples, with zeros around the image",
    .tflite = {.code = 38, .options = 25, .version = BatchVersion},
    .operands = kSpaceToBatchOperands,
    .infer = InferSpaceToBatch,
    .rows = kMoveRows<SpaceToBatchMoves>,
    .quant = {.output = QuantRule::kLikeInput},
};

const OpDef kBatchToSpaceND = {
    .name = "BATCH_TO_SPACE_ND",
    .summary = "samples as blocks of pixels, the image's edges cut off",
    .tflite = {.code = 37, .options = 24, .version = BatchVersion},
    .operands = kBatchToSpaceOperands,
    .infer = InferBatchToSpace,
    .rows = kMoveRows<BatchToSpaceMoves>,
    .quant = {.output = QuantRule::kLikeInput},
};

}  // namespace litesmith
