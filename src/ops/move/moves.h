// Ops that only move values: one is a function that gives blocks, and all else
// (samples, types, the gradient) is here.
#ifndef LITESMITH_OPS_MOVE_MOVES_H_
#define LITESMITH_OPS_MOVE_MOVES_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "src/graph/op_def.h"
#include "src/kernels/move/blocks.h"

namespace litesmith {

// Block::input of what is not read but set: Moves::fill.
inline constexpr int kGiven = -1;

// An element: as many of the first bytes as its type has.
using Element = std::array<std::byte, 8>;

// What a node does at the shapes that it is bound to, all samples together. An
// element that several blocks write has the last one's value.
struct Moves {
  std::vector<kernels::Block> blocks = {};
  Element fill{};
  // An element may be read by several blocks: its gradient is a sum. A step of
  // 0 alone says the same of one block.
  bool repeats = false;
};

// The kernel of these moves, reference and training. Throws Error{unsupported}
// if a sample's elements do not stay with the sample.
KernelPtr MakeMoves(const PrepareContext& context, Moves moves);

template <Moves (*kMovesOf)(const PrepareContext&)>
KernelPtr PrepareMoves(const PrepareContext& context) {
  return MakeMoves(context, kMovesOf(context));
}

// The two rows of an op that only moves values.
template <Moves (*kMovesOf)(const PrepareContext&)>
inline constexpr KernelRow kMoveRows[] = {
    {"MoveF32Train",
     Purpose::kTrain,
     {.output = DType::kFloat32},
     PrepareMoves<kMovesOf>},
    {"MoveRef", Purpose::kReference, {}, PrepareMoves<kMovesOf>},
};

// For OpDef::fold_constant: the output's data where all inputs have theirs and
// none is trained. By the reference row.
TensorData FoldMove(const Graph& graph, const Node& node);

// How many elements one step along each dimension is.
std::vector<int64_t> Strides(const Shape& shape);

// The element that stands for the real number 0.
Element ZeroElement(const Tensor& tensor);

// The input has a type of one of the sizes that are moved, and any shape.
void CheckMovable(const Tensor& tensor, const char* what);
// `a * b` or `a + b` as a dimension of `of`. Throws Error{corrupt} beyond
// 2^31-1.
int32_t CheckedDimension(int64_t dimension, const Tensor& of);

// The version that a file states for the most of these ops: 1, int8 2, int16
// `int16`, of more than four dimensions `large` (0: as else).
int MoveVersion(const Tensor& x, int int16, int large = 0);

}  // namespace litesmith

#endif  // LITESMITH_OPS_MOVE_MOVES_H_
