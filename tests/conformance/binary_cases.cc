// The arithmetic of two inputs: every type over shapes that broadcast,
// activations, scales that are powers of two, and gradients.
#include <fmt/core.h>

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "src/ops/map/binary.h"
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
  Quantization a, b, y;
  bool pot = false;
};

const Numbers kNumbers[] = {
    {"f32", DType::kFloat32, {}, {}, {}},
    {"s8", DType::kInt8, PerTensor(0.07f, -3), PerTensor(0.02f, 90),
     PerTensor(0.09f, 7)},
    {"s8_one_scale", DType::kInt8, PerTensor(0.5f, 0), PerTensor(0.5f, 0),
     PerTensor(0.5f, 0)},
    {"s8_finer", DType::kInt8, PerTensor(0.5f, 3), PerTensor(0.4f, -60),
     PerTensor(0.15f, 7)},
    {"u8", DType::kUInt8, PerTensor(0.07f, 125), PerTensor(0.02f, 200),
     PerTensor(0.09f, 100)},
    {"s16", DType::kInt16, PerTensor(0.0007f), PerTensor(0.0002f),
     PerTensor(0.0009f)},
    {"s16_no_pot", DType::kInt16, PerTensor(0.0007f), PerTensor(0.0002f),
     PerTensor(0.0009f), true},
    {"i16", DType::kInt16, {}, {}, {}},
    {"i32", DType::kInt32, {}, {}, {}},
    {"i64", DType::kInt64, {}, {}, {}},
};

// Scales whose quotients have no more bits than the runtimes can shift by
// (specs/ops.md 5.3).
const Numbers kQuotients[] = {
    {"f32", DType::kFloat32, {}, {}, {}},
    {"s8", DType::kInt8, PerTensor(0.07f, -3), PerTensor(0.02f, 90),
     PerTensor(0.02f, 7)},
    {"u8", DType::kUInt8, PerTensor(0.07f, 125), PerTensor(0.02f, 200),
     PerTensor(0.02f, 100)},
    {"s16", DType::kInt16, PerTensor(0.0007f), PerTensor(0.0002f),
     PerTensor(0.0001f)},
    {"i32", DType::kInt32, {}, {}, {}},
};

// Squares: of a range of their own.
const Numbers kSquares[] = {
    {"f32", DType::kFloat32, {}, {}, {}},
    {"s8", DType::kInt8, PerTensor(0.07f, -3), PerTensor(0.02f, 90),
     PerTensor(0.4f, -128)},
    {"s16", DType::kInt16, PerTensor(0.0007f), PerTensor(0.0002f),
     PerTensor(0.02f)},
    {"i32", DType::kInt32, {}, {}, {}},
};

// Stored integers as they are: of one scale, or of none.
const Quantization kOneScale8 = PerTensor(0.07f, -3);
const Quantization kOneScale16 = PerTensor(0.0007f);
const Numbers kExtremes[] = {
    {"f32", DType::kFloat32, {}, {}, {}},
    {"s8", DType::kInt8, kOneScale8, kOneScale8, kOneScale8},
    {"u8", DType::kUInt8, PerTensor(0.07f, 125), PerTensor(0.07f, 125),
     PerTensor(0.07f, 125)},
    {"s16", DType::kInt16, kOneScale16, kOneScale16, kOneScale16},
    {"i32", DType::kInt32, {}, {}, {}},
    {"i64", DType::kInt64, {}, {}, {}},
};
const Numbers kWithoutScales[] = {
    {"f32", DType::kFloat32, {}, {}, {}}, {"i8", DType::kInt8, {}, {}, {}},
    {"i16", DType::kInt16, {}, {}, {}},   {"i32", DType::kInt32, {}, {}, {}},
    {"i64", DType::kInt64, {}, {}, {}},
};

// An input's shape without its batch, a constant's whole.
struct Shapes {
  const char* name;
  std::vector<int32_t> a;
  std::vector<int32_t> b;
  Activation activation = kNone;
};

const Shapes kShapes[] = {
    {"equal", {4, 5, 3}, {1, 4, 5, 3}},
    {"channels", {4, 5, 3}, {3}, activation::kRelu},
    {"rows", {4, 5, 3}, {4, 1, 1}, activation::kRelu6},
    {"both_repeated", {4, 1, 3}, {1, 5, 1}, activation::kReluN1To1},
    {"scalar", {7}, {1}},
    {"rank_6", {2, 1, 3, 1, 2}, {2, 4, 1, 5, 1}},
};

