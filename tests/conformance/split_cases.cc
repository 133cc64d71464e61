// SPLIT and SPLIT_V: equal parts and others along every axis but the batch's.
#include "src/ops/move/move.h"
#include "src/ops/registry.h"
#include "tests/conformance/move_cases.h"

namespace litesmith {
namespace {

struct Row {
  const char* name;
  std::vector<int32_t> x;  // without the batch
  int axis;
  std::vector<int32_t> sizes;
  const char* litert = "";
  const char* tflm = "";
};

const std::vector<Row> kSplitRows = {
    {"channels", {4, 5, 6}, 3, {2, 2, 2}}, {"rows", {4, 5, 3}, 1, {2, 2}},
    {"minus_1", {4, 6}, -1, {3, 3}},       {"one", {4, 5}, 2, {5}},
    {"timed", {16, 16, 64}, 3, {32, 32}},
};

const std::vector<Row> kSplitVRows = {
    {"channels", {4, 5, 6}, 3, {1, 3, 2}}, {"rows", {4, 5, 3}, 1, {3, 1}},
    {"rest", {4, 6}, -1, {1, -1, 3}},      {"one", {4, 5}, 2, {5}},
    {"timed", {16, 16, 64}, 3, {24, 40}},
};

std::vector<std::string> Names(size_t count) {
  std::vector<std::string> names;
  for (size_t i = 0; i < count; ++i) names.push_back(fmt::format("y{}", i));
  return names;
}

Graph BuildSplit(const Row& row, const MoveType& type, Rng* rng) {
  GraphBuilder build(rng);
  const TensorId x = build.Input("x", type.dtype, row.x, type.quant);
  const TensorId axis = build.Values<int32_t>("axis", Shape(), {row.axis});
  Node& node = build.AddMany(kSplit, Names(row.sizes.size()), {axis, x},
                             type.quant, type.dtype);
  node.Set<&SplitAttrs::num_splits>(static_cast<int64_t>(row.sizes.size()));
  return build.Finish(node.outputs);
}

Graph BuildSplitV(const Row& row, const MoveType& type, Rng* rng) {
  GraphBuilder build(rng);
  const TensorId x = build.Input("x", type.dtype, row.x, type.quant);
  const TensorId sizes = Indices("sizes", row.sizes, &build);
  const TensorId axis = build.Values<int32_t>("axis", Shape(), {row.axis});
  Node& node = build.AddMany(kSplitV, Names(row.sizes.size()), {x, sizes, axis},
                             type.quant, type.dtype);
  node.Set<&SplitVAttrs::num_splits>(static_cast<int64_t>(row.sizes.size()));
  return build.Finish(node.outputs);
}

const MoveRuntimes kSplitRuntimes = {{"f32", "s8", "u8", "s16", "i32", "i64"},
                                     {"f32", "s8", "s16", "i32"}};
const MoveRuntimes kSplitVRuntimes = {{"f32", "s8", "u8", "s16", "i32", "i64"},
                                      {"f32", "s8", "s16", "i32"}};

Graph DrawSplit(GraphBuilder* build, const MoveType& type) {
  Rng* rng = build->rng();
  Shape x = DrawShape(rng, Draw(rng, 1, 5), 5);
  const int axis = Draw(rng, 0, x.rank() - 1);
  const int count = Draw(rng, 1, 4);
  x[axis] = x[axis] * count;
  const TensorId at = build->Values<int32_t>(
      "axis", Shape(), {Coin(rng) ? axis : axis - x.rank()});
  const TensorId in = build->Fixed("x", type.dtype, x, type.quant);
  Node& node = build->AddMany(kSplit, Names(static_cast<size_t>(count)),
                              {at, in}, type.quant, type.dtype);
  node.Set<&SplitAttrs::num_splits>(count);
  return build->Finish(node.outputs);
}

Graph DrawSplitV(GraphBuilder* build, const MoveType& type) {
  Rng* rng = build->rng();
  Shape x = DrawShape(rng, Draw(rng, 1, 5), 5);
  const int axis = Draw(rng, 0, x.rank() - 1);
  std::vector<int32_t> sizes;
  x[axis] = 0;
  for (int i = Draw(rng, 1, 4); i > 0; --i) {
    sizes.push_back(Draw(rng, 1, 4));
    x[axis] += sizes.back();
  }
  const TensorId in = build->Fixed("x", type.dtype, x, type.quant);
  const TensorId parts = Indices("sizes", sizes, build);
  const TensorId at = build->Values<int32_t>(
      "axis", Shape(), {Coin(rng) ? axis : axis - x.rank()});
  Node& node = build->AddMany(kSplitV, Names(sizes.size()), {in, parts, at},
                              type.quant, type.dtype);
  node.Set<&SplitVAttrs::num_splits>(static_cast<int64_t>(sizes.size()));
  return build->Finish(node.outputs);
}

}  // namespace

std::vector<Case> SplitCases() {
  return MoveCases("split", kSplitRows, BuildSplit, kSplitRuntimes);
}

std::vector<Case> SplitVCases() {
  return MoveCases("split_v", kSplitVRows, BuildSplitV, kSplitVRuntimes);
}

std::vector<RandomKind> SplitRandom() {
  return MoveRandom(DrawSplit, kSplitRuntimes);
}

std::vector<RandomKind> SplitVRandom() {
  return MoveRandom(DrawSplitV, kSplitVRuntimes);
}

}  // namespace litesmith
