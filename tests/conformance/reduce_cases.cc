// The reductions: every type over axes of all kinds, kept and dropped, and
// gradients.
#include <fmt/core.h>

#include "src/ops/reduce/reduce.h"
#include "src/ops/registry.h"
#include "tests/conformance/case.h"
#include "tests/conformance/fill.h"
#include "tests/conformance/graph_builder.h"

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

std::vector<Case> ReduceCases(const OpDef& op, const std::string& name,
                              const Gradient& gradient) {
  std::vector<Case> cases;
  const auto add = [&](const Row& row, const Numbers& numbers,
                       bool keep) -> Case& {
    Case& c = cases.emplace_back();
    c.name = fmt::format("{}_{}_{}{}", name, numbers.name, row.name,
                         keep ? "_kept" : "");
    c.build = [&, keep](Rng* rng) {
      return Build(op, row, numbers, keep, rng);
    };
    if (numbers.dtype == DType::kUInt8 || numbers.dtype == DType::kInt32 ||
        numbers.dtype == DType::kInt64) {
      c.tflm_fails =
          fmt::format("its {} has no {}", op.name, Name(numbers.dtype));
    }
    return c;
  };
  for (const Numbers& numbers : kNumbers) {
    for (const Row& row : kRows) {
      for (const bool keep : {false, true}) add(row, numbers, keep);
    }
    if (IsFirstOfType(kNumbers, numbers))
      add(kTimed, numbers, false).timed = true;
  }
  for (const Row& row : kRows) {
    Case c;
    c.name = fmt::format("{}_gradient_{}", name, row.name);
    c.build = [&](Rng* rng) {
      return Build(op, row, kNumbers[0], row.axes.size() == 1, rng);
    };
    c.fill = GridFill(4);
    c.gradient = gradient;
    cases.push_back(std::move(c));
  }
  return cases;
}

}  // namespace

std::vector<Case> MeanCases() {
  return ReduceCases(kMean, "mean", {.tolerance = 1e-3});
}

}  // namespace litesmith
