// PAD, PADV2 and MIRROR_PAD: every type, on every side of every dimension but
// the batch, and gradients.
#include "src/ops/move/move.h"
#include "src/ops/registry.h"
#include "tests/conformance/move_cases.h"

namespace litesmith {
namespace {

struct Numbers {
  const char* name;
  DType dtype;
  Quantization quant;
};

const Numbers kNumbers[] = {
    {"f32", DType::kFloat32, {}},
    {"s8", DType::kInt8, PerTensor(0.07f, -3)},
    {"s8_zero_low", DType::kInt8, PerTensor(0.07f, -128)},
    {"u8", DType::kUInt8, PerTensor(0.07f, 125)},
    {"s16", DType::kInt16, PerTensor(0.0007f)},
    {"i32", DType::kInt32, {}},
    {"i64", DType::kInt64, {}},
    {"bool", DType::kBool, {}},
};

struct Row {
  const char* name;
  std::vector<int32_t> x;         // without the batch
  std::vector<int32_t> paddings;  // of all dimensions
};

const Row kRows[] = {
    {"image", {4, 5, 3}, {0, 0, 1, 1, 1, 1, 0, 0}},
    {"corner", {4, 5, 3}, {0, 0, 0, 1, 0, 1, 0, 0}},
    {"before", {4, 5, 3}, {0, 0, 2, 0, 3, 0, 0, 0}},
    {"channels", {4, 5, 3}, {0, 0, 0, 0, 0, 0, 2, 3}},
    {"all", {2, 3, 2}, {0, 0, 1, 2, 3, 1, 2, 1}},
    {"nothing", {2, 3, 2}, {0, 0, 0, 0, 0, 0, 0, 0}},
    {"vector", {7}, {0, 0, 2, 5}},
    {"rank_3", {4, 3}, {0, 0, 1, 0, 0, 2}},
    {"rank_5", {2, 3, 2, 2}, {0, 0, 0, 1, 2, 0, 0, 0, 1, 1}},
};

const Row kTimed = {"resnet_8", {32, 32, 16}, {0, 0, 1, 1, 1, 1, 0, 0}};

Graph Build(const Row& row, const Numbers& numbers, DType indices, Rng* rng) {
  GraphBuilder build(rng);
  const TensorId x = build.Input("x", numbers.dtype, row.x, numbers.quant);
  const Shape shape = {static_cast<int32_t>(row.x.size()) + 1, 2};
  const TensorId paddings =
      indices == DType::kInt64
          ? build.Values<int64_t>("paddings", shape,
                                  {row.paddings.begin(), row.paddings.end()})
          : build.Values<int32_t>("paddings", shape, row.paddings);
  build.Add(kPad, "y", {x, paddings}, numbers.quant, numbers.dtype);
  return build.Finish();
}

struct MoreRow {
  const char* name;
  std::vector<int32_t> x;         // without the batch
  std::vector<int32_t> paddings;  // of all dimensions
  MirrorMode mode = kReflect;
  const char* litert = "";
  const char* tflm = "";
};

const std::vector<MoreRow> kGivenRows = {
    {"all", {2, 3, 2}, {0, 0, 1, 2, 3, 1, 2, 1}},
    {"image", {4, 5, 3}, {0, 0, 1, 1, 0, 2, 0, 0}},
    {"nothing", {2, 3}, {0, 0, 0, 0, 0, 0}},
    {"timed", {32, 32, 16}, {0, 0, 1, 1, 1, 1, 0, 0}},
};

const std::vector<MoreRow> kMirrorRows = {
    {"reflect", {4, 5, 3}, {0, 0, 3, 1, 0, 4, 2, 0}},
    {"symmetric", {4, 5, 3}, {0, 0, 4, 1, 0, 5, 2, 0}, kSymmetric},
    {"nothing", {2, 3}, {0, 0, 0, 0, 0, 0}},
    {"vector", {3}, {0, 0, 2, 2}},
    {"timed", {32, 32, 16}, {0, 0, 1, 1, 1, 1, 0, 0}},
};

TensorId PaddingsOf(const MoreRow& row, GraphBuilder* build) {
  return build->Values<int32_t>(
      "paddings", {static_cast<int32_t>(row.x.size()) + 1, 2}, row.paddings);
}

Graph BuildGiven(const MoreRow& row, const MoveType& type, Rng* rng) {
  GraphBuilder build(rng);
  const TensorId x = build.Input("x", type.dtype, row.x, type.quant);
  const TensorId value = build.Random("value", type.dtype, {1}, type.quant);
  build.Add(kPadV2, "y", {x, PaddingsOf(row, &build), value}, type.quant,
            type.dtype);
  return build.Finish();
}

Graph BuildMirror(const MoreRow& row, const MoveType& type, Rng* rng) {
  GraphBuilder build(rng);
  const TensorId x = build.Input("x", type.dtype, row.x, type.quant);
  Put(MirrorPadAttrs{row.mode},
      &build.Add(kMirrorPad, "y", {x, PaddingsOf(row, &build)}, type.quant,
                 type.dtype));
  return build.Finish();
}

const MoveRuntimes kPadv2Runtimes = {kAllMoveTypes,
                                     {"f32", "s8", "s16", "i32"}};
const MoveRuntimes kMirrorPadRuntimes = {kAllMoveTypes, {"f32", "s8"}};

// Up to `most` of each dimension's size, less `edge`, before and behind it.
TensorId DrawPaddings(const Shape& x, int most, int edge, GraphBuilder* build) {
  std::vector<int32_t> paddings;
  for (const int32_t dim : x.dims()) {
    const int limit = most > 0 ? most : dim - edge;
    paddings.push_back(Draw(build->rng(), 0, limit));
    paddings.push_back(Draw(build->rng(), 0, limit));
  }
  return build->Values<int32_t>("paddings", {x.rank(), 2}, paddings);
}

Graph DrawPad(GraphBuilder* build, const MoveType& type) {
  const Shape x = DrawShape(build->rng(), Draw(build->rng(), 1, 4), 5);
  const TensorId in = build->Fixed("x", type.dtype, x, type.quant);
  build->Add(kPad, "y", {in, DrawPaddings(x, 3, 0, build)}, type.quant,
             type.dtype);
  return build->Finish();
}

Graph DrawPadV2(GraphBuilder* build, const MoveType& type) {
  const Shape x = DrawShape(build->rng(), Draw(build->rng(), 1, 4), 5);
  const TensorId in = build->Fixed("x", type.dtype, x, type.quant);
  const TensorId value = build->Random("value", type.dtype, {1}, type.quant);
  build->Add(kPadV2, "y", {in, DrawPaddings(x, 3, 0, build), value}, type.quant,
             type.dtype);
  return build->Finish();
}

Graph DrawMirror(GraphBuilder* build, const MoveType& type) {
  const Shape x = DrawShape(build->rng(), Draw(build->rng(), 1, 4), 5);
  const MirrorMode mode = Coin(build->rng()) ? kReflect : kSymmetric;
  const TensorId in = build->Fixed("x", type.dtype, x, type.quant);
  const TensorId paddings = DrawPaddings(x, 0, mode == kReflect ? 1 : 0, build);
  Put(MirrorPadAttrs{mode},
      &build->Add(kMirrorPad, "y", {in, paddings}, type.quant, type.dtype));
  return build->Finish();
}

const MoveRuntimes kPadRuntimes = {kAllMoveTypes, {"f32", "s8", "s16", "i32"}};

}  // namespace

std::vector<Case> PadV2Cases() {
  return MoveCases("padv2", kGivenRows, BuildGiven, kPadv2Runtimes);
}

std::vector<Case> MirrorPadCases() {
  return MoveCases("mirror_pad", kMirrorRows, BuildMirror, kMirrorPadRuntimes);
}

std::vector<Case> PadCases() {
  std::vector<Case> cases;
  const auto add = [&](const Row& row, const Numbers& numbers,
                       DType indices) -> Case& {
    Case& c = cases.emplace_back();
    c.name = fmt::format("pad_{}_{}{}", numbers.name, row.name,
                         indices == DType::kInt64 ? "_i64" : "");
    c.build = [&, indices](Rng* rng) {
      return Build(row, numbers, indices, rng);
    };
    if (numbers.dtype == DType::kUInt8 || numbers.dtype == DType::kInt64 ||
        numbers.dtype == DType::kBool) {
      c.tflm_fails = fmt::format("its PAD has no {}", Name(numbers.dtype));
    } else if (indices == DType::kInt64) {
      c.tflm_fails = "its PAD wants int32 paddings";
    }
    return c;
  };
  for (const Numbers& numbers : kNumbers) {
    for (const Row& row : kRows) add(row, numbers, DType::kInt32);
    // Of the types of indices one row is enough.
    add(kRows[4], numbers, DType::kInt64);
    if (IsFirstOfType(kNumbers, numbers))
      add(kTimed, numbers, DType::kInt32).timed = true;
  }
  for (const Row& row : kRows) {
    Case c;
    c.name = fmt::format("pad_gradient_{}", row.name);
    c.build = [&](Rng* rng) {
      return Build(row, kNumbers[0], DType::kInt32, rng);
    };
    c.fill = GridFill(4);
    c.gradient = Gradient{};
    cases.push_back(std::move(c));
  }
  return cases;
}

std::vector<RandomKind> PadRandom() {
  return MoveRandom(DrawPad, kPadRuntimes);
}

std::vector<RandomKind> PadV2Random() {
  return MoveRandom(DrawPadV2, kPadv2Runtimes);
}

std::vector<RandomKind> MirrorPadRandom() {
  return MoveRandom(DrawMirror, kMirrorPadRuntimes);
}

}  // namespace litesmith
