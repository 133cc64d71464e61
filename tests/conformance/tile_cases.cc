// TILE and BROADCAST_TO: elements in several places, whose gradients are sums.
#include "src/ops/move/move.h"
#include "src/ops/registry.h"
#include "tests/conformance/move_cases.h"

namespace litesmith {
namespace {

struct Row {
  const char* name;
  std::vector<int32_t> x;        // without the batch
  std::vector<int32_t> operand;  // of all dimensions; of shapes without batch
  const char* litert = "";
  const char* tflm = "";
};

constexpr char kNoTile[] = "it has no TILE";
constexpr char kConstant[] = "its BROADCAST_TO wants a constant shape";

const std::vector<Row> kTileRows = {
    {"image", {4, 5, 3}, {1, 2, 1, 3}, "", kNoTile},
    {"timed", {16, 16, 32}, {1, 2, 2, 1}, "", kNoTile},
    {"once", {4, 3}, {1, 1, 1}, "", kNoTile},
    {"vector", {5}, {1, 4}, "", kNoTile},
    {"rank_6", {2, 1, 3, 1, 2}, {1, 2, 3, 1, 2, 1}, "", kNoTile},
};

const std::vector<Row> kBroadcastRows = {
    {"inner", {1, 3}, {4, 3}, "", kConstant},
    {"last", {4, 1}, {4, 5}, "", kConstant},
    {"both", {1, 4, 1}, {3, 4, 2}, "", kConstant},
    {"timed", {1, 1, 64}, {16, 16, 64}, "", kConstant},
    {"same", {4, 3}, {4, 3}, "", kConstant},
};

Graph BuildTile(const Row& row, const MoveType& type, Rng* rng) {
  GraphBuilder build(rng);
  const TensorId x = build.Input("x", type.dtype, row.x, type.quant);
  build.Add(kTile, "y", {x, Indices("multiples", row.operand, &build)},
            type.quant, type.dtype);
  return build.Finish();
}

// The batch comes from the input's shape, as in TensorFlow's files.
Graph BuildBroadcast(const Row& row, const MoveType& type, Rng* rng) {
  GraphBuilder build(rng);
  const TensorId x = build.Input("x", type.dtype, row.x, type.quant);
  Node& of = build.Add(kShape, "dims", {x});
  of.Set<&ShapeAttrs::out_type>(static_cast<int64_t>(DType::kInt32));
  const TensorId dims = build.last();
  Node& first =
      build.Add(kStridedSlice, "batch",
                {dims, Indices("begin", {0}, &build),
                 Indices("end", {1}, &build), Indices("strides", {1}, &build)});
  first.Set<&StridedSliceAttrs::shrink_axis_mask>(1);
  std::vector<TensorId> parts = {build.last()};
  std::vector<int32_t> shape = {kDynamic};
  for (const int32_t dim : row.operand) {
    parts.push_back(build.Values<int32_t>(
        fmt::format("dimension_{}", parts.size()), Shape(), {dim}));
    shape.push_back(dim);
  }
  Node& pack = build.Add(kPack, "shape", parts);
  pack.Set<&PackAttrs::values_count>(static_cast<int64_t>(parts.size()));
  build.Add(kBroadcastTo, "y", {x, build.last()}, type.quant, type.dtype);
  // Not inferred until the batch is bound: files say it.
  build.tensor(build.last()).shape = Shape(shape);
  return build.Finish();
}

const MoveRuntimes kTileRuntimes = {kAllMoveTypes, {}};
const MoveRuntimes kBroadcastToRuntimes = {kAllMoveTypes, {}};

Graph DrawTile(GraphBuilder* build, const MoveType& type) {
  Rng* rng = build->rng();
  const Shape x = DrawShape(rng, Draw(rng, 1, 5), 4);
  std::vector<int32_t> multiples;
  for (int d = 0; d < x.rank(); ++d) multiples.push_back(Draw(rng, 1, 3));
  const TensorId in = build->Fixed("x", type.dtype, x, type.quant);
  build->Add(kTile, "y", {in, Indices("multiples", multiples, build)},
             type.quant, type.dtype);
  return build->Finish();
}

Graph DrawBroadcast(GraphBuilder* build, const MoveType& type) {
  Rng* rng = build->rng();
  const Shape y = DrawShape(rng, Draw(rng, 1, 5), 5);
  const std::vector<int32_t> shape = y.ToVector();
  std::vector<int32_t> x(shape.begin() + Draw(rng, 0, y.rank() - 1),
                         shape.end());
  for (int32_t& dim : x) {
    if (Coin(rng)) dim = 1;
  }
  const TensorId in = build->Fixed("x", type.dtype, Shape(x), type.quant);
  build->Add(kBroadcastTo, "y", {in, Indices("shape", shape, build)},
             type.quant, type.dtype);
  return build->Finish();
}

const MoveRuntimes kConstantShape = {kAllMoveTypes,
                                     {"f32", "s8", "s16", "i32"}};

}  // namespace

std::vector<Case> TileCases() {
  return MoveCases("tile", kTileRows, BuildTile, kTileRuntimes);
}

std::vector<Case> BroadcastToCases() {
  return MoveCases("broadcast_to", kBroadcastRows, BuildBroadcast,
                   kBroadcastToRuntimes);
}

std::vector<RandomKind> TileRandom() {
  return MoveRandom(DrawTile, kTileRuntimes);
}

std::vector<RandomKind> BroadcastToRandom() {
  return MoveRandom(DrawBroadcast, kConstantShape);
}

}  // namespace litesmith
