// PRELU: every type over alphas of several shapes, constant and
// computed, and gradients.
#include <fmt/core.h>

#include "src/ops/registry.h"
#include "tests/conformance/case.h"
#include "tests/conformance/graph_builder.h"
#include "tests/conformance/random.h"
#include "tests/conformance/unary.h"

namespace litesmith {
namespace {

struct Numbers {
  const char* name;
  DType dtype;
  DType alpha_dtype;
  Quantization x = {};
  Quantization alpha = {};
  Quantization y = {};
};

const Numbers kNumbers[] = {
    {"f32", DType::kFloat32, DType::kFloat32},
    {"s8", DType::kInt8, DType::kInt8, PerTensor(0.07f, -3),
     PerTensor(0.004f, 40), PerTensor(0.05f, -100)},
    {"s8_finer", DType::kInt8, DType::kInt8, PerTensor(0.3f, 100),
     PerTensor(0.1f, -20), PerTensor(0.02f, 9)},
    {"u8", DType::kUInt8, DType::kUInt8, PerTensor(0.07f, 117),
     PerTensor(0.004f, 100), PerTensor(0.06f, 20)},
    {"s16", DType::kInt16, DType::kInt8, PerTensor(0.0004f),
     PerTensor(0.004f, 5), PerTensor(0.0003f)},
};

// An input's shape without its batch, alpha's whole.
struct Shapes {
  const char* name;
  std::vector<int32_t> x;
  std::vector<int32_t> alpha;
};

const Shapes kShapes[] = {
    {"channels", {4, 5, 3}, {1, 1, 3}},
    {"elements", {4, 5, 3}, {4, 5, 3}},
    {"rows", {4, 5, 3}, {4, 1, 1}},
    {"one", {7}, {1}},
};

Graph Build(const Numbers& numbers, const Shapes& shapes, Rng* rng) {
  GraphBuilder build(rng);
  const TensorId x = build.Input("x", numbers.dtype, shapes.x, numbers.x);
  const TensorId alpha = build.Random("alpha", numbers.alpha_dtype,
                                      Shape(shapes.alpha), numbers.alpha);
  build.Add(kPrelu, "y", {x, alpha}, numbers.y, numbers.dtype);
  return build.Finish();
}

Graph BuildInputs(const Numbers& numbers, Rng* rng) {
  GraphBuilder build(rng);
  const TensorId x = build.Input("x", numbers.dtype, {4, 6}, numbers.x);
  const TensorId alpha =
      build.Input("alpha", numbers.alpha_dtype, {1, 6}, numbers.alpha);
  build.Add(kPrelu, "y", {x, alpha}, numbers.y, numbers.dtype);
  return build.Finish();
}

std::string TflmFails(const Numbers& numbers) {
  return numbers.dtype == DType::kUInt8 ? "its PRELU has no uint8" : "";
}

Graph DrawPrelu(const Numbers& numbers, GraphBuilder* build) {
  Rng* rng = build->rng();
  const Shape shape = DrawShape(rng, Draw(rng, 1, 4));
  std::vector<int32_t> part = shape.ToVector();
  for (int32_t& dim : part) {
    if (Coin(rng)) dim = 1;
  }
  part.erase(part.begin(), part.begin() + Draw(rng, 0, shape.rank() - 1));
  const TensorId x =
      build->Fixed("x", numbers.dtype, shape, DrawQuant(rng, numbers.dtype));
  const TensorId alpha =
      build->Random("alpha", numbers.alpha_dtype, Shape(part),
                    DrawQuant(rng, numbers.alpha_dtype, 0.001f, 0.02f));
  build->Add(kPrelu, "y", {x, alpha}, DrawQuant(rng, numbers.dtype),
             numbers.dtype);
  return build->Finish();
}

}  // namespace

std::vector<Case> PreluCases() {
  std::vector<Case> cases;
  for (const Numbers& numbers : kNumbers) {
    for (const Shapes& shapes : kShapes) {
      Case c;
      c.name = fmt::format("prelu_{}_{}", numbers.name, shapes.name);
      c.build = [&](Rng* rng) { return Build(numbers, shapes, rng); };
      c.tflm_fails = TflmFails(numbers);
      cases.push_back(std::move(c));
    }
  }
  Case timed;
  timed.name = "prelu_f32_resnet_8";
  timed.build = [](Rng* rng) {
    return Build(kNumbers[0], {"", {32, 32, 16}, {1, 1, 16}}, rng);
  };
  timed.timed = true;
  cases.push_back(std::move(timed));
  for (const Shapes& shapes : kShapes) {
    Case c;
    c.name = fmt::format("prelu_gradient_{}", shapes.name);
    c.build = [&](Rng* rng) {
      GraphBuilder build(rng);
      const TensorId x = build.Input("x", DType::kFloat32, shapes.x);
      const TensorId alpha = build.Grid("alpha", Shape(shapes.alpha), 4);
      build.Add(kPrelu, "y", {x, alpha});
      return build.Finish();
    };
    c.fill = unary::FillBesideKinks;
    c.gradient = Gradient{};
    cases.push_back(std::move(c));
  }
  Case inputs;
  inputs.name = "prelu_s8_inputs";
  inputs.build = [](Rng* rng) { return BuildInputs(kNumbers[1], rng); };
  cases.push_back(std::move(inputs));
  return cases;
}

std::vector<RandomKind> PreluRandom() {
  std::vector<RandomKind> kinds;
  for (const Numbers& numbers : kNumbers) {
    if (!IsFirstOfType(kNumbers, numbers)) continue;
    kinds.push_back(
        {numbers.name,
         [&](GraphBuilder* build) { return DrawPrelu(numbers, build); }, "",
         TflmFails(numbers)});
  }
  return kinds;
}

}  // namespace litesmith
