// PACK and UNPACK: inputs along every new axis but that of the batch, and
// constants, which a plan folds.
#include "src/ops/move/move.h"
#include "src/ops/registry.h"
#include "tests/conformance/move_cases.h"

namespace litesmith {
namespace {

struct Row {
  const char* name;
  std::vector<int32_t> x;  // each part's shape, without the batch
  int count;
  int axis;
  const char* litert = "";
  const char* tflm = "";
};

const std::vector<Row> kRows = {
    {"middle", {4, 3}, 3, 2}, {"last", {4, 3}, 2, 3},
    {"minus_1", {5}, 2, -1},  {"behind_the_batch", {4, 3}, 2, 1},
    {"one", {5}, 1, 1},       {"timed", {16, 16, 32}, 2, 3},
};

Graph Build(const Row& row, const MoveType& type, Rng* rng) {
  GraphBuilder build(rng);
  std::vector<TensorId> parts;
  for (int i = 0; i < row.count; ++i) {
    parts.push_back(
        build.Input(fmt::format("x{}", i), type.dtype, row.x, type.quant));
  }
  Node& node = build.Add(kPack, "y", parts, type.quant, type.dtype);
  Put(PackAttrs{row.count, row.axis}, &node);
  return build.Finish();
}

// Constants become a layer's weights [outputs, inputs].
Graph BuildConstant(int axis, Rng* rng) {
  GraphBuilder build(rng);
  const Quantization quant = PerTensor(0.01f);
  const int depth = axis == 0 ? 6 : 4;
  const TensorId x =
      build.Input("x", DType::kInt8, {depth}, PerTensor(0.05f, 3));
  std::vector<TensorId> parts;
  for (int i = 0; i < 4; ++i) {
    parts.push_back(
        build.Random(fmt::format("part_{}", i), DType::kInt8, {6}, quant));
  }
  Node& node = build.Add(kPack, "weights", parts, quant, DType::kInt8);
  Put(PackAttrs{4, axis}, &node);
  build.Add(kFullyConnected, "y", {x, build.last()}, PerTensor(0.1f, -4),
            DType::kInt8);
  return build.Finish();
}

const std::vector<Row> kUnpackRows = {
    {"middle", {4, 3, 2}, 3, 2},        {"last", {4, 3}, 3, -1},
    {"behind_the_batch", {4, 3}, 4, 1}, {"one", {1, 5}, 1, 1},
    {"timed", {16, 16, 2, 32}, 2, 3},
};

Graph BuildUnpack(const Row& row, const MoveType& type, Rng* rng) {
  GraphBuilder build(rng);
  const TensorId x = build.Input("x", type.dtype, row.x, type.quant);
  std::vector<std::string> names;
  for (int i = 0; i < row.count; ++i) names.push_back(fmt::format("y{}", i));
  Node& node = build.AddMany(kUnpack, names, {x}, type.quant, type.dtype);
  Put(UnpackAttrs{row.count, row.axis}, &node);
  return build.Finish(node.outputs);
}

const MoveRuntimes kUnpackRuntimes = {{"f32", "s8", "u8", "s16", "i32", "bool"},
                                      {"f32", "s8", "s16", "i32"}};
const MoveRuntimes kPackRuntimes = {{"f32", "s8", "u8", "s16", "i32", "i64"},
                                    {"f32", "s8", "s16", "i32", "i64"}};

Graph DrawPack(GraphBuilder* build, const MoveType& type) {
  Rng* rng = build->rng();
  const Shape x = DrawShape(rng, Draw(rng, 1, 4));
  const int count = Draw(rng, 1, 4);
  std::vector<TensorId> parts;
  for (int i = 0; i < count; ++i) {
    parts.push_back(
        build->Fixed(fmt::format("x{}", i), type.dtype, x, type.quant));
  }
  Node& node = build->Add(kPack, "y", parts, type.quant, type.dtype);
  Put(PackAttrs{count, Draw(rng, -x.rank() - 1, x.rank())}, &node);
  return build->Finish();
}

Graph DrawUnpack(GraphBuilder* build, const MoveType& type) {
  Rng* rng = build->rng();
  const Shape x = DrawShape(rng, Draw(rng, 2, 5), 5);
  const int axis = Draw(rng, -x.rank(), x.rank() - 1);
  const int count = x[axis < 0 ? axis + x.rank() : axis];
  std::vector<std::string> names;
  for (int i = 0; i < count; ++i) names.push_back(fmt::format("y{}", i));
  const TensorId in = build->Fixed("x", type.dtype, x, type.quant);
  Node& node = build->AddMany(kUnpack, names, {in}, type.quant, type.dtype);
  Put(UnpackAttrs{count, axis}, &node);
  return build->Finish(node.outputs);
}

}  // namespace

std::vector<Case> UnpackCases() {
  return MoveCases("unpack", kUnpackRows, BuildUnpack, kUnpackRuntimes);
}

std::vector<Case> PackCases() {
  std::vector<Case> cases = MoveCases("pack", kRows, Build, kPackRuntimes);
  for (const int axis : {0, 1}) {
    Case c;
    c.name = fmt::format("pack_constants_{}", axis);
    c.build = [axis](Rng* rng) { return BuildConstant(axis, rng); };
    cases.push_back(std::move(c));
  }
  return cases;
}

std::vector<RandomKind> PackRandom() {
  return MoveRandom(DrawPack, kPackRuntimes);
}

std::vector<RandomKind> UnpackRandom() {
  return MoveRandom(DrawUnpack, kUnpackRuntimes);
}

}  // namespace litesmith