// How an op's cases differ from those of others.
struct Kind {
  const OpDef* op;
  std::string name;
  std::span<const Numbers> numbers;
  bool all_shapes = false;  // with every row of numbers; else with the floats
  bool divides = false;     // b is not zero
  double tolerance = 0;     // of gradients
};

void SetAttrs(Activation activation, bool pot, Node* node) {
  if (AttrValue* fused = FusedActivation(node)) fused->i = activation;
  if (node->op == &kAdd || node->op == &kSub)
    node->Set<&AddAttrs::pot_scale_int16>(pot);
}

// Stored integers that are no zero: of 8 bits all, wide ones small.
template <typename T>
TensorId Divisors(GraphBuilder* build, DType dtype, const Shape& shape,
                  const Quantization& quant) {
  const int64_t zero = quant.empty() ? 0 : quant.zero_point[0];
  const TensorId id = build->Random("b", dtype, shape, quant);
  auto* values = reinterpret_cast<T*>(build->tensor(id).data.MutableData());
  for (int64_t i = 0; i < shape.NumElements(); ++i) {
    // By -1 the reference stops the program at the smallest integer.
    if (sizeof(T) > 2) values[i] = static_cast<T>(Draw(build->rng(), -9, 9));
    const bool traps = sizeof(T) > 2 && values[i] == -1;
    if (values[i] == zero || traps) values[i] = zero == 3 ? 4 : 3;
  }
  return id;
}

TensorId ConstantB(const Kind& kind, GraphBuilder* build, DType dtype,
                   const Shape& shape, const Quantization& quant) {
  if (!kind.divides || dtype == DType::kFloat32)
    return build->Random("b", dtype, shape, quant);
  switch (dtype) {
    case DType::kInt8:
      return Divisors<int8_t>(build, dtype, shape, quant);
    case DType::kUInt8:
      return Divisors<uint8_t>(build, dtype, shape, quant);
    case DType::kInt16:
      return Divisors<int16_t>(build, dtype, shape, quant);
    case DType::kInt32:
      return Divisors<int32_t>(build, dtype, shape, quant);
    default:
      return Divisors<int64_t>(build, dtype, shape, quant);
  }
}

Graph Build(const Kind& kind, const Shapes& shapes, const Numbers& numbers,
            TensorKind of_b, Rng* rng) {
  GraphBuilder build(rng);
  const TensorId a = build.Input("a", numbers.dtype, shapes.a, numbers.a);
  // Beside zero, where divisors are: on no integer.
  const TensorId b =
      of_b == TensorKind::kParameter
          ? build.Grid("b", Shape(shapes.b), 4, kind.divides ? 0.5f : 0)
          : ConstantB(kind, &build, numbers.dtype, Shape(shapes.b), numbers.b);
  Node& node = build.Add(*kind.op, "y", {a, b}, numbers.y, numbers.dtype);
  SetAttrs(shapes.activation, numbers.pot, &node);
  return build.Finish();
}

// Scales that are powers of two: LiteRT ends the program where shapes differ.
const Numbers kPot = {"s16_pot",           DType::kInt16,
                      PerTensor(0x1p-12f), PerTensor(0x1p-9f),
                      PerTensor(0x1p-9f),  true};

// Two inputs of the graph.
Graph BuildInputs(const OpDef& op, const Numbers& numbers,
                  const std::vector<int32_t>& shape, Rng* rng) {
  GraphBuilder build(rng);
  const TensorId a = build.Input("a", numbers.dtype, shape, numbers.a);
  const TensorId b = build.Input("b", numbers.dtype, shape, numbers.b);
  Node& node = build.Add(op, "y", {a, b}, numbers.y, numbers.dtype);
  SetAttrs(kNone, numbers.pot, &node);
  return build.Finish();
}

// One input of the graph twice, as a residual connection reads it.
Graph BuildTwice(const OpDef& op, const Numbers& numbers, Rng* rng) {
  GraphBuilder build(rng);
  const TensorId a = build.Input("a", numbers.dtype, {3, 4}, numbers.a);
  Node& node = build.Add(op, "y", {a, a}, numbers.y, numbers.dtype);
  SetAttrs(kNone, false, &node);
  return build.Finish();
}

