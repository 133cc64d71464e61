// The binary ops: every type over shapes that broadcast, activations, scales
// that are powers of two, and gradients.
#include <fmt/core.h>

#include "src/ops/map/binary.h"
#include "src/ops/registry.h"
#include "tests/conformance/case.h"
#include "tests/conformance/fill.h"
#include "tests/conformance/graph_builder.h"

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

void SetAttrs(Activation activation, bool pot, Node* node) {
  if (node->op == &kAdd) {
    Put(AddAttrs{activation, pot}, node);
  } else {
    Put(MulAttrs{activation}, node);
  }
}

Graph Build(const OpDef& op, const Shapes& shapes, const Numbers& numbers,
            TensorKind kind, Rng* rng) {
  GraphBuilder build(rng);
  const TensorId a = build.Input("a", numbers.dtype, shapes.a, numbers.a);
  const TensorId b =
      kind == TensorKind::kParameter
          ? build.Grid("b", Shape(shapes.b), 4)
          : build.Random("b", numbers.dtype, Shape(shapes.b), numbers.b);
  Node& node = build.Add(op, "y", {a, b}, numbers.y, numbers.dtype);
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

std::string TflmFails(const OpDef& op, const Numbers& numbers,
                      Activation activation) {
  switch (numbers.dtype) {
    case DType::kInt32:
      return activation == kNone || &op != &kAdd
                 ? ""
                 : fmt::format("its int32 {} has no activation", op.name);
    case DType::kUInt8:
      return fmt::format("its {} has no uint8", op.name);
    case DType::kInt64:
      return fmt::format("its {} has no int64", op.name);
    case DType::kInt16:
      return numbers.a.empty() ? "it wants scales of int16" : "";
    default:
      return "";
  }
}

std::vector<Case> BinaryCases(const OpDef& op, const std::string& name) {
  std::vector<Case> cases;
  for (const Numbers& numbers : kNumbers) {
    for (const Shapes& shapes : kShapes) {
      Case c;
      c.name = fmt::format("{}_{}_{}", name, numbers.name, shapes.name);
      c.build = [&](Rng* rng) {
        return Build(op, shapes, numbers, TensorKind::kConstant, rng);
      };
      c.tflm_fails = TflmFails(op, numbers, shapes.activation);
      cases.push_back(std::move(c));
    }
  }
  for (const Numbers* numbers : {&kNumbers[0], &kNumbers[1], &kPot}) {
    Case c;
    c.name = fmt::format("{}_{}_inputs", name, numbers->name);
    c.build = [&, numbers](Rng* rng) {
      return BuildInputs(op, *numbers, {3, 4}, rng);
    };
    cases.push_back(std::move(c));
  }
  for (const Numbers& numbers : kNumbers) {
    if (!IsFirstOfType(kNumbers, numbers)) continue;
    Case c;
    c.name = fmt::format("{}_{}_resnet_8", name, numbers.name);
    c.build = [&](Rng* rng) {
      return BuildInputs(op, numbers, {32, 32, 16}, rng);
    };
    c.tflm_fails = TflmFails(op, numbers, kNone);
    c.timed = true;
    cases.push_back(std::move(c));
  }
  Case twice;
  twice.name = name + "_to_itself";
  twice.build = [&](Rng* rng) { return BuildTwice(op, kNumbers[1], rng); };
  cases.push_back(std::move(twice));
  for (const Shapes& shapes : kShapes) {
    Case c;
    c.name = fmt::format("{}_gradient_{}", name, shapes.name);
    c.build = [&](Rng* rng) {
      return Build(op, shapes, kNumbers[0], TensorKind::kParameter, rng);
    };
    // Sums of such numbers are no nearer to a kink than a quarter.
    c.fill = [](Rng* rng, std::span<float> values) {
      for (float& v : values)
        v = static_cast<float>(rng->Below(16)) - 7.5f + 0.25f;
    };
    c.gradient = Gradient{};
    cases.push_back(std::move(c));
  }
  return cases;
}

}  // namespace

std::vector<Case> AddCases() { return BinaryCases(kAdd, "add"); }
std::vector<Case> MulCases() { return BinaryCases(kMul, "mul"); }

}  // namespace litesmith
