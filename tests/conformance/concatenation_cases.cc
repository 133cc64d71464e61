// CONCATENATION: every type along every axis, uint8 of other scales, and
// gradients.
#include <fmt/core.h>

#include "src/ops/move/move.h"
#include "src/ops/registry.h"
#include "tests/conformance/case.h"
#include "tests/conformance/fill.h"
#include "tests/conformance/graph_builder.h"

namespace litesmith {
namespace {

// Of the inputs in turn, over and over, and of the output.
struct Numbers {
  const char* name;
  DType dtype;
  std::vector<Quantization> x;
  Quantization y;
};

const Numbers kNumbers[] = {
    {"f32", DType::kFloat32, {{}}, {}},
    {"s8", DType::kInt8, {PerTensor(0.07f, -3)}, PerTensor(0.07f, -3)},
    {"u8", DType::kUInt8, {PerTensor(0.07f, 125)}, PerTensor(0.07f, 125)},
    {"u8_rescaled",
     DType::kUInt8,
     {PerTensor(0.07f, 125), PerTensor(0.02f, 3), PerTensor(0.11f, 255)},
     PerTensor(0.07f, 125)},
    {"u8_saturated",
     DType::kUInt8,
     {PerTensor(0.5f, 0), PerTensor(0.125f, 200)},
     PerTensor(0.25f, 30)},
    {"s16", DType::kInt16, {PerTensor(0.0007f)}, PerTensor(0.0007f)},
    {"s16_other_scales",
     DType::kInt16,
     {PerTensor(0.0007f), PerTensor(0.0002f)},
     PerTensor(0.0009f)},
    {"i32", DType::kInt32, {{}}, {}},
    {"i64", DType::kInt64, {{}}, {}},
    {"bool", DType::kBool, {{}}, {}},
};

struct Row {
  const char* name;
  std::vector<std::vector<int32_t>> x;  // without the batch
  int axis;
};

const Row kRows[] = {
    {"channels", {{4, 5, 3}, {4, 5, 1}, {4, 5, 6}}, 3},
    {"last", {{4, 5, 3}, {4, 5, 2}}, -1},
    {"rows", {{2, 5, 3}, {3, 5, 3}}, 1},
    {"columns", {{2, 5, 3}, {2, 1, 3}, {2, 4, 3}}, -2},
    {"vectors", {{7}, {2}, {1}, {5}, {3}, {9}}, 1},
    {"one", {{3, 4}}, 2},
    {"rank_6", {{2, 1, 3, 2, 2}, {2, 1, 4, 2, 2}}, 3},
};

// Two branches of ResNet-8's size.
const Row kTimed = {"resnet_8", {{16, 16, 32}, {16, 16, 32}}, 3};

Graph Build(const Row& row, const Numbers& numbers, Rng* rng) {
  GraphBuilder build(rng);
  std::vector<TensorId> inputs;
  for (size_t i = 0; i < row.x.size(); ++i) {
    inputs.push_back(build.Input(fmt::format("x{}", i), numbers.dtype, row.x[i],
                                 numbers.x[i % numbers.x.size()]));
  }
  build.Add(kConcatenation, "y", inputs, numbers.y, numbers.dtype)
      .Set<&ConcatenationAttrs::axis>(row.axis);
  return build.Finish();
}

// One tensor twice, beside another.
Graph BuildTwice(const Numbers& numbers, Rng* rng) {
  GraphBuilder build(rng);
  const TensorId a = build.Input("a", numbers.dtype, {3, 4}, numbers.x[0]);
  const TensorId b = build.Input("b", numbers.dtype, {3, 1}, numbers.x[0]);
  build.Add(kConcatenation, "y", {a, b, a}, numbers.y, numbers.dtype)
      .Set<&ConcatenationAttrs::axis>(2);
  return build.Finish();
}

}  // namespace

std::vector<Case> ConcatenationCases() {
  std::vector<Case> cases;
  const auto add = [&](const Row& row, const Numbers& numbers, bool timed) {
    Case c;
    c.name = fmt::format("concatenation_{}_{}", numbers.name, row.name);
    c.build = [&](Rng* rng) { return Build(row, numbers, rng); };
    if (numbers.dtype == DType::kUInt8)
      c.tflm_fails = "its CONCATENATION has no uint8";
    c.timed = timed;
    cases.push_back(std::move(c));
  };
  for (const Numbers& numbers : kNumbers) {
    for (const Row& row : kRows) add(row, numbers, false);
    if (IsFirstOfType(kNumbers, numbers)) add(kTimed, numbers, true);
  }
  for (const Numbers* numbers : {&kNumbers[0], &kNumbers[1]}) {
    Case twice;
    twice.name = fmt::format("concatenation_{}_to_itself", numbers->name);
    twice.build = [numbers](Rng* rng) { return BuildTwice(*numbers, rng); };
    cases.push_back(std::move(twice));
  }
  for (const Row& row : kRows) {
    Case c;
    c.name = fmt::format("concatenation_gradient_{}", row.name);
    c.build = [&](Rng* rng) { return Build(row, kNumbers[0], rng); };
    c.fill = GridFill(4);
    c.gradient = Gradient{};
    cases.push_back(std::move(c));
  }
  return cases;
}

}  // namespace litesmith