// Numbers of rank 0, as loops count with.
Graph BuildScalars(const Kind& kind, Rng* rng) {
  GraphBuilder build(rng);
  const TensorId a = build.Fixed("a", DType::kInt32, Shape{});
  const TensorId b = ConstantB(kind, &build, DType::kInt32, Shape{}, {});
  SetAttrs(kNone, false, &build.Add(*kind.op, "y", {a, b}, {}, DType::kInt32));
  return build.Finish();
}

std::string LitertFails(const OpDef& op, DType dtype) {
  return &op == &kSquaredDifference && dtype == DType::kInt16
             ? "its SQUARED_DIFFERENCE has no int16"
             : "";
}

std::string TflmFails(const OpDef& op, DType dtype, bool has_scales,
                      Activation activation) {
  const bool of_floats = &op == &kFloorDiv || &op == &kFloorMod;
  const bool extreme = &op == &kMaximum || &op == &kMinimum;
  if (dtype == DType::kFloat32) return "";
  const bool lacks = of_floats || dtype == DType::kUInt8 ||
                     (dtype == DType::kInt64 && !extreme) ||
                     (dtype == DType::kInt16 && &op == &kDiv);
  if (lacks) return fmt::format("its {} has no {}", op.name, Name(dtype));
  if (dtype == DType::kInt16 && !has_scales) return "it wants scales of int16";
  return dtype == DType::kInt32 && activation != kNone && &op == &kAdd
             ? fmt::format("its int32 {} has no activation", op.name)
             : "";
}

class CaseList {
 public:
  explicit CaseList(const Kind& kind) : kind_(kind) {}

  Case& Add(const std::string& name, const Numbers& numbers,
            Activation activation) {
    Case& c = cases_.emplace_back();
    c.name = fmt::format("{}_{}_{}", kind_.name, numbers.name, name);
    c.litert_fails = LitertFails(*kind_.op, numbers.dtype);
    c.tflm_fails =
        TflmFails(*kind_.op, numbers.dtype, !numbers.a.empty(), activation);
    return c;
  }
  void AddShapes(const Numbers& numbers, const Shapes& shapes) {
    Add(shapes.name, numbers,
        kind_.op->attrs.empty() ? kNone : shapes.activation)
        .build = [kind = kind_, &numbers, &shapes](Rng* rng) {
      return Build(kind, shapes, numbers, TensorKind::kConstant, rng);
    };
  }
  void AddInputs(const std::string& name, const Numbers& numbers,
                 const std::vector<int32_t>& shape, bool timed) {
    Case& c = Add(name, numbers, kNone);
    c.build = [op = kind_.op, &numbers, shape](Rng* rng) {
      return BuildInputs(*op, numbers, shape, rng);
    };
    c.timed = timed;
  }
  void AddGradients() {
    for (const Shapes& shapes : kShapes) {
      Case& c = cases_.emplace_back();
      c.name = fmt::format("{}_gradient_{}", kind_.name, shapes.name);
      c.build = [kind = kind_, &shapes](Rng* rng) {
        return Build(kind, shapes, kind.numbers[0], TensorKind::kParameter,
                     rng);
      };
      // Sums of such numbers are no nearer to a kink than a quarter.
      c.fill = [](Rng* rng, std::span<float> values) {
        for (float& v : values)
          v = static_cast<float>(rng->Below(16)) - 7.5f + 0.25f;
      };
      c.gradient = Gradient{.tolerance = kind_.tolerance};
      if (kind_.tolerance > 0) c.gradient->step = 1.0f / 64;
    }
  }
  std::vector<Case> Take() { return std::move(cases_); }

 private:
  const Kind& kind_;
  std::vector<Case> cases_;
};

