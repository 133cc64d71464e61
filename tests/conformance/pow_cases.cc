// POW: of numbers whose powers are real and fit their type, with one exponent
// for all, which is a way of its own, and with many.
#include <fmt/core.h>

#include "src/ops/registry.h"
#include "tests/conformance/case.h"
#include "tests/conformance/graph_builder.h"
#include "tests/conformance/random.h"

namespace litesmith {
namespace {

// Integers of [-4, 5] to the powers 0 to 6: as they are drawn both would leave
// 32 bits, where the reference goes by double.
Graph BuildPowers(Rng* rng) {
  GraphBuilder build(rng);
  const TensorId x = build.Input("x", DType::kInt32, {2, 7});
  const TensorId low = build.Values<int32_t>("low", {1}, {-4});
  build.Add(kMaximum, "above", {x, low}, {}, DType::kInt32);
  const TensorId high = build.Values<int32_t>("high", {1}, {5});
  build.Add(kMinimum, "base", {build.last(), high}, {}, DType::kInt32);
  const TensorId base = build.last();
  const TensorId powers =
      build.Values<int32_t>("powers", {7}, {0, 1, 2, 3, 4, 5, 6});
  build.Add(kPow, "y", {base, powers}, {}, DType::kInt32);
  return build.Finish();
}

Graph BuildPower(DType dtype, float exponent, Rng* rng) {
  GraphBuilder build(rng);
  const TensorId x = build.Input("x", dtype, {3, 5});
  const TensorId power =
      dtype == DType::kFloat32
          ? build.Values<float>("power", {1}, {exponent})
          : build.Values<int32_t>("power", {1},
                                  {static_cast<int32_t>(exponent)});
  build.Add(kPow, "y", {x, power}, {}, dtype);
  return build.Finish();
}

Graph BuildFloatPowers(Rng* rng) {
  GraphBuilder build(rng);
  const TensorId x = build.Input("x", DType::kFloat32, {3, 5});
  const TensorId powers = build.Random("powers", DType::kFloat32, {3, 1});
  build.Add(kPow, "y", {x, powers});
  return build.Finish();
}

// Bases from which no power is imaginary or leaves 32 bits.
Graph BuildRandomPowers(DType dtype, GraphBuilder* build) {
  Rng* rng = build->rng();
  const bool of_floats = dtype == DType::kFloat32;
  const Shape whole = DrawShape(rng, Draw(rng, 1, 5), 4);
  const auto number = [&](const char* name, float value) {
    return of_floats ? build->Values<float>(name, {1}, {value})
                     : build->Values<int32_t>(name, {1},
                                              {static_cast<int32_t>(value)});
  };
  const TensorId x = build->Fixed("x", dtype, DrawPart(rng, whole));
  build->Add(kMaximum, "above", {x, number("low", of_floats ? 0.1f : -4)}, {},
             dtype);
  build->Add(kMinimum, "base", {build->last(), number("high", 5)}, {}, dtype);
  const TensorId base = build->last();
  const Shape shape = Coin(rng) ? Shape{1} : DrawPart(rng, whole);
  std::vector<int32_t> powers(static_cast<size_t>(shape.NumElements()));
  for (int32_t& power : powers) power = Draw(rng, 0, 6);
  const TensorId exponents =
      !of_floats  ? build->Values<int32_t>("powers", shape, powers)
      : Coin(rng) ? build->Random("powers", dtype, shape)
                  : build->Values<float>(
                        "powers", shape,
                        std::vector<float>(powers.begin(), powers.end()));
  build->Add(kPow, "y", {base, exponents}, {}, dtype);
  return build->Finish();
}

}  // namespace

std::vector<Case> PowCases() {
  std::vector<Case> cases;
  const auto add = [&](const std::string& name,
                       const std::function<Graph(Rng*)>& build) {
    Case& c = cases.emplace_back();
    c.name = "pow_" + name;
    c.build = build;
    // Bases from which no power is imaginary.
    c.fill = [](Rng* rng, std::span<float> values) {
      for (float& v : values) v = rng->Uniform(0.1f, 2);
    };
    c.tflm_fails = "it has no POW";
  };
  add("f32_powers", BuildFloatPowers);
  add("i32_powers", BuildPowers);
  for (const float exponent : {0.0f, 1.0f, 2.0f, 5.0f, -2.0f, 0.5f}) {
    const std::string text = exponent < 0       ? "minus_2"
                             : exponent == 0.5f ? "half"
                                                : fmt::format("{}", exponent);
    add("f32_to_" + text, [exponent](Rng* rng) {
      return BuildPower(DType::kFloat32, exponent, rng);
    });
    if (exponent < 1 || exponent == 0.5f) continue;
    add("i32_to_" + text, [exponent](Rng* rng) {
      return BuildPower(DType::kInt32, exponent, rng);
    });
  }
  for (const bool timed : {false, true}) {
    add(timed ? "resnet_8" : "gradient", [timed](Rng* rng) {
      GraphBuilder build(rng);
      const std::vector<int32_t> shape =
          timed ? std::vector<int32_t>{32, 32, 16} : std::vector<int32_t>{3, 5};
      const TensorId x = build.Input("x", DType::kFloat32, shape);
      const TensorId powers = build.Input("powers", DType::kFloat32, shape);
      build.Add(kPow, "y", {x, powers});
      return build.Finish();
    });
    cases.back().timed = timed;
    if (timed) continue;
    cases.back().fill = [](Rng* rng, std::span<float> values) {
      for (float& v : values) v = rng->Uniform(0.5f, 2);
    };
    cases.back().gradient = Gradient{.step = 1.0f / 64, .tolerance = 5e-3};
  }
  return cases;
}

std::vector<RandomKind> PowRandom() {
  std::vector<RandomKind> kinds;
  for (const DType dtype : {DType::kFloat32, DType::kInt32}) {
    kinds.push_back({Name(dtype),
                     [dtype](GraphBuilder* build) {
                       return BuildRandomPowers(dtype, build);
                     },
                     "", "it has no POW"});
  }
  return kinds;
}
}  // namespace litesmith
