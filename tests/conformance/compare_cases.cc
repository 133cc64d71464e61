// Comparisons, ops of bools, and SELECT: every type over shapes that broadcast.
#include <fmt/core.h>

#include <algorithm>

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
  Quantization a, b;
};

// Scales of a and b, where an op has them; below 1 (specs/ops.md 5.6).
const Numbers kNumbers[] = {
    {"f32", DType::kFloat32, {}, {}},
    {"s8", DType::kInt8, PerTensor(0.07f, -3), PerTensor(0.05f, 20)},
    {"u8", DType::kUInt8, PerTensor(0.07f, 125), PerTensor(0.05f, 140)},
    {"s16", DType::kInt16, PerTensor(0.0007f), PerTensor(0.0005f)},
    {"i16", DType::kInt16, {}, {}},
    {"i32", DType::kInt32, {}, {}},
    {"i64", DType::kInt64, {}, {}},
    {"bool", DType::kBool, {}, {}},
};

// An input's shape without its batch, a constant's whole.
struct Shapes {
  const char* name;
  std::vector<int32_t> a;
  std::vector<int32_t> b;
};
const Shapes kShapes[] = {
    {"both_repeated", {4, 1, 3}, {1, 5, 1}},
    {"equal", {5, 7}, {1, 5, 7}},
};

bool Takes(const OpDef& op, const Numbers& numbers) {
  return std::any_of(op.rows.begin(), op.rows.end(), [&](const KernelRow& row) {
    return row.types.input == numbers.dtype;
  });
}

std::string LitertFails(const OpDef& op, const Numbers& numbers) {
  return &op == &kNotEqual && numbers.dtype == DType::kInt16 &&
                 numbers.a.empty()
             ? "its NOT_EQUAL of int16 without a scale writes nothing"
             : "";
}

std::string TflmFails(const OpDef& op, const Numbers& numbers) {
  return numbers.dtype == DType::kUInt8 || numbers.dtype == DType::kInt16
             ? fmt::format("its {} has no {}", op.name, Name(numbers.dtype))
             : "";
}

// Floats are small integers, so that some are equal.
Graph Build(const OpDef& op, const Shapes& shapes, const Numbers& numbers,
            Rng* rng) {
  GraphBuilder build(rng);
  const TensorId a = build.Input("a", numbers.dtype, shapes.a, numbers.a);
  const TensorId b =
      numbers.dtype == DType::kFloat32
          ? build.Grid("b", Shape(shapes.b), 2, 0, TensorKind::kConstant)
          : build.Random("b", numbers.dtype, Shape(shapes.b), numbers.b);
  build.Add(op, "y", {a, b}, {}, DType::kBool);
  return build.Finish();
}

Graph BuildScalars(const OpDef& op, DType dtype, Rng* rng) {
  GraphBuilder build(rng);
  const TensorId a = build.Fixed("a", dtype, Shape{});
  const TensorId b = build.Fixed("b", dtype, Shape{});
  build.Add(op, "y", {a, b}, {}, DType::kBool);
  return build.Finish();
}

std::vector<Case> CompareCases(const OpDef& op, const std::string& name) {
  std::vector<Case> cases;
  for (const Numbers& numbers : kNumbers) {
    if (!Takes(op, numbers)) continue;
    for (const Shapes& shapes : kShapes) {
      if (&shapes != kShapes && numbers.dtype != DType::kInt8 &&
          numbers.dtype != DType::kFloat32)
        continue;
      Case& c = cases.emplace_back();
      c.name = fmt::format("{}_{}_{}", name, numbers.name, shapes.name);
      c.build = [&](Rng* rng) { return Build(op, shapes, numbers, rng); };
      c.fill = GridFill(2);
      c.litert_fails = LitertFails(op, numbers);
      c.tflm_fails = TflmFails(op, numbers);
    }
  }
  const DType scalar =
      op.rows[0].types.input == DType::kBool ? DType::kBool : DType::kInt32;
  Case& c = cases.emplace_back();
  c.name = name + "_scalars";
  c.build = [&op, scalar](Rng* rng) { return BuildScalars(op, scalar, rng); };
  return cases;
}

Graph BuildRandom(const OpDef& op, const Numbers& numbers,
                  GraphBuilder* build) {
  Rng* rng = build->rng();
  const Shape whole = DrawShape(rng, Draw(rng, 0, 6), 4);
  const auto quant = [&] {
    return numbers.a.empty() ? Quantization()
                             : DrawQuant(rng, numbers.dtype, 0.01f, 0.9f);
  };
  const TensorId a =
      build->Fixed("a", numbers.dtype, DrawPart(rng, whole), quant());
  const TensorId b =
      build->Fixed("b", numbers.dtype, DrawPart(rng, whole), quant());
  build->Add(op, "y", {a, b}, {}, DType::kBool);
  return build->Finish();
}

