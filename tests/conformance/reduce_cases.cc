// The reductions: every type over axes of all kinds, kept and dropped, and
// gradients.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "src/ops/move/move.h"
#include "src/ops/reduce/reduce.h"
#include "src/ops/registry.h"
#include "tests/conformance/case.h"
#include "tests/conformance/fill.h"
#include "tests/conformance/graph_builder.h"
#include "tests/conformance/random.h"

namespace litesmith {
namespace {

struct Numbers {
  const char* name;
  DType dtype;
  Quantization x, y;
};

const Numbers kNumbers[] = {
    {"f32", DType::kFloat32, {}, {}},
    {"s8", DType::kInt8, PerTensor(0.07f, -3), PerTensor(0.02f, 11)},
    {"s8_one_scale", DType::kInt8, PerTensor(0.07f, -128),
     PerTensor(0.07f, -128)},
    {"s8_coarse", DType::kInt8, PerTensor(0.004f, 100), PerTensor(0.3f, -60)},
    {"u8", DType::kUInt8, PerTensor(0.07f, 125), PerTensor(0.02f, 90)},
    {"s16", DType::kInt16, PerTensor(0.0007f), PerTensor(0.0002f)},
    {"i32", DType::kInt32, {}, {}},
    {"i64", DType::kInt64, {}, {}},
};
const Numbers kSums[] = {
    {"f32", DType::kFloat32, {}, {}},
    {"s8", DType::kInt8, PerTensor(0.07f, -3), PerTensor(0.4f, 11)},
    {"u8", DType::kUInt8, PerTensor(0.07f, 125), PerTensor(0.4f, 90)},
    {"s16", DType::kInt16, PerTensor(0.0007f), PerTensor(0.004f)},
    {"i32", DType::kInt32, {}, {}},
    {"i64", DType::kInt64, {}, {}},
};
const Numbers kProducts[] = {
    {"f32", DType::kFloat32, {}, {}},
    {"s8", DType::kInt8, PerTensor(0.015f, -3), PerTensor(0.02f, 11)},
    {"s16", DType::kInt16, PerTensor(0.00006f), PerTensor(0.0001f)},
    {"i8", DType::kInt8, {}, {}},
    {"u8", DType::kUInt8, {}, {}},
    {"i16", DType::kInt16, {}, {}},
    {"i32", DType::kInt32, {}, {}},
    {"i64", DType::kInt64, {}, {}},
};
const Numbers kExtremes[] = {
    {"f32", DType::kFloat32, {}, {}},
    {"s8", DType::kInt8, PerTensor(0.07f, -3), PerTensor(0.07f, -3)},
    {"u8", DType::kUInt8, PerTensor(0.07f, 125), PerTensor(0.07f, 125)},
    {"s16", DType::kInt16, PerTensor(0.0007f), PerTensor(0.0007f)},
    {"i32", DType::kInt32, {}, {}},
    {"i64", DType::kInt64, {}, {}},
};
const Numbers kBools[] = {{"bool", DType::kBool, {}, {}}};

struct Row {
  const char* name;
  std::vector<int32_t> x;  // without the batch
  std::vector<int32_t> axes;
};

const Row kRows[] = {
    {"image", {4, 5, 3}, {1, 2}},
    {"whole_channels", {7, 7, 16}, {2, 1}},
    {"channels", {4, 5, 3}, {-1}},
    {"rows", {4, 5, 3}, {1}},
    {"outer_and_inner", {4, 5, 3}, {1, 3}},
    {"all_but_the_batch", {4, 5, 3}, {1, -2, 3}},
    {"named_twice", {4, 5, 3}, {2, -2, 2}},
    {"vector", {33}, {1}},
    {"one", {4, 1, 3}, {2}},
    {"none", {4, 3}, {}},
    {"rank_5", {2, 3, 2, 4}, {2, 4}},
};

const Row kTimed = {"resnet_8", {8, 8, 64}, {1, 2}};

Graph Build(const OpDef& op, const Row& row, const Numbers& numbers, bool keep,
            Rng* rng) {
  GraphBuilder build(rng);
  const TensorId x = build.Input("x", numbers.dtype, row.x, numbers.x);
  const auto count = static_cast<int32_t>(row.axes.size());
  const TensorId axes = build.Values<int32_t>("axes", {count}, row.axes);
  build.Add(op, "y", {x, axes}, numbers.y, numbers.dtype)
      .Set<&ReduceAttrs::keep_dims>(keep);
  return build.Finish();
}

// All dimensions, the first one with them; or a number of rank 0.
Graph BuildWhole(const OpDef& op, const Numbers& numbers, const Shape& shape,
                 Rng* rng) {
  GraphBuilder build(rng);
  const TensorId x = build.Fixed("x", numbers.dtype, shape, numbers.x);
  std::vector<int32_t> all;
  for (int32_t d = 0; d < shape.rank(); ++d) all.push_back(d);
  const TensorId axes = build.Values<int32_t>("axes", {shape.rank()}, all);
  build.Add(op, "y", {x, axes}, numbers.y, numbers.dtype);
  return build.Finish();
}

struct Kind {
  const OpDef* op;
  std::string name;
  std::span<const Numbers> numbers;
  bool all_rows = false;  // of all numbers, kept and dropped
};

// LiteRT's reference kernel of SUM reads signed bytes as bytes.
std::string LitertFails(const OpDef& op, DType dtype) {
  const bool wrong =
      &op == &kSum && (dtype == DType::kInt8 || dtype == DType::kInt16);
  return wrong ? "its SUM takes integers for bytes without a sign" : "";
}

std::string TflmFails(const OpDef& op, DType dtype) {
  if (&op == &kReduceProd || &op == &kReduceAny)
    return fmt::format("it has no {}", op.name);
  const bool wide = &op == &kReduceMax || &op == &kReduceMin;
  const bool lacks = dtype == DType::kUInt8 || dtype == DType::kInt32 ||
                     dtype == DType::kInt64 || (wide && dtype == DType::kInt16);
  return lacks ? fmt::format("its {} has no {}", op.name, Name(dtype)) : "";
}

std::vector<Case> ReduceCases(const Kind& kind, const Gradient& gradient = {},
                              const Fill& fill = GridFill(4)) {
  std::vector<Case> cases;
  const OpDef& op = *kind.op;
  const auto add = [&](const std::string& name,
                       const Numbers& numbers) -> Case& {
    Case& c = cases.emplace_back();
    c.name = fmt::format("{}_{}_{}", kind.name, numbers.name, name);
    c.litert_fails = LitertFails(op, numbers.dtype);
    c.tflm_fails = TflmFails(op, numbers.dtype);
    return c;
  };
  const auto add_row = [&](const Row& row, const Numbers& numbers,
                           bool keep) -> Case& {
    Case& c = add(fmt::format("{}{}", row.name, keep ? "_kept" : ""), numbers);
    c.build = [&op, &row, &numbers, keep](Rng* rng) {
      return Build(op, row, numbers, keep, rng);
    };
    return c;
  };
  for (const Numbers& numbers : kind.numbers) {
    for (const Row& row : kRows) {
      if (kind.all_rows) {
        for (const bool keep : {false, true}) add_row(row, numbers, keep);
      } else if (&numbers == kind.numbers.data() || &row == &kRows[0] ||
                 &row == &kRows[4]) {
        add_row(row, numbers, &row == &kRows[6]);
      }
    }
    const bool timed =
        kind.all_rows || &op == &kSum
            ? IsFirstOfType(kind.numbers, numbers)
            : op.differentiable() && numbers.dtype == DType::kFloat32;
    if (timed) add_row(kTimed, numbers, false).timed = true;
  }
  for (const Shape& shape : {Shape{3, 4, 2}, Shape{}}) {
    Case& c = add(shape.rank() == 0 ? "scalar" : "whole", kind.numbers[0]);
    c.build = [kind, shape](Rng* rng) {
      return BuildWhole(*kind.op, kind.numbers[0], shape, rng);
    };
  }
  if (!op.differentiable()) return cases;
  for (const Row& row : kRows) {
    Case c;
    c.name = fmt::format("{}_gradient_{}", kind.name, row.name);
    c.build = [kind, &row](Rng* rng) {
      return Build(*kind.op, row, kind.numbers[0], row.axes.size() == 1, rng);
    };
    c.fill = fill;
    c.gradient = gradient;
    c.litert_fails = LitertFails(op, kind.numbers[0].dtype);
    c.tflm_fails = TflmFails(op, kind.numbers[0].dtype);
    cases.push_back(std::move(c));
  }
  return cases;
}

// Powers of two, whose products are exact, and a zero now and then.
void FillFactors(Rng* rng, std::span<float> values) {
  for (float& v : values) {
    const float size = std::exp2(static_cast<float>(rng->Below(3)) - 1);
    v = rng->Below(40) == 0 ? 0 : rng->Below(2) == 0 ? size : -size;
  }
}

const Kind kMeanKind = {&kMean, "mean", kNumbers, true};
const Kind kSumKind = {&kSum, "sum", kSums};
const Kind kProdKind = {&kReduceProd, "reduce_prod", kProducts};
const Kind kMaxKind = {&kReduceMax, "reduce_max", kExtremes};
const Kind kMinKind = {&kReduceMin, "reduce_min", kExtremes};
const Kind kAnyKind = {&kReduceAny, "reduce_any", kBools};
const Kind kAllKind = {&kReduceAll, "reduce_all", kBools};

// [N, 2, 3, 4] to [N, 24], its size computed from its shape.
Graph BuildFlatten(Rng* rng) {
  GraphBuilder build(rng);
  const TensorId x = build.Input("x", DType::kFloat32, {2, 3, 4});
  build.Add(kShape, "shape", {x}, {}, DType::kInt32)
      .Set<&ShapeAttrs::out_type>(DType::kInt32);
  const TensorId shape = build.last();
  const TensorId begin = build.Values<int32_t>("begin", {1}, {1});
  const TensorId end = build.Values<int32_t>("end", {1}, {4});
  const TensorId stride = build.Values<int32_t>("stride", {1}, {1});
  build.Add(kStridedSlice, "inner", {shape, begin, end, stride}, {},
            DType::kInt32);
  const TensorId inner = build.last();
  const TensorId axis = build.Values<int32_t>("axis", {1}, {0});
  build.Add(kReduceProd, "count", {inner, axis}, {}, DType::kInt32);
  const TensorId count = build.last();
  const TensorId open = build.Values<int32_t>("open", {}, {-1});
  build.Add(kPack, "sizes", {open, count}, {}, DType::kInt32)
      .Set<&PackAttrs::values_count>(2);
  const TensorId sizes = build.last();
  build.Add(kReshape, "y", {x, sizes});
  // What a file says until the sizes are known.
  build.tensor(build.last()).shape = {kDynamic, 24};
  return build.Finish();
}

// ---- Random kinds ---------------------------------------------------------

Graph BuildRandom(const Kind& kind, const Numbers& numbers,
                  GraphBuilder* build) {
  Rng* rng = build->rng();
  const Shape shape = DrawShape(rng, Draw(rng, 0, 5), 6);
  std::vector<int32_t> axes;
  int64_t count = 1;
  for (int32_t d = 0; d < shape.rank(); ++d) {
    if (Coin(rng)) continue;
    axes.push_back(Coin(rng) ? d : d - shape.rank());
    count *= shape[d];
  }
  rng->Shuffle(std::span<int32_t>(axes));
  Quantization x_quant;
  Quantization y_quant;
  if (!numbers.x.empty()) {
    x_quant = DrawQuant(rng, numbers.dtype);
    y_quant = x_quant;
    const bool extreme = kind.op == &kReduceMax || kind.op == &kReduceMin;
    if (!extreme) y_quant = DrawQuant(rng, numbers.dtype);
    // Sums and products of the usual size.
    const auto n = static_cast<float>(count);
    if (kind.op == &kSum) y_quant.scale[0] = x_quant.scale[0] * std::sqrt(n);
    if (kind.op == &kReduceProd) {
      const float largest = numbers.dtype == DType::kInt16 ? 32768.0f : 256.0f;
      x_quant.scale[0] = 1.7f / largest;
      y_quant.scale[0] = DrawScale(rng, 0.5f, 4) / largest;
    }
  }
  const TensorId x = build->Fixed("x", numbers.dtype, shape, x_quant);
  const TensorId of =
      build->Values<int32_t>("axes", {static_cast<int32_t>(axes.size())}, axes);
  build->Add(*kind.op, "y", {x, of}, y_quant, numbers.dtype)
      .Set<&ReduceAttrs::keep_dims>(Coin(rng));
  return build->Finish();
}

std::vector<RandomKind> ReduceRandom(const Kind& kind) {
  std::vector<RandomKind> kinds;
  for (const Numbers& numbers : kind.numbers) {
    if (!IsFirstOfType(kind.numbers, numbers)) continue;
    kinds.push_back({numbers.name,
                     [kind, &numbers](GraphBuilder* build) {
                       return BuildRandom(kind, numbers, build);
                     },
                     LitertFails(*kind.op, numbers.dtype),
                     TflmFails(*kind.op, numbers.dtype)});
  }
  return kinds;
}

// ---- ARG_MAX, ARG_MIN -----------------------------------------------------

struct ArgRow {
  const char* name;
  DType dtype;
  DType output;
  Quantization quant;
};
const ArgRow kArgRows[] = {
    {"f32", DType::kFloat32, DType::kInt32, {}},
    {"f32_i64", DType::kFloat32, DType::kInt64, {}},
    {"s8", DType::kInt8, DType::kInt32, PerTensor(0.07f, -3)},
    {"u8", DType::kUInt8, DType::kInt32, PerTensor(0.07f, 125)},
    {"i32", DType::kInt32, DType::kInt32, {}},
};

std::string ArgTflmFails(const OpDef& op, const ArgRow& row) {
  if (row.output == DType::kInt64)
    return fmt::format("its {} gives int32", op.name);
  const bool has = row.dtype == DType::kFloat32 || row.dtype == DType::kInt8;
  return has ? "" : fmt::format("its {} has no {}", op.name, Name(row.dtype));
}

Graph BuildArg(const OpDef& op, const ArgRow& row, TensorId x, int32_t axis,
               GraphBuilder* build) {
  const TensorId of = build->Values<int32_t>("axis", {}, {axis});
  build->Add(op, "y", {x, of}, {}, row.output)
      .Set<&ArgAttrs::output_type>(row.output);
  return build->Finish();
}

std::vector<Case> ArgCases(const OpDef& op, const std::string& name) {
  std::vector<Case> cases;
  for (const ArgRow& row : kArgRows) {
    for (const int32_t axis : {1, 2, -1}) {
      if (axis != 2 && &row != kArgRows) continue;
      Case& c = cases.emplace_back();
      c.name = fmt::format("{}_{}_{}", name, row.name,
                           axis == 1   ? "first"
                           : axis == 2 ? "middle"
                                       : "last");
      c.build = [&op, &row, axis](Rng* rng) {
        GraphBuilder build(rng);
        const TensorId x = build.Input("x", row.dtype, {4, 5, 3}, row.quant);
        return BuildArg(op, row, x, axis, &build);
      };
      // Equal ones among them.
      c.fill = GridFill(2);
      c.tflm_fails = ArgTflmFails(op, row);
    }
  }
  return cases;
}

std::vector<RandomKind> ArgRandom(const OpDef& op) {
  std::vector<RandomKind> kinds;
  for (const ArgRow& row : kArgRows) {
    kinds.push_back(
        {row.name,
         [&op, &row](GraphBuilder* build) {
           Rng* rng = build->rng();
           const Shape shape = DrawShape(rng, Draw(rng, 1, 5), 6);
           const int32_t rank = shape.rank();
           const TensorId x = build->Fixed("x", row.dtype, shape, row.quant);
           return BuildArg(op, row, x, Draw(rng, -rank, rank - 1), build);
         },
         "", ArgTflmFails(op, row)});
  }
  return kinds;
}

}  // namespace

std::vector<Case> MeanCases() {
  return ReduceCases(kMeanKind, {.tolerance = 1e-3});
}
std::vector<Case> SumCases() { return ReduceCases(kSumKind); }
std::vector<Case> ReduceMaxCases() {
  return ReduceCases(kMaxKind, {.step = 1.0f / 512}, DistinctFill());
}
std::vector<Case> ReduceMinCases() {
  return ReduceCases(kMinKind, {.step = 1.0f / 512}, DistinctFill());
}
std::vector<Case> ReduceAnyCases() { return ReduceCases(kAnyKind); }
std::vector<Case> ReduceAllCases() { return ReduceCases(kAllKind); }
std::vector<Case> ReduceProdCases() {
  std::vector<Case> cases = ReduceCases(kProdKind, {}, FillFactors);
  Case& c = cases.emplace_back();
  c.name = "reduce_prod_of_a_shape";
  c.build = BuildFlatten;
  c.tflm_fails = TflmFails(kReduceProd, DType::kInt32);
  return cases;
}
std::vector<Case> ArgMaxCases() { return ArgCases(kArgMax, "arg_max"); }
std::vector<Case> ArgMinCases() { return ArgCases(kArgMin, "arg_min"); }

std::vector<RandomKind> MeanRandom() { return ReduceRandom(kMeanKind); }
std::vector<RandomKind> SumRandom() { return ReduceRandom(kSumKind); }
std::vector<RandomKind> ReduceProdRandom() { return ReduceRandom(kProdKind); }
std::vector<RandomKind> ReduceMaxRandom() { return ReduceRandom(kMaxKind); }
std::vector<RandomKind> ReduceMinRandom() { return ReduceRandom(kMinKind); }
std::vector<RandomKind> ReduceAnyRandom() { return ReduceRandom(kAnyKind); }
std::vector<RandomKind> ReduceAllRandom() { return ReduceRandom(kAllKind); }
std::vector<RandomKind> ArgMaxRandom() { return ArgRandom(kArgMax); }
std::vector<RandomKind> ArgMinRandom() { return ArgRandom(kArgMin); }

}  // namespace litesmith
