// RESHAPE, SQUEEZE and EXPAND_DIMS: shapes as a tensor and as an attribute,
// with -1 in any place, and the batch that files converted at a fixed batch
// name. Shapes computed from the input are among shape_cases.cc.
#include "src/ops/move/move.h"
#include "src/ops/registry.h"
#include "tests/conformance/move_cases.h"

namespace litesmith {
namespace {

struct Row {
  const char* name;
  std::vector<int32_t> x;  // without the batch
  std::vector<int32_t> wanted;
  bool fixed_batch = false;
};

const Row kRows[] = {
    {"flat", {3, 4, 5}, {-1, 60}},
    {"image", {20}, {-1, 2, 5, 2}},
    {"same_rank", {6, 4}, {-1, 8, 3}},
    {"wildcard_last", {3, 8}, {1, -1}, true},
    {"wildcard_middle", {3, 8}, {1, 2, -1, 3}, true},
    {"batch_of_one", {12}, {1, 3, 4}, true},
    {"rank_6", {24}, {-1, 1, 2, 3, 1, 4}},
};

struct Numbers {
  const char* name;
  DType dtype;
  Quantization quant;
};

const Numbers kNumbers[] = {
    {"f32", DType::kFloat32, {}},
    {"s8", DType::kInt8, PerTensor(0.05f, 7)},
    {"u8", DType::kUInt8, PerTensor(0.05f, 130)},
    {"s16", DType::kInt16, PerTensor(0.001f)},
    {"s32", DType::kInt32, {}},
};

Graph Build(const Row& row, const Numbers& numbers, bool as_tensor, Rng* rng) {
  GraphBuilder build(rng);
  const TensorId x = build.Input("x", numbers.dtype, row.x, numbers.quant);
  std::vector<TensorId> inputs = {x};
  if (as_tensor) {
    inputs.push_back(build.Values<int32_t>(
        "shape", {static_cast<int32_t>(row.wanted.size())}, row.wanted));
  }
  Node& node = build.Add(kReshape, "y", inputs, numbers.quant, numbers.dtype);
  if (!as_tensor) node.Set<&ReshapeAttrs::new_shape>(row.wanted);
  return build.Finish();
}

struct DimsRow {
  const char* name;
  std::vector<int32_t> x;     // without the batch
  std::vector<int32_t> dims;  // squeezed, or the one added
  const char* litert = "";
  const char* tflm = "";
};

const std::vector<DimsRow> kSqueezeRows = {
    {"two", {1, 4, 1, 3}, {1, 3}},
    {"last", {4, 1}, {-1}},
    {"one_of_two", {1, 4, 1}, {3}},
};

const std::vector<DimsRow> kExpandRows = {
    {"channel", {4, 5}, {3}},
    {"behind_the_batch", {4, 5}, {1}},
    {"minus_1", {4, 5, 3}, {-1}},
    {"minus_2", {6}, {-2}},
};

Graph BuildSqueeze(const DimsRow& row, const MoveType& type, Rng* rng) {
  GraphBuilder build(rng);
  const TensorId x = build.Input("x", type.dtype, row.x, type.quant);
  build.Add(kSqueeze, "y", {x}, type.quant, type.dtype)
      .Set<&SqueezeAttrs::squeeze_dims>(row.dims);
  return build.Finish();
}

Graph BuildExpand(const DimsRow& row, const MoveType& type, Rng* rng) {
  GraphBuilder build(rng);
  const TensorId x = build.Input("x", type.dtype, row.x, type.quant);
  const TensorId axis = build.Values<int32_t>("axis", Shape(), row.dims);
  build.Add(kExpandDims, "y", {x, axis}, type.quant, type.dtype);
  return build.Finish();
}

const MoveRuntimes kSqueezeRuntimes = {kAllMoveTypes, kAllMoveTypes};
const MoveRuntimes kExpandDimsRuntimes = {kAllMoveTypes, {"f32", "s8", "s16"}};

Graph DrawSqueeze(GraphBuilder* build, const MoveType& type) {
  Rng* rng = build->rng();
  Shape x = DrawShape(rng, Draw(rng, 2, 5), 5);
  x[0] = 3;  // one dimension stays
  std::vector<int32_t> dims;
  for (int d = 1; d < x.rank(); ++d) {
    if (x[d] == 1 && Coin(rng)) dims.push_back(Coin(rng) ? d : d - x.rank());
  }
  const TensorId in = build->Fixed("x", type.dtype, x, type.quant);
  build->Add(kSqueeze, "y", {in}, type.quant, type.dtype)
      .Set<&SqueezeAttrs::squeeze_dims>(dims);
  return build->Finish();
}

Graph DrawExpand(GraphBuilder* build, const MoveType& type) {
  Rng* rng = build->rng();
  const Shape x = DrawShape(rng, Draw(rng, 1, 4), 5);
  const TensorId in = build->Fixed("x", type.dtype, x, type.quant);
  const TensorId axis = build->Values<int32_t>(
      "axis", Shape(), {Draw(rng, -x.rank() - 1, x.rank())});
  build->Add(kExpandDims, "y", {in, axis}, type.quant, type.dtype);
  return build->Finish();
}

}  // namespace

std::vector<Case> SqueezeCases() {
  return MoveCases("squeeze", kSqueezeRows, BuildSqueeze, kSqueezeRuntimes);
}

std::vector<Case> ExpandDimsCases() {
  return MoveCases("expand_dims", kExpandRows, BuildExpand,
                   kExpandDimsRuntimes);
}

std::vector<Case> ReshapeCases() {
  std::vector<Case> cases;
  for (const Numbers& numbers : kNumbers) {
    for (const Row& row : kRows) {
      for (const bool as_tensor : {true, false}) {
        Case c;
        c.name = fmt::format("reshape_{}_{}_{}", numbers.name, row.name,
                             as_tensor ? "tensor" : "attribute");
        c.build = [&row, &numbers, as_tensor](Rng* rng) {
          return Build(row, numbers, as_tensor, rng);
        };
        c.fixed_batch = row.fixed_batch;
        cases.push_back(std::move(c));
      }
    }
  }
  for (const Row& row : kRows) {
    Case c;
    c.name = fmt::format("reshape_gradient_{}", row.name);
    c.build = [&row](Rng* rng) { return Build(row, kNumbers[0], true, rng); };
    c.fill = GridFill(2);
    c.fixed_batch = row.fixed_batch;
    c.gradient = Gradient();
    cases.push_back(std::move(c));
  }
  return cases;
}

std::vector<RandomKind> SqueezeRandom() {
  return MoveRandom(DrawSqueeze, kSqueezeRuntimes);
}

std::vector<RandomKind> ExpandDimsRandom() {
  return MoveRandom(DrawExpand, kExpandDimsRuntimes);
}

}  // namespace litesmith