std::vector<RandomKind> CompareRandom(const OpDef& op) {
  std::vector<RandomKind> kinds;
  for (const Numbers& numbers : kNumbers) {
    if (!Takes(op, numbers) || !LitertFails(op, numbers).empty()) continue;
    kinds.push_back({numbers.name,
                     [&op, &numbers](GraphBuilder* build) {
                       return BuildRandom(op, numbers, build);
                     },
                     "", TflmFails(op, numbers)});
  }
  return kinds;
}

// ---- SELECT ---------------------------------------------------------------

struct SelectShapes {
  const char* name;
  std::vector<int32_t> condition;  // input: without its batch
  std::vector<int32_t> x;          // input: without its batch
  std::vector<int32_t> y;          // constant, whole; empty: an input like x
  bool v1;                         // for SELECT, too
};
const SelectShapes kSelectShapes[] = {
    {"equal", {4, 3}, {4, 3}, {}, true},
    {"rows", {}, {4, 3}, {}, true},
    {"all_repeated", {4, 1, 1}, {1, 5, 1}, {3}, false},
    {"rank_5", {1, 3, 2, 1}, {2, 3, 1, 1}, {1, 4}, false},
};

const DType kSelected[] = {DType::kFloat32, DType::kInt8,  DType::kUInt8,
                           DType::kInt16,   DType::kInt32, DType::kInt64,
                           DType::kBool};

// One scale for all, of the types that have one.
Quantization ScaleOf(DType dtype) {
  if (dtype == DType::kInt8) return PerTensor(0.07f, -3);
  if (dtype == DType::kUInt8) return PerTensor(0.07f, 125);
  return dtype == DType::kInt16 ? PerTensor(0.0007f) : Quantization();
}

// A condition without dimensions of its own is one of rows: it has the batch
// alone.
Graph BuildSelect(const OpDef& op, const SelectShapes& shapes, DType dtype,
                  Rng* rng) {
  GraphBuilder build(rng);
  const Quantization quant = ScaleOf(dtype);
  const TensorId condition =
      build.Input("condition", DType::kBool, shapes.condition);
  const TensorId x = build.Input("x", dtype, shapes.x, quant);
  const TensorId y = shapes.y.empty()
                         ? build.Input("z", dtype, shapes.x, quant)
                         : build.Random("z", dtype, Shape(shapes.y), quant);
  build.Add(op, "y", {condition, x, y}, quant, dtype);
  return build.Finish();
}

// One condition for all.
Graph BuildSelectScalar(const OpDef& op, Rng* rng) {
  GraphBuilder build(rng);
  const TensorId condition = build.Fixed("condition", DType::kBool, Shape{});
  const TensorId x = build.Fixed("x", DType::kFloat32, {2, 3});
  const TensorId y = build.Fixed("z", DType::kFloat32, {2, 3});
  build.Add(op, "y", {condition, x, y});
  return build.Finish();
}

std::string SelectTflmFails(const OpDef& op, DType dtype) {
  if (&op == &kSelect) return "it has no SELECT";
  const bool has = dtype == DType::kFloat32 || dtype == DType::kInt8 ||
                   dtype == DType::kInt16;
  return has ? "" : fmt::format("its SELECT_V2 has no {}", Name(dtype));
}

std::vector<Case> SelectCasesOf(const OpDef& op, const std::string& name) {
  std::vector<Case> cases;
  const bool v1 = &op == &kSelect;
  for (const DType dtype : kSelected) {
    for (const SelectShapes& shapes : kSelectShapes) {
      // Rows of SELECT_V2 would be columns.
      const bool fits = v1 ? shapes.v1 : &shapes != &kSelectShapes[1];
      const bool first = &shapes == &kSelectShapes[v1 ? 1 : 2];
      if (!fits || (dtype != DType::kFloat32 && !first)) continue;
      Case& c = cases.emplace_back();
      c.name = fmt::format("{}_{}_{}", name, Name(dtype), shapes.name);
      c.build = [&op, &shapes, dtype](Rng* rng) {
        return BuildSelect(op, shapes, dtype, rng);
      };
      c.tflm_fails = SelectTflmFails(op, dtype);
    }
  }
  for (const SelectShapes& shapes : kSelectShapes) {
    if (v1 ? !shapes.v1 : &shapes == &kSelectShapes[1]) continue;
    Case& c = cases.emplace_back();
    c.name = fmt::format("{}_gradient_{}", name, shapes.name);
    c.build = [&op, &shapes](Rng* rng) {
      return BuildSelect(op, shapes, DType::kFloat32, rng);
    };
    c.fill = GridFill(4);
    c.gradient = Gradient();
    c.tflm_fails = SelectTflmFails(op, DType::kFloat32);
  }
  Case& timed = cases.emplace_back();
  timed.name = name + "_resnet_8";
  timed.build = [&op](Rng* rng) {
    static const SelectShapes kTimed = {
        "", {32, 32, 16}, {32, 32, 16}, {}, true};
    return BuildSelect(op, kTimed, DType::kFloat32, rng);
  };
  timed.tflm_fails = SelectTflmFails(op, DType::kFloat32);
  timed.timed = true;
  Case& c = cases.emplace_back();
  c.name = name + "_scalar_condition";
  c.build = [&op](Rng* rng) { return BuildSelectScalar(op, rng); };
  c.tflm_fails = SelectTflmFails(op, DType::kFloat32);
  return cases;
}

