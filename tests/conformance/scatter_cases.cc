// SCATTER_ND, DYNAMIC_UPDATE_SLICE and ONE_HOT: places that are constants, and
// such that are inputs.
#include "src/ops/move/move.h"
#include "src/ops/registry.h"
#include "tests/conformance/move_cases.h"

namespace litesmith {
namespace {

// Inputs are indices 0 .. kLimit - 1.
constexpr int kLimit = 4;

struct ScatterRow {
  const char* name;
  Shape indices, updates;
  std::vector<int32_t> shape;
  const char* litert = "";
  const char* tflm = "it has no SCATTER_ND";
};

// Places may come twice.
const std::vector<ScatterRow> kScatterRows = {
    {"rows", {6, 1}, {6, 3}, {4, 3}},
    {"elements", {2, 3, 2}, {2, 3}, {4, 5}},
    {"timed", {64, 1}, {64, 32}, {4, 32}},
};

Graph BuildScatter(const ScatterRow& row, const MoveType& type, Rng* rng) {
  GraphBuilder build(rng);
  const TensorId indices = build.Fixed("indices", DType::kInt32, row.indices);
  const TensorId updates =
      build.Fixed("updates", type.dtype, row.updates, type.quant);
  build.Add(kScatterNd, "y",
            {indices, updates, Indices("shape", row.shape, &build)}, type.quant,
            type.dtype);
  return build.Finish();
}

struct UpdateRow {
  const char* name;
  Shape x, update;
  DType start = DType::kInt32;
  const char* litert = "";
  const char* tflm = "";
};

const std::vector<UpdateRow> kUpdateRows = {
    {"inside", {6, 7, 3}, {2, 3, 3}},       {"timed", {64, 128}, {1, 128}},
    {"moved_inside", {4, 5}, {3, 4}},       {"whole", {4, 5}, {4, 5}},
    {"s64", {6, 7}, {2, 3}, DType::kInt64},
};

Graph BuildUpdate(const UpdateRow& row, const MoveType& type, Rng* rng) {
  GraphBuilder build(rng);
  const TensorId x = build.Fixed("x", type.dtype, row.x, type.quant);
  const TensorId update =
      build.Fixed("update", type.dtype, row.update, type.quant);
  const TensorId start = build.Fixed("start", row.start, {row.x.rank()});
  build.Add(kDynamicUpdateSlice, "y", {x, update, start}, type.quant,
            type.dtype);
  return build.Finish();
}

// The same place in each sample.
Graph BuildUpdateOfBatch(Rng* rng) {
  GraphBuilder build(rng);
  const TensorId x = build.Input("x", DType::kFloat32, {5, 4});
  const TensorId update = build.Input("update", DType::kFloat32, {2, 3});
  build.Add(kDynamicUpdateSlice, "y",
            {x, update, Indices("start", {0, 2, 1}, &build)});
  return build.Finish();
}

struct HotRow {
  const char* name;
  std::vector<int32_t> indices;  // without the batch
  int depth;
  int axis;
  DType type = DType::kInt32;
  const char* litert = "";
  const char* tflm = "it has no ONE_HOT";
};

const std::vector<HotRow> kHotRows = {
    {"last", {3}, 5, -1},
    {"middle", {3, 2}, 3, 2},
    {"timed", {64}, 32, -1},
    {"s64", {3}, 3, 1, DType::kInt64},
};

Graph BuildOneHot(const HotRow& row, const MoveType& type, Rng* rng) {
  GraphBuilder build(rng);
  const TensorId indices = build.Input("indices", row.type, row.indices);
  const TensorId depth = build.Values<int32_t>("depth", Shape(), {row.depth});
  const TensorId on = build.Random("on", type.dtype, Shape(), type.quant);
  const TensorId off = build.Random("off", type.dtype, Shape(), type.quant);
  build.Add(kOneHot, "y", {indices, depth, on, off}, type.quant, type.dtype)
      .Set<&OneHotAttrs::axis>(row.axis);
  return build.Finish();
}

std::vector<Case> WithLimit(std::vector<Case> cases) {
  for (Case& c : cases) c.index_limit = kLimit;
  return cases;
}

const MoveRuntimes kScatterNdRuntimes = {
    {"f32", "s8", "u8", "i32", "i64", "bool"}, {}};
const MoveRuntimes kDynamicUpdateSliceRuntimes = {kAllMoveTypes,
                                                  {"f32", "s8", "s16", "i32"}};
const MoveRuntimes kOneHotRuntimes = {{"f32", "s8", "u8", "i32", "i64", "bool"},
                                      {}};

Graph DrawScatter(GraphBuilder* build, const MoveType& type) {
  Rng* rng = build->rng();
  const Shape y = DrawShape(rng, Draw(rng, 1, 4), 5);
  const int numbers = Draw(rng, 1, y.rank());
  const int count = Draw(rng, 1, 6);
  std::vector<int32_t> values;
  for (int i = 0; i < count; ++i) {
    for (int d = 0; d < numbers; ++d) values.push_back(Draw(rng, 0, y[d] - 1));
  }
  std::vector<int32_t> updates(y.dims().begin() + numbers, y.dims().end());
  updates.insert(updates.begin(), count);
  const TensorId indices =
      build->Values<int32_t>("indices", {count, numbers}, values);
  const TensorId in =
      build->Fixed("updates", type.dtype, Shape(updates), type.quant);
  build->Add(kScatterNd, "y",
             {indices, in, Indices("shape", y.ToVector(), build)}, type.quant,
             type.dtype);
  return build->Finish();
}

Graph DrawUpdate(GraphBuilder* build, const MoveType& type) {
  Rng* rng = build->rng();
  const Shape x = DrawShape(rng, Draw(rng, 1, 4), 6);
  Shape update = x;
  std::vector<int32_t> start;
  for (int d = 0; d < x.rank(); ++d) {
    update[d] = Draw(rng, 1, x[d]);
    start.push_back(Draw(rng, -2, x[d] + 1));
  }
  const TensorId in = build->Fixed("x", type.dtype, x, type.quant);
  const TensorId part = build->Fixed("update", type.dtype, update, type.quant);
  build->Add(kDynamicUpdateSlice, "y",
             {in, part, Indices("start", start, build)}, type.quant,
             type.dtype);
  return build->Finish();
}

Graph DrawOneHot(GraphBuilder* build, const MoveType& type) {
  Rng* rng = build->rng();
  const Shape x = DrawShape(rng, Draw(rng, 1, 3), 5);
  const int depth = Draw(rng, 1, 5);
  std::vector<int32_t> values(static_cast<size_t>(x.NumElements()));
  for (int32_t& v : values) v = Draw(rng, -1, depth);  // also beyond
  const TensorId indices = build->Values<int32_t>("indices", x, values);
  const TensorId of = build->Values<int32_t>("depth", Shape(), {depth});
  const TensorId on = build->Fixed("on", type.dtype, Shape(), type.quant);
  const TensorId off = build->Fixed("off", type.dtype, Shape(), type.quant);
  build->Add(kOneHot, "y", {indices, of, on, off}, type.quant, type.dtype)
      .Set<&OneHotAttrs::axis>(Draw(rng, -1, x.rank()));
  return build->Finish();
}

}  // namespace

std::vector<Case> ScatterNdCases() {
  std::vector<Case> cases = WithLimit(
      MoveCases("scatter_nd", kScatterRows, BuildScatter, kScatterNdRuntimes));
  // It has no such type.
  std::erase_if(cases, [](const Case& c) {
    return c.name.find("_s16_") != std::string::npos;
  });
  return cases;
}

std::vector<Case> DynamicUpdateSliceCases() {
  std::vector<Case> cases =
      WithLimit(MoveCases("dynamic_update_slice", kUpdateRows, BuildUpdate,
                          kDynamicUpdateSliceRuntimes));
  Case c;
  c.name = "dynamic_update_slice_of_batch";
  c.build = BuildUpdateOfBatch;
  c.fixed_batch = true;
  cases.push_back(std::move(c));
  return cases;
}

std::vector<Case> OneHotCases() {
  return WithLimit(MoveCases("one_hot", kHotRows, BuildOneHot, kOneHotRuntimes,
                             /*gradients=*/false));
}

std::vector<RandomKind> ScatterNdRandom() {
  return MoveRandom(DrawScatter, kScatterNdRuntimes);
}

std::vector<RandomKind> DynamicUpdateSliceRandom() {
  return MoveRandom(DrawUpdate, kDynamicUpdateSliceRuntimes);
}

std::vector<RandomKind> OneHotRandom() {
  return MoveRandom(DrawOneHot, kOneHotRuntimes);
}

}  // namespace litesmith
