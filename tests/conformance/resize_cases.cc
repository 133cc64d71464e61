// RESIZE_NEAREST_NEIGHBOR and RESIZE_BILINEAR: larger and smaller images by
// every rule of places.
#include "src/ops/move/move.h"
#include "src/ops/registry.h"
#include "tests/conformance/move_cases.h"

namespace litesmith {
namespace {

struct Row {
  const char* name;
  std::vector<int32_t> x;  // without the batch
  std::vector<int32_t> size;
  bool align_corners = false;
  bool half_pixel_centers = false;
  const char* litert = "";
  const char* tflm = "";
};

const std::vector<Row> kRows = {
    {"larger", {3, 4, 2}, {6, 9}},
    {"larger_corners", {3, 4, 2}, {7, 9}, true, false},
    {"larger_half", {3, 4, 2}, {6, 11}, false, true},
    {"smaller", {7, 8, 3}, {3, 2}},
    {"smaller_corners", {7, 8, 3}, {3, 1}, true, false},
    {"smaller_half", {7, 9, 3}, {3, 2}, false, true},
    {"same", {3, 4, 2}, {3, 4}, false, true},
    {"timed", {16, 16, 32}, {32, 32}, false, true},
    {"one_pixel", {1, 1, 3}, {4, 5}},
};

template <const OpDef& kOp, class Attrs>
Graph Build(const Row& row, const MoveType& type, Rng* rng) {
  GraphBuilder build(rng);
  const TensorId x = build.Input("x", type.dtype, row.x, type.quant);
  const TensorId size = Indices("size", row.size, &build);
  Put(Attrs{row.align_corners, row.half_pixel_centers},
      &build.Add(kOp, "y", {x, size}, type.quant, type.dtype));
  return build.Finish();
}

const MoveRuntimes kResizeNearestNeighborRuntimes = {
    {"f32", "s8", "u8", "s16", "i32", "bool"}, {"f32", "s8", "s16"}};
const MoveRuntimes kResizeBilinearRuntimes = {{"f32", "s8", "u8", "s16"},
                                              {"f32", "s8"}};

template <const OpDef& kOp, class Attrs>
Graph DrawResize(GraphBuilder* build, const MoveType& type) {
  Rng* rng = build->rng();
  const TensorId in =
      build->Fixed("x", type.dtype, DrawShape(rng, 4, 8), type.quant);
  const TensorId size =
      Indices("size", {Draw(rng, 1, 12), Draw(rng, 1, 12)}, build);
  const int rule = Draw(rng, 0, 2);
  Put(Attrs{rule == 1, rule == 2},
      &build->Add(kOp, "y", {in, size}, type.quant, type.dtype));
  return build->Finish();
}

}  // namespace

std::vector<Case> ResizeNearestNeighborCases() {
  return MoveCases("resize_nearest_neighbor", kRows,
                   Build<kResizeNearestNeighbor, ResizeNearestAttrs>,
                   kResizeNearestNeighborRuntimes);
}

std::vector<Case> ResizeBilinearCases() {
  std::vector<Case> cases = MoveCases(
      "resize_bilinear", kRows, Build<kResizeBilinear, ResizeBilinearAttrs>,
      kResizeBilinearRuntimes);
  // It has no such types: there is nothing to compare.
  std::erase_if(cases, [](const Case& c) {
    return c.name.find("_i32_") != std::string::npos ||
           c.name.find("_i64_") != std::string::npos ||
           c.name.find("_bool_") != std::string::npos;
  });
  // Weights that are no small fractions.
  for (Case& c : cases) {
    if (c.gradient) c.gradient->tolerance = 1e-4;
  }
  return cases;
}

std::vector<RandomKind> ResizeNearestNeighborRandom() {
  return MoveRandom(DrawResize<kResizeNearestNeighbor, ResizeNearestAttrs>,
                    kResizeNearestNeighborRuntimes);
}

std::vector<RandomKind> ResizeBilinearRandom() {
  return MoveRandom(DrawResize<kResizeBilinear, ResizeBilinearAttrs>,
                    kResizeBilinearRuntimes);
}

}  // namespace litesmith