Graph BuildSelectRandom(const OpDef& op, DType dtype, GraphBuilder* build) {
  Rng* rng = build->rng();
  const Quantization quant = ScaleOf(dtype);
  const Shape whole = DrawShape(rng, Draw(rng, 1, 5), 5);
  Shape condition = whole;
  Shape x = whole;
  Shape y = whole;
  if (&op == &kSelectV2) {
    condition = DrawPart(rng, whole);
    x = DrawPart(rng, whole);
    y = DrawPart(rng, whole);
  } else if (Coin(rng)) {
    condition = Coin(rng) ? Shape{} : Shape{whole[0]};
  }
  const TensorId c = build->Fixed("condition", DType::kBool, condition);
  const TensorId of_x = build->Fixed("x", dtype, x, quant);
  const TensorId of_y = build->Fixed("z", dtype, y, quant);
  build->Add(op, "y", {c, of_x, of_y}, quant, dtype);
  return build->Finish();
}

std::vector<RandomKind> SelectRandomOf(const OpDef& op) {
  std::vector<RandomKind> kinds;
  for (const DType dtype : kSelected) {
    kinds.push_back({Name(dtype),
                     [&op, dtype](GraphBuilder* build) {
                       return BuildSelectRandom(op, dtype, build);
                     },
                     "", SelectTflmFails(op, dtype)});
  }
  return kinds;
}

}  // namespace

std::vector<Case> EqualCases() { return CompareCases(kEqual, "equal"); }
std::vector<Case> NotEqualCases() {
  return CompareCases(kNotEqual, "not_equal");
}
std::vector<Case> LessCases() { return CompareCases(kLess, "less"); }
std::vector<Case> LessEqualCases() {
  return CompareCases(kLessEqual, "less_equal");
}
std::vector<Case> GreaterCases() { return CompareCases(kGreater, "greater"); }
std::vector<Case> GreaterEqualCases() {
  return CompareCases(kGreaterEqual, "greater_equal");
}
std::vector<Case> LogicalAndCases() {
  return CompareCases(kLogicalAnd, "logical_and");
}
std::vector<Case> LogicalOrCases() {
  return CompareCases(kLogicalOr, "logical_or");
}
std::vector<Case> LogicalNotCases() {
  Case c;
  c.name = "logical_not";
  c.build = [](Rng* rng) {
    GraphBuilder build(rng);
    const TensorId x = build.Input("x", DType::kBool, {4, 5});
    build.Add(kLogicalNot, "y", {x}, {}, DType::kBool);
    return build.Finish();
  };
  return {c};
}
std::vector<Case> SelectCases() { return SelectCasesOf(kSelect, "select"); }
std::vector<Case> SelectV2Cases() {
  return SelectCasesOf(kSelectV2, "select_v2");
}

std::vector<RandomKind> EqualRandom() { return CompareRandom(kEqual); }
std::vector<RandomKind> NotEqualRandom() { return CompareRandom(kNotEqual); }
std::vector<RandomKind> LessRandom() { return CompareRandom(kLess); }
std::vector<RandomKind> LessEqualRandom() { return CompareRandom(kLessEqual); }
std::vector<RandomKind> GreaterRandom() { return CompareRandom(kGreater); }
std::vector<RandomKind> GreaterEqualRandom() {
  return CompareRandom(kGreaterEqual);
}
std::vector<RandomKind> LogicalAndRandom() {
  return CompareRandom(kLogicalAnd);
}
std::vector<RandomKind> LogicalOrRandom() { return CompareRandom(kLogicalOr); }
std::vector<RandomKind> SelectRandom() { return SelectRandomOf(kSelect); }
std::vector<RandomKind> SelectV2Random() { return SelectRandomOf(kSelectV2); }

}  // namespace litesmith
