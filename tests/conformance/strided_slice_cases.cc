// STRIDED_SLICE: masks, strides of both signs, an ellipsis, new and dropped
// dimensions; and of constants, which a plan folds.
#include "src/ops/move/move.h"
#include "src/ops/registry.h"
#include "tests/conformance/move_cases.h"

namespace litesmith {
namespace {

// Entry 0 is the batch's: masked, or covered by an ellipsis.
struct Row {
  const char* name;
  std::vector<int32_t> x;  // without the batch
  std::vector<int32_t> begin, end, strides;
  StridedSliceAttrs attrs;
  const char* litert = "";
  const char* tflm = "";
};

constexpr char kNewer[] = "its reference kernels stop at version 4";
constexpr char kFull[] = "its STRIDED_SLICE wants an index a dimension";
constexpr char kIgnores[] = "its STRIDED_SLICE ignores ellipses and new axes";

// Of begin, end, ellipsis, new and dropped dimensions.
StridedSliceAttrs Masks(int32_t begin, int32_t end, int32_t ellipsis = 0,
                        int32_t added = 0, int32_t dropped = 0) {
  return {begin, end, ellipsis, added, dropped};
}

const std::vector<Row> kRows = {
    {"strides", {7, 9}, {0, 0, 1}, {0, 7, 9}, {1, 3, 2}, Masks(1, 1)},
    {"timed",
     {32, 32, 16},
     {0, 0, 0, 0},
     {0, 32, 32, 16},
     {1, 2, 2, 1},
     Masks(1, 1)},
    {"part", {5, 6}, {0, 1, 2}, {0, 4, 5}, {1, 1, 1}, Masks(1, 1)},
    {"backwards", {7, 9}, {0, 6, 7}, {0, 0, 0}, {1, -2, -3}, Masks(1, 1)},
    {"from_the_end", {5, 6}, {0, -4, -3}, {0, -1, 6}, {1, 1, 1}, Masks(1, 1)},
    {"beyond", {5, 6}, {0, -9, 2}, {0, 99, 77}, {1, 1, 1}, Masks(1, 1)},
    {"masks", {5, 6}, {0, 3, 3}, {0, 1, 1}, {1, 1, -2}, Masks(7, 7)},
    {"begin_mask", {5, 6}, {0, 3, 3}, {0, 4, 5}, {1, 1, 1}, Masks(3, 1)},
    {"end_mask", {5, 6}, {0, 3, 3}, {0, 4, 5}, {1, 1, 1}, Masks(1, 5)},
    {"shrink",
     {4, 5, 3},
     {0, 1, 0, -1},
     {0, 2, 5, 9},
     {1, 1, 2, 1},
     Masks(1, 1, 0, 0, 10)},
    {"fewer", {5, 6}, {0, 2}, {0, 4}, {1, 1}, Masks(1, 1), "", kFull},
    {"rank_5",
     {2, 3, 2, 4},
     {0, 1, 0, 1, 3},
     {0, 2, 3, 2, 0},
     {1, 1, 2, 1, -1},
     Masks(1, 1),
     "",
     "its STRIDED_SLICE has ranks up to 4"},
    {"ellipsis",
     {4, 5, 3},
     {0, 1},
     {0, 3},
     {1, 1},
     Masks(0, 0, 1),
     kNewer,
     kIgnores},
    {"new_axes",
     {4, 5},
     {0, 0, 0, 3, 0},
     {0, 0, 0, 1, 0},
     {1, 1, 1, -1, 1},
     Masks(1, 1, 4, 18),
     kNewer,
     kIgnores},
    {"offset",
     {7, 9},
     {0, 2, -4},
     {0, 3, 2},
     {1, 1, 1},
     {1, 1, 0, 0, 0, true},
     kNewer,
     "its STRIDED_SLICE has no offset"},
};

void AddSlice(const Row& row, TensorId x, const std::string& name,
              const MoveType& type, GraphBuilder* build) {
  Put(row.attrs, &build->Add(kStridedSlice, name,
                             {x, Indices("begin", row.begin, build),
                              Indices("end", row.end, build),
                              Indices("strides", row.strides, build)},
                             type.quant, type.dtype));
}

Graph Build(const Row& row, const MoveType& type, Rng* rng) {
  GraphBuilder build(rng);
  const TensorId x = build.Input("x", type.dtype, row.x, type.quant);
  AddSlice(row, x, "y", type, &build);
  return build.Finish();
}

// What is sliced out becomes a layer's weights, so that every element of it
// reaches the output.
const Row kOfConstant = {"constant", {7, 9},   {6, 7},
                         {0, 0},     {-2, -3}, Masks(0, 0)};

Graph BuildConstant(Rng* rng) {
  const MoveType weights = {"s8", DType::kInt8, PerTensor(0.01f)};
  GraphBuilder build(rng);
  const TensorId x = build.Input("x", DType::kInt8, {3}, PerTensor(0.05f, 3));
  const TensorId of = build.Random("constant", weights.dtype,
                                   Shape(kOfConstant.x), weights.quant);
  AddSlice(kOfConstant, of, "weights", weights, &build);
  build.Add(kFullyConnected, "y", {x, build.last()}, PerTensor(0.1f, -4),
            DType::kInt8);
  return build.Finish();
}

const MoveRuntimes kStridedSliceRuntimes = {
    kAllMoveTypes, {"f32", "s8", "s16", "i32", "bool"}};

// At least one element along each dimension, in either direction, with the
// bounds written in one of several ways.
Graph Draw(GraphBuilder* build, const MoveType& type) {
  Rng* rng = build->rng();
  const Shape x = DrawShape(rng, Draw(rng, 1, 4));
  Row row{};
  for (int d = 0; d < x.rank(); ++d) {
    const int32_t dim = x[d];
    const int stride = Draw(rng, 1, 3) * (Coin(rng) ? 1 : -1);
    const int first = Draw(rng, 0, dim - 1);
    int stop =
        stride > 0 ? Draw(rng, first + 1, dim + 2) : Draw(rng, -1, first - 1);
    if (stop < 0) stop = -dim - 1;  // before the first
    row.begin.push_back(Coin(rng) ? first : first - dim);
    row.end.push_back(stop);
    row.strides.push_back(stride);
    row.attrs.begin_mask |= static_cast<int>(Draw(rng, 0, 4) == 0) << d;
    row.attrs.end_mask |= static_cast<int>(Draw(rng, 0, 4) == 0) << d;
    // A rank of 0 is left to other cases.
    if (d == 0 || Draw(rng, 0, 4) > 0) continue;
    row.attrs.shrink_axis_mask |= 1 << d;
    row.strides.back() = 1;
    row.end.back() = first + 1;
  }
  const TensorId in = build->Fixed("x", type.dtype, x, type.quant);
  AddSlice(row, in, "y", type, build);
  return build->Finish();
}

}  // namespace

std::vector<Case> StridedSliceCases() {
  std::vector<Case> cases =
      MoveCases("strided_slice", kRows, Build, kStridedSliceRuntimes);
  Case c;
  c.name = "strided_slice_of_constant";
  c.build = BuildConstant;
  cases.push_back(std::move(c));
  return cases;
}

std::vector<RandomKind> StridedSliceRandom() {
  return MoveRandom(Draw, kStridedSliceRuntimes);
}

}  // namespace litesmith