std::vector<Case> BinaryCases(const Kind& kind) {
  CaseList list(kind);
  for (const Numbers& numbers : kind.numbers) {
    for (const Shapes& shapes : kShapes) {
      const bool spread = &shapes == &kShapes[3] || &shapes == &kShapes[5];
      if (kind.all_shapes || &numbers == kind.numbers.data() || spread)
        list.AddShapes(numbers, shapes);
    }
  }
  if (!kind.divides) {
    list.AddInputs("inputs", kind.numbers[0], {3, 4}, false);
    list.AddInputs("inputs", kind.numbers[1], {3, 4}, false);
  }
  if (kind.op == &kAdd || kind.op == &kMul || kind.op == &kSub)
    list.AddInputs("inputs", kPot, {3, 4}, false);
  const bool trained = kind.op->differentiable();
  for (const Numbers& numbers : kind.numbers) {
    const bool fast = !numbers.a.empty() &&
                      std::any_of(kind.op->rows.begin(), kind.op->rows.end(),
                                  [&](const KernelRow& row) {
                                    return row.purpose == Purpose::kFast &&
                                           row.types.input == numbers.dtype;
                                  });
    const bool timed =
        kind.all_shapes ? IsFirstOfType(kind.numbers, numbers)
                        : trained && (numbers.dtype == DType::kFloat32 || fast);
    if (timed) list.AddInputs("resnet_8", numbers, {32, 32, 16}, true);
  }
  std::vector<Case> cases = list.Take();
  Case scalars;
  scalars.name = kind.name + "_i32_scalars";
  scalars.build = [kind](Rng* rng) { return BuildScalars(kind, rng); };
  scalars.tflm_fails = TflmFails(*kind.op, DType::kInt32, false, kNone);
  cases.push_back(std::move(scalars));
  if (!trained) return cases;
  Case twice;
  twice.name = kind.name + "_to_itself";
  twice.build = [kind](Rng* rng) {
    return BuildTwice(*kind.op, kind.numbers[kind.divides ? 0 : 1], rng);
  };
  cases.push_back(std::move(twice));
  CaseList gradients(kind);
  gradients.AddGradients();
  for (Case& c : gradients.Take()) cases.push_back(std::move(c));
  return cases;
}

const Kind kAddKind = {&kAdd, "add", kNumbers, true};
const Kind kMulKind = {&kMul, "mul", kNumbers, true};
const Kind kSubKind = {&kSub, "sub", kNumbers};
const Kind kDivKind = {&kDiv, "div", kQuotients, false, true, 1e-2};
const Kind kSquaredDifferenceKind = {
    &kSquaredDifference, "squared_difference", kSquares, false, false, 1e-2};
const Kind kMaximumKind = {&kMaximum, "maximum", kExtremes};
const Kind kMinimumKind = {&kMinimum, "minimum", kExtremes};
const Kind kFloorDivKind = {&kFloorDiv, "floor_div", kWithoutScales, false,
                            true};
const Kind kFloorModKind = {&kFloorMod, "floor_mod", kWithoutScales, false,
                            true};

// Rows of numbers for which the op has kernels.
std::vector<Numbers> Having(std::span<const Numbers> numbers,
                            std::initializer_list<const char*> without) {
  std::vector<Numbers> some;
  for (const Numbers& row : numbers) {
    const bool out = std::any_of(
        without.begin(), without.end(),
        [&](const char* name) { return std::string(name) == row.name; });
    if (!out) some.push_back(row);
  }
  return some;
}

// ---- Random kinds ---------------------------------------------------------

Quantization RandomOutput(const Kind& kind, DType dtype, const Quantization& a,
                          const Quantization& b, Rng* rng) {
  if (a.empty()) return {};
  if (kind.numbers.data() == kExtremes) return a;
  Quantization y = DrawQuant(rng, dtype);
  const float s1 = a.scale[0];
  const float s2 = b.scale[0];
  // Results of the usual size; quotients of few bits (see kQuotients).
  const float steps = dtype == DType::kInt16 ? 20000.0f : 80.0f;
  float scale = s1 + s2;
  if (kind.op == &kMul) scale = s1 * s2 * steps;
  if (kind.op == &kSquaredDifference) scale = (s1 + s2) * (s1 + s2) * steps;
  if (kind.op == &kDiv)
    scale = s1 / s2 / (dtype == DType::kInt16 ? 40000.0f : 150.0f);
  y.scale[0] = kind.op == &kDiv ? scale : scale * DrawScale(rng, 0.3f, 2);
  return y;
}

