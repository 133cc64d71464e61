// TRANSPOSE and REVERSE_V2: every order of dimensions behind the batch that
// runs differ in, and dimensions backwards.
#include <numeric>

#include "src/ops/registry.h"
#include "tests/conformance/move_cases.h"

namespace litesmith {
namespace {

struct Row {
  const char* name;
  std::vector<int32_t> x;        // without the batch
  std::vector<int32_t> operand;  // dimensions, or axes
  const char* litert = "";
  const char* tflm = "";
};

const std::vector<Row> kTransposeRows = {
    {"matrix", {5, 7}, {0, 2, 1}},
    {"channels_first", {4, 5, 3}, {0, 3, 1, 2}},
    {"rows", {4, 5, 3}, {0, 2, 1, 3}},
    {"backwards", {4, 5, 3}, {0, 3, 2, 1}},
    {"nothing", {4, 5}, {0, 1, 2}},
    {"timed", {16, 16, 32}, {0, 3, 1, 2}},
    {"rank_5", {2, 3, 4, 2}, {0, 4, 2, 1, 3}},
    {"rank_6",
     {2, 3, 2, 4, 2},
     {0, 4, 2, 5, 1, 3},
     "",
     "its TRANSPOSE has ranks up to 5"},
};

constexpr char kNeighbours[] = "its axes have to be neighbours";
const std::vector<Row> kReverseRows = {
    {"rows", {4, 5, 3}, {1}},
    {"channels", {4, 5, 3}, {-1}},
    {"two", {4, 5, 3}, {3, 2}},
    {"timed", {32, 32, 16}, {2}},
    {"apart", {4, 5, 3}, {3, 1}, kNeighbours, kNeighbours},
    {"rank_6", {2, 3, 2, 4, 2}, {3, 2}},
};

template <const OpDef& kOp>
Graph Build(const Row& row, const MoveType& type, Rng* rng) {
  GraphBuilder build(rng);
  const TensorId x = build.Input("x", type.dtype, row.x, type.quant);
  build.Add(kOp, "y", {x, Indices("operand", row.operand, &build)}, type.quant,
            type.dtype);
  return build.Finish();
}

const MoveRuntimes kTransposeRuntimes = {kAllMoveTypes, {"f32", "s8", "s16"}};
const MoveRuntimes kReverseV2Runtimes = {kAllMoveTypes, kAllMoveTypes};

Graph DrawTranspose(GraphBuilder* build, const MoveType& type) {
  Rng* rng = build->rng();
  const Shape x = DrawShape(rng, Draw(rng, 1, 5), 6);
  std::vector<int32_t> order(static_cast<size_t>(x.rank()));
  std::iota(order.begin(), order.end(), 0);
  rng->Shuffle(std::span<int32_t>(order));
  const TensorId in = build->Fixed("x", type.dtype, x, type.quant);
  build->Add(kTranspose, "y", {in, Indices("order", order, build)}, type.quant,
             type.dtype);
  return build->Finish();
}

Graph DrawReverse(GraphBuilder* build, const MoveType& type) {
  Rng* rng = build->rng();
  const Shape x = DrawShape(rng, Draw(rng, 1, 5), 6);
  const int first = Draw(rng, 0, x.rank() - 1);
  std::vector<int32_t> axes;
  for (int axis = first; axis <= Draw(rng, first, x.rank() - 1); ++axis)
    axes.push_back(axis);
  const TensorId in = build->Fixed("x", type.dtype, x, type.quant);
  build->Add(kReverseV2, "y", {in, Indices("axes", axes, build)}, type.quant,
             type.dtype);
  return build->Finish();
}

}  // namespace

std::vector<Case> TransposeCases() {
  return MoveCases("transpose", kTransposeRows, Build<kTranspose>,
                   kTransposeRuntimes);
}

std::vector<Case> ReverseV2Cases() {
  return MoveCases("reverse_v2", kReverseRows, Build<kReverseV2>,
                   kReverseV2Runtimes);
}

std::vector<RandomKind> TransposeRandom() {
  return MoveRandom(DrawTranspose, kTransposeRuntimes);
}

std::vector<RandomKind> ReverseV2Random() {
  return MoveRandom(DrawReverse, kReverseV2Runtimes);
}

}  // namespace litesmith
