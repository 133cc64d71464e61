// SVDF over several calls against its formula: filters over the last inputs.
#include "src/kernels/recurrent/svdf.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "src/kernels/common/random_values_test.h"

namespace litesmith::kernels {
namespace {

constexpr int kCalls = 5;
constexpr SvdfSize kSize = {
    .batch = 2, .inputs = 4, .units = 3, .rank = 2, .memory = 3};

struct Model {
  std::vector<float> feature, time, bias;
  // [calls, batch, inputs]
  std::vector<float> x;

  // Call t's output of one unit: its filters' weights for a past input are at
  // the end those of the newest.
  double Output(int t, int b, int unit) const {
    double sum = bias[static_cast<size_t>(unit)];
    for (int f = unit * kSize.rank; f < (unit + 1) * kSize.rank; ++f) {
      for (int m = 0; m < kSize.memory; ++m) {
        const int call = t - (kSize.memory - 1 - m);
        if (call < 0) continue;
        double product = 0;
        for (int i = 0; i < kSize.inputs; ++i)
          product +=
              double{feature[static_cast<size_t>(f * kSize.inputs + i)]} *
              double{X(call)[b * kSize.inputs + i]};
        sum +=
            product * double{time[static_cast<size_t>(f * kSize.memory + m)]};
      }
    }
    return sum;
  }
  const float* X(int call) const {
    return x.data() + call * kSize.batch * kSize.inputs;
  }
};

Model RandomModel() {
  std::mt19937 rng(20261126);
  return {Reals(rng, kSize.filters() * kSize.inputs),
          Reals(rng, kSize.filters() * kSize.memory), Reals(rng, kSize.units),
          Reals(rng, int64_t{kCalls} * kSize.batch * kSize.inputs)};
}

TEST(SvdfTest, FloatsAreTheFormula) {
  const Model model = RandomModel();
  SvdfF32 svdf;
  svdf.size = kSize;
  ProductsSpec spec;
  spec.depth = kSize.inputs;
  const Product feature[] = {{model.feature.data(), nullptr, kSize.filters()}};
  svdf.feature = Products(spec, feature, true);
  svdf.time = model.time;
  svdf.bias = model.bias;
  PackedBuffer workspace(WorkspaceBytes(svdf));
  std::vector<float> state(
      static_cast<size_t>(kSize.batch * kSize.filters() * kSize.memory));
  std::vector<float> y(static_cast<size_t>(kSize.batch * kSize.units));
  for (int t = 0; t < kCalls; ++t) {
    kernels::Run(svdf, model.X(t), state.data(), y.data(), workspace.get());
    for (int b = 0; b < kSize.batch; ++b) {
      for (int u = 0; u < kSize.units; ++u)
        ASSERT_NEAR(y[static_cast<size_t>(b * kSize.units + u)],
                    model.Output(t, b, u), 1e-5);
    }
  }
}

// States of int16 and of int8, the latter with a zero point.
template <class State>
void ExpectNearTheFormula(float state_step, int32_t state_zero,
                          double tolerance) {
  const Model model = RandomModel();
  constexpr float kStep = 1.0f / 127;
  constexpr float kOutput = 1.0f / 32;
  const auto quantized = [](const std::vector<float>& values, auto one,
                            float step) {
    std::vector<decltype(one)> q;
    for (const float v : values)
      q.push_back(static_cast<decltype(one)>(std::lround(v / step)));
    return q;
  };
  const auto weights = quantized(model.feature, int8_t{}, kStep);
  SvdfS8 svdf;
  svdf.size = kSize;
  ProductsSpec spec;
  spec.kind = LayerKind::kS8S8;
  spec.depth = kSize.inputs;
  const Product feature[] = {{weights.data(), nullptr, kSize.filters()}};
  svdf.feature = Products(spec, feature, true);
  svdf.time = quantized(model.time, int16_t{}, kStep);
  svdf.bias = quantized(model.bias, int32_t{}, state_step * kStep);
  svdf.state_zero = state_zero;
  svdf.output_zero = -9;
  svdf.to_state =
      QuantizeMultiplier(double{kStep} * double{kStep} / double{state_step});
  svdf.to_output =
      QuantizeMultiplier(double{state_step} * double{kStep} / double{kOutput});
  PackedBuffer workspace(WorkspaceBytes(svdf));
  std::vector<State> state(
      static_cast<size_t>(kSize.batch * kSize.filters() * kSize.memory),
      static_cast<State>(state_zero));
  std::vector<int8_t> y(static_cast<size_t>(kSize.batch * kSize.units));
  const auto x = quantized(model.x, int8_t{}, kStep);
  for (int t = 0; t < kCalls; ++t) {
    Run(svdf, x.data() + t * kSize.batch * kSize.inputs, state.data(), y.data(),
        workspace.get());
    for (int b = 0; b < kSize.batch; ++b) {
      for (int u = 0; u < kSize.units; ++u)
        ASSERT_NEAR((y[static_cast<size_t>(b * kSize.units + u)] + 9) * kOutput,
                    model.Output(t, b, u), tolerance);
    }
  }
}

TEST(SvdfTest, IntegersAreNearTheFormula) {
  ExpectNearTheFormula<int16_t>(0x1p-12f, 0, 0.06);
  ExpectNearTheFormula<int8_t>(0x1p-5f, 11, 0.2);
}

}  // namespace
}  // namespace litesmith::kernels