Graph BuildRandom(const Kind& kind, DType dtype, bool has_scales,
                  GraphBuilder* build) {
  Rng* rng = build->rng();
  const Shape whole = DrawShape(rng, Draw(rng, 0, 6), 4);
  const bool narrow = has_scales && dtype != DType::kFloat32;
  const Quantization a_quant = narrow ? DrawQuant(rng, dtype) : Quantization();
  const Quantization b_quant = kind.numbers.data() == kExtremes || !narrow
                                   ? a_quant
                                   : DrawQuant(rng, dtype);
  const TensorId a = build->Fixed("a", dtype, DrawPart(rng, whole), a_quant);
  const Shape b_shape = DrawPart(rng, whole);
  const TensorId b = kind.divides && dtype != DType::kFloat32
                         ? ConstantB(kind, build, dtype, b_shape, b_quant)
                         : build->Fixed("b", dtype, b_shape, b_quant);
  Node& node =
      build->Add(*kind.op, "y", {a, b},
                 RandomOutput(kind, dtype, a_quant, b_quant, rng), dtype);
  constexpr Activation kActivations[] = {
      kNone, activation::kRelu, activation::kRelu6, activation::kReluN1To1};
  // Not of int32, of which tflite-micro's ADD has none.
  const Activation activation =
      dtype == DType::kInt32 ? kNone : kActivations[rng->Below(4)];
  SetAttrs(activation, false, &node);
  return build->Finish();
}

std::vector<RandomKind> BinaryRandom(const Kind& kind) {
  std::vector<RandomKind> kinds;
  for (const Numbers& numbers : kind.numbers) {
    if (!IsFirstOfType(kind.numbers, numbers)) continue;
    RandomKind& random = kinds.emplace_back();
    random.name = numbers.name;
    random.build = [kind, dtype = numbers.dtype,
                    has_scales = !numbers.a.empty()](GraphBuilder* build) {
      return BuildRandom(kind, dtype, has_scales, build);
    };
    random.litert_fails = LitertFails(*kind.op, numbers.dtype);
    random.tflm_fails =
        TflmFails(*kind.op, numbers.dtype, !numbers.a.empty(), kNone);
  }
  return kinds;
}

}  // namespace

std::vector<Case> AddCases() { return BinaryCases(kAddKind); }
std::vector<Case> MulCases() { return BinaryCases(kMulKind); }
std::vector<Case> SubCases() {
  static const std::vector<Numbers> numbers =
      Having(kNumbers, {"i16", "s8_one_scale", "s16"});
  Kind kind = kSubKind;
  kind.numbers = numbers;
  return BinaryCases(kind);
}
std::vector<Case> DivCases() { return BinaryCases(kDivKind); }
std::vector<Case> SquaredDifferenceCases() {
  return BinaryCases(kSquaredDifferenceKind);
}
std::vector<Case> MaximumCases() { return BinaryCases(kMaximumKind); }
std::vector<Case> MinimumCases() { return BinaryCases(kMinimumKind); }
std::vector<Case> FloorDivCases() {
  static const std::vector<Numbers> numbers = Having(kWithoutScales, {"i64"});
  Kind kind = kFloorDivKind;
  kind.numbers = numbers;
  return BinaryCases(kind);
}
std::vector<Case> FloorModCases() { return BinaryCases(kFloorModKind); }

std::vector<RandomKind> AddRandom() { return BinaryRandom(kAddKind); }
std::vector<RandomKind> MulRandom() { return BinaryRandom(kMulKind); }
std::vector<RandomKind> SubRandom() { return BinaryRandom(kSubKind); }
std::vector<RandomKind> DivRandom() { return BinaryRandom(kDivKind); }
std::vector<RandomKind> SquaredDifferenceRandom() {
  return BinaryRandom(kSquaredDifferenceKind);
}
std::vector<RandomKind> MaximumRandom() { return BinaryRandom(kMaximumKind); }
std::vector<RandomKind> MinimumRandom() { return BinaryRandom(kMinimumKind); }
std::vector<RandomKind> FloorModRandom() { return BinaryRandom(kFloorModKind); }
std::vector<RandomKind> FloorDivRandom() {
  std::vector<RandomKind> kinds = BinaryRandom(kFloorDivKind);
  kinds.pop_back();  // int64
  return kinds;
}

}  // namespace litesmith
