// LITESMITH_FAKE_QUANT: 8, 4 and 16 bits, narrow and full range, one range or
// one a channel, on activations and on weights.
#include <fmt/core.h>

#include "src/ops/pool/pool_2d.h"
#include "src/ops/registry.h"
#include "src/ops/train/train.h"
#include "tests/conformance/case.h"
#include "tests/conformance/fill.h"
#include "tests/conformance/graph_builder.h"

namespace litesmith {
namespace {

struct Row {
  const char* name;
  int bits;
  bool narrow;
  float min, max;
};

constexpr Row kRows[] = {
    {"8_bits", 8, false, -0.7f, 0.6f},
    {"8_bits_narrow", 8, true, -0.63f, 0.63f},
    {"8_bits_from_zero", 8, false, 0.0f, 0.8f},
    {"8_bits_to_zero", 8, false, -0.9f, 0.0f},
    {"8_bits_no_width", 8, false, 0.0f, 0.0f},
    {"4_bits", 4, false, -0.7f, 0.6f},
    {"16_bits", 16, false, -0.7f, 0.6f},
};

// Exact steps; no integer is nearer to an end of the range than 0.4.
constexpr Row kGrids[] = {
    {"gradient_8_bits", 8, false, -8.5f, 7.4375f},
    {"gradient_8_bits_narrow", 8, true, -127 * 13.0f / 256, 127 * 13.0f / 256},
};

float Step(const Row& row) {
  return (row.max - row.min) / (row.narrow ? 254.0f : 255.0f);
}

Node& AddFakeQuant(const Row& row, TensorId x, int channels,
                   GraphBuilder* build) {
  std::vector<float> min, max;
  for (int c = 0; c < channels; ++c) {
    // Powers of two apart: exact steps stay exact.
    const auto by = static_cast<float>(1 << c % 2);
    min.push_back(row.min * by);
    max.push_back(row.max * by);
  }
  const auto state = [&](const char* name, const std::vector<float>& values) {
    return build->Values<float>(name, {channels}, values, {},
                                TensorKind::kState);
  };
  Node& node =
      build->Add(kFakeQuant, "y", {x, state("min", min), state("max", max)});
  node.Set<&FakeQuantAttrs::bits>(row.bits);
  node.Set<&FakeQuantAttrs::narrow_range>(row.narrow);
  return node;
}

Graph BuildActivation(const Row& row, int elements, Rng* rng) {
  GraphBuilder build(rng);
  const TensorId x = build.Input("x", DType::kFloat32, {elements});
  AddFakeQuant(row, x, 1, &build);
  return build.Finish();
}

// An activation and a pool behind it.
Graph BuildPooled(const Row& row, Rng* rng) {
  GraphBuilder build(rng);
  const TensorId x = build.Input("x", DType::kFloat32, {6, 7, 5});
  AddFakeQuant(row, x, 1, &build);
  Node& pool = build.Add(kMaxPool2D, "z", {build.last()});
  pool.Set<&Pool2DAttrs::filter_h>(2);
  pool.Set<&Pool2DAttrs::filter_w>(2);
  pool.Set<&Pool2DAttrs::stride_h>(2);
  pool.Set<&Pool2DAttrs::stride_w>(2);
  return build.Finish();
}

// Weights of a dense layer: integers, or any.
Graph BuildWeights(const Row& row, bool per_axis, bool grid, Rng* rng) {
  constexpr int kOutputs = 6;
  constexpr int kDepth = 11;
  GraphBuilder build(rng);
  const TensorId x = build.Input("x", DType::kFloat32, {kDepth});
  const Shape shape = {kOutputs, kDepth};
  const TensorId w = grid ? build.Grid("w", shape, 12)
                          : build.Random("w", DType::kFloat32, shape, {},
                                         TensorKind::kParameter);
  AddFakeQuant(row, w, per_axis ? kOutputs : 1, &build);
  build.Add(kFullyConnected, "z", {x, build.last()});
  return build.Finish();
}

}  // namespace

std::vector<Case> FakeQuantCases() {
  std::vector<Case> cases;
  const auto add = [&](const std::string& name,
                       std::function<Graph(Rng*)> build) -> Case& {
    cases.emplace_back();
    cases.back().name = "fake_quant_" + name;
    cases.back().build = std::move(build);
    return cases.back();
  };
  for (const Row& row : kRows) {
    add(row.name, [&row](Rng* rng) { return BuildActivation(row, 67, rng); });
    add(fmt::format("{}_pooled", row.name),
        [&row](Rng* rng) { return BuildPooled(row, rng); });
    for (const bool per_axis : {false, true}) {
      add(fmt::format("weights_{}{}", row.name, per_axis ? "_per_axis" : ""),
          [&row, per_axis](Rng* rng) {
            return BuildWeights(row, per_axis, false, rng);
          });
    }
  }
  // What the dense layer of mnist-cnn reads.
  add("mnist_cnn", [](Rng* rng) {
    return BuildActivation(kRows[0], 2028, rng);
  }).timed = true;
  // A step as large as the grid's: the staircase moves along itself, so its
  // central difference is the slope of its middle line, 1, or 0 outside.
  for (const Row& row : kGrids) {
    Case& c = add(row.name,
                  [&row](Rng* rng) { return BuildActivation(row, 67, rng); });
    c.fill = GridFill(12);
    c.gradient = Gradient{.step = Step(row)};
    for (const bool per_axis : {false, true}) {
      // Channels have steps one or two of these long.
      const float step = per_axis ? 2 * Step(row) : Step(row);
      Case& of_weights = add(
          fmt::format("{}_weights{}", row.name, per_axis ? "_per_axis" : ""),
          [&row, per_axis](Rng* rng) {
            return BuildWeights(row, per_axis, true, rng);
          });
      of_weights.fill = GridFill(2);
      of_weights.gradient = Gradient{.step = step};
    }
  }
  return cases;
}

}  // namespace litesmith
