// SLICE: parts of every dimension but the batch.
#include "src/ops/registry.h"
#include "tests/conformance/move_cases.h"

namespace litesmith {
namespace {

struct Row {
  const char* name;
  std::vector<int32_t> x;            // without the batch
  std::vector<int32_t> begin, size;  // of all dimensions
  DType indices = DType::kInt32;
  const char* litert = "";
  const char* tflm = "";
};

const std::vector<Row> kRows = {
    {"part", {4, 5, 3}, {0, 1, 0, 1}, {-1, 2, 4, 2}},
    {"to_the_end", {4, 5}, {0, 3, 2}, {-1, -1, -1}, DType::kInt64},
    {"timed", {32, 32, 16}, {0, 2, 2, 0}, {-1, 28, 28, 16}},
    {"whole", {6}, {0, 0}, {-1, 6}},
    {"rank_5", {2, 3, 2, 4}, {0, 1, 0, 1, 2}, {-1, 1, 2, 1, 2}},
};

Graph Build(const Row& row, const MoveType& type, Rng* rng) {
  GraphBuilder build(rng);
  const TensorId x = build.Input("x", type.dtype, row.x, type.quant);
  const auto indices = [&](const char* name,
                           const std::vector<int32_t>& values) {
    if (row.indices == DType::kInt32) return Indices(name, values, &build);
    return build.Values<int64_t>(name, {static_cast<int32_t>(values.size())},
                                 {values.begin(), values.end()});
  };
  const TensorId begin = indices("begin", row.begin);
  const TensorId size = indices("size", row.size);
  build.Add(kSlice, "y", {x, begin, size}, type.quant, type.dtype);
  return build.Finish();
}

const MoveRuntimes kSliceRuntimes = {kAllMoveTypes,
                                     {"f32", "s8", "s16", "i32", "bool"}};

Graph Draw(GraphBuilder* build, const MoveType& type) {
  Rng* rng = build->rng();
  const Shape x = DrawShape(rng, Draw(rng, 1, 5));
  std::vector<int32_t> begin, size;
  for (const int32_t dim : x.dims()) {
    begin.push_back(Draw(rng, 0, dim - 1));
    const int left = dim - begin.back();
    size.push_back(Coin(rng) ? -1 : Draw(rng, 1, left));
  }
  const TensorId in = build->Fixed("x", type.dtype, x, type.quant);
  const TensorId from = Indices("begin", begin, build);
  const TensorId count = Indices("size", size, build);
  build->Add(kSlice, "y", {in, from, count}, type.quant, type.dtype);
  return build->Finish();
}

}  // namespace

std::vector<Case> SliceCases() {
  return MoveCases("slice", kRows, Build, kSliceRuntimes);
}

std::vector<RandomKind> SliceRandom() {
  return MoveRandom(Draw, kSliceRuntimes);
}

}  // namespace litesmith
