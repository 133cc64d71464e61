// TRANSPOSE and REVERSE_V2: every order of dimensions behind the batch that
// runs differ in, and dimensions backwards.
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

}  // namespace

std::vector<Case> TransposeCases() {
  return MoveCases("transpose", kTransposeRows, Build<kTranspose>,
                   {"f32", "s8", "u8", "s16", "i32", "i64", "bool"},
                   {"f32", "s8", "s16"});
}

std::vector<Case> ReverseV2Cases() {
  return MoveCases("reverse_v2", kReverseRows, Build<kReverseV2>,
                   {"f32", "s8", "u8", "s16", "i32", "i64", "bool"},
                   {"f32", "s8", "u8", "s16", "i32", "i64", "bool"});
}

}  // namespace litesmith
