// SPACE_TO_DEPTH and DEPTH_TO_SPACE at any batch; SPACE_TO_BATCH_ND and
// BATCH_TO_SPACE_ND as they are written, with images that end within a block.
#include "src/ops/move/move.h"
#include "src/ops/registry.h"
#include "tests/conformance/move_cases.h"

namespace litesmith {
namespace {

struct DepthRow {
  const char* name;
  std::vector<int32_t> x;  // without the batch
  int block;
  const char* litert = "";
  const char* tflm = "";
};

const std::vector<DepthRow> kSpaceRows = {
    {"by_2", {4, 6, 3}, 2},
    {"by_3", {3, 6, 1}, 3},
    {"by_1", {2, 3, 2}, 1},
    {"timed", {32, 32, 16}, 2},
};
const std::vector<DepthRow> kDepthRows = {
    {"by_2", {2, 3, 12}, 2},
    {"by_3", {1, 2, 9}, 3},
    {"by_1", {2, 3, 2}, 1},
    {"timed", {16, 16, 64}, 2},
};

Graph BuildSpaceToDepth(const DepthRow& row, const MoveType& type, Rng* rng) {
  GraphBuilder build(rng);
  const TensorId x = build.Input("x", type.dtype, row.x, type.quant);
  build.Add(kSpaceToDepth, "y", {x}, type.quant, type.dtype)
      .Set<&SpaceToDepthAttrs::block_size>(row.block);
  return build.Finish();
}

Graph BuildDepthToSpace(const DepthRow& row, const MoveType& type, Rng* rng) {
  GraphBuilder build(rng);
  const TensorId x = build.Input("x", type.dtype, row.x, type.quant);
  build.Add(kDepthToSpace, "y", {x}, type.quant, type.dtype)
      .Set<&DepthToSpaceAttrs::block_size>(row.block);
  return build.Finish();
}

struct BatchRow {
  const char* name;
  Shape x;
  std::vector<int32_t> blocks;
  std::vector<int32_t> edges;  // paddings or crops, [n, 2]
  const char* litert = "";
  const char* tflm = "";
};

constexpr char kGarbage[] =
    "its SPACE_TO_BATCH_ND leaves the padding as it finds it";

const std::vector<BatchRow> kToBatchRows = {
    {"whole", {2, 4, 6, 3}, {2, 3}, {0, 0, 0, 0}},
    {"padded", {2, 3, 5, 2}, {2, 3}, {1, 0, 0, 1}, "", kGarbage},
    {"far", {1, 2, 3, 2}, {3, 2}, {5, 2, 0, 3}, "", kGarbage},
    {"rank_3", {2, 5, 3}, {2}, {0, 1}, "", kGarbage},
    {"timed", {1, 28, 28, 16}, {2, 2}, {2, 2, 2, 2}, "", kGarbage},
};
const std::vector<BatchRow> kToSpaceRows = {
    {"whole", {12, 2, 2, 3}, {2, 3}, {0, 0, 0, 0}},
    {"cropped", {12, 2, 2, 2}, {2, 3}, {1, 0, 2, 1}},
    {"rank_3", {4, 3, 3}, {2}, {1, 2}},
    {"timed", {4, 16, 16, 16}, {2, 2}, {2, 2, 2, 2}},
};

Graph BuildBatch(const OpDef& op, const BatchRow& row, const MoveType& type,
                 GraphBuilder* build) {
  const TensorId x = build->Fixed("x", type.dtype, row.x, type.quant);
  const TensorId blocks = Indices("blocks", row.blocks, build);
  const TensorId edges = build->Values<int32_t>(
      "edges", {static_cast<int32_t>(row.blocks.size()), 2}, row.edges);
  build->Add(op, "y", {x, blocks, edges}, type.quant, type.dtype);
  return build->Finish();
}
Graph BuildSpaceToBatch(const BatchRow& row, const MoveType& type, Rng* rng) {
  GraphBuilder build(rng);
  return BuildBatch(kSpaceToBatchND, row, type, &build);
}
Graph BuildBatchToSpace(const BatchRow& row, const MoveType& type, Rng* rng) {
  GraphBuilder build(rng);
  return BuildBatch(kBatchToSpaceND, row, type, &build);
}

const MoveRuntimes kSpaceToDepthRuntimes = {{"f32", "s8", "u8", "i32", "i64"},
                                            {"f32", "s8"}};
const MoveRuntimes kDepthToSpaceRuntimes = {{"f32", "s8", "u8", "i32", "i64"},
                                            {"f32", "s8"}};
const MoveRuntimes kSpaceToBatchNdRuntimes = {kAllMoveTypes, {"f32", "s8"}};
const MoveRuntimes kBatchToSpaceNdRuntimes = {kAllMoveTypes, {"f32", "s8"}};

Graph DrawSpaceToDepth(GraphBuilder* build, const MoveType& type) {
  Rng* rng = build->rng();
  const int block = Draw(rng, 1, 3);
  Shape x = DrawShape(rng, 4, 4);
  x[1] *= block;
  x[2] *= block;
  const TensorId in = build->Fixed("x", type.dtype, x, type.quant);
  build->Add(kSpaceToDepth, "y", {in}, type.quant, type.dtype)
      .Set<&SpaceToDepthAttrs::block_size>(block);
  return build->Finish();
}

Graph DrawDepthToSpace(GraphBuilder* build, const MoveType& type) {
  Rng* rng = build->rng();
  const int block = Draw(rng, 1, 3);
  Shape x = DrawShape(rng, 4, 4);
  x[3] *= block * block;
  const TensorId in = build->Fixed("x", type.dtype, x, type.quant);
  build->Add(kDepthToSpace, "y", {in}, type.quant, type.dtype)
      .Set<&DepthToSpaceAttrs::block_size>(block);
  return build->Finish();
}

// tflite-micro leaves paddings unset: it is asked about images without.
Graph DrawSpaceToBatch(GraphBuilder* build, const MoveType& type) {
  Rng* rng = build->rng();
  const int dims = Draw(rng, 1, 2);
  const bool pads = type.dtype != DType::kFloat32;
  BatchRow row{};
  row.x = DrawShape(rng, dims + 2, 4);
  for (int d = 1; d <= dims; ++d) {
    const int block = Draw(rng, 1, 3);
    const int before = pads ? Draw(rng, 0, 4) : 0;
    const int cells = (row.x[d] + before + block - 1) / block + 1;
    if (!pads) row.x[d] *= block;
    row.blocks.push_back(block);
    row.edges.push_back(before);
    row.edges.push_back(pads ? cells * block - before - row.x[d] : 0);
  }
  return BuildBatch(kSpaceToBatchND, row, type, build);
}

Graph DrawBatchToSpace(GraphBuilder* build, const MoveType& type) {
  Rng* rng = build->rng();
  const int dims = Draw(rng, 1, 2);
  BatchRow row{};
  row.x = DrawShape(rng, dims + 2, 4);
  for (int d = 1; d <= dims; ++d) {
    const int block = Draw(rng, 1, 3);
    row.x[0] *= block;
    const int whole = row.x[d] * block;
    row.blocks.push_back(block);
    row.edges.push_back(Draw(rng, 0, (whole - 1) / 2));
    row.edges.push_back(Draw(rng, 0, (whole - 1) / 2));
  }
  return BuildBatch(kBatchToSpaceND, row, type, build);
}

}  // namespace

std::vector<Case> SpaceToDepthCases() {
  return MoveCases("space_to_depth", kSpaceRows, BuildSpaceToDepth,
                   kSpaceToDepthRuntimes);
}

std::vector<Case> DepthToSpaceCases() {
  return MoveCases("depth_to_space", kDepthRows, BuildDepthToSpace,
                   kDepthToSpaceRuntimes);
}

std::vector<Case> SpaceToBatchNDCases() {
  return MoveCases("space_to_batch_nd", kToBatchRows, BuildSpaceToBatch,
                   kSpaceToBatchNdRuntimes);
}

std::vector<Case> BatchToSpaceNDCases() {
  return MoveCases("batch_to_space_nd", kToSpaceRows, BuildBatchToSpace,
                   kBatchToSpaceNdRuntimes);
}

std::vector<RandomKind> SpaceToDepthRandom() {
  return MoveRandom(DrawSpaceToDepth, kSpaceToDepthRuntimes);
}

std::vector<RandomKind> DepthToSpaceRandom() {
  return MoveRandom(DrawDepthToSpace, kDepthToSpaceRuntimes);
}

std::vector<RandomKind> SpaceToBatchNDRandom() {
  std::vector<RandomKind> kinds =
      MoveRandom(DrawSpaceToBatch, kSpaceToBatchNdRuntimes);
  for (RandomKind& kind : kinds) {
    if (kind.name != "f32") kind.tflm_fails = kGarbage;
  }
  return kinds;
}

std::vector<RandomKind> BatchToSpaceNDRandom() {
  return MoveRandom(DrawBatchToSpace, kBatchToSpaceNdRuntimes);
}

}  // namespace litesmith
