// Random programs of int16 values against the reference's arithmetic, step by
// step, and the two sigmoids for all values, on every target.
#include "src/kernels/map/program16.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "src/kernels/common/random_values_test.h"
#include "src/kernels/common/simd_targets_test.h"
#include "src/kernels/dense/reference.h"

namespace litesmith {
namespace {

constexpr uint32_t kSeed = 20261127;
using Values = std::vector<int16_t>;

double Uniform(std::mt19937& rng, double lo, double hi) {
  return std::uniform_real_distribution<double>(lo, hi)(rng);
}

// What a step is made of, and its results by the reference.
struct Step {
  int kind = 0;  // 0: sum, 1: product, 2: logistic, 3: tanh, 4: dense
  int a = 0, b = 0;
  ScaledBinarySpec binary;
  float scale = 0;
  std::vector<int8_t> weights;
  Dense16Spec dense;

  bool AddTo(Program16* program) const {
    if (kind < 2) return program->AddBinary(binary, a, b);
    if (kind == 2)
      return program->AddSigmoid(Sigmoid16(kernels::Logistic16(scale)), a);
    if (kind == 3)
      return program->AddSigmoid(Sigmoid16(kernels::Tanh16(scale)), a);
    Dense16Spec spec = dense;
    spec.weights = weights.data();
    return program->AddDense(spec, a);
  }
};

Requantizer Range(std::mt19937& rng) {
  Requantizer r;
  r.lo = Pick(rng, {-32768, 0});
  r.hi = Pick(rng, {32767, 9000});
  return r;
}

Step RandomStep(std::mt19937& rng, int values, int width, int depth) {
  Step s;
  s.kind = Pick(rng, {0, 0, 1, 1, 2, 3, 4});
  s.a = std::uniform_int_distribution<int>(0, values - 1)(rng);
  s.b = std::uniform_int_distribution<int>(0, values - 1)(rng);
  s.scale = static_cast<float>(Pick(rng, {0, 1}) != 0 ? 0x1p-12
                                                      : Uniform(rng, 1e-5, 4));
  s.binary.wide = true;
  s.binary.product = s.kind == 1;
  s.binary.left = 15;
  s.binary.a = QuantizeMultiplier(Uniform(rng, 0.01, 0.5));
  s.binary.b = QuantizeMultiplier(0.5);
  s.binary.subtract = Pick(rng, {0, 1}) != 0;
  s.binary.requantizer = Range(rng);
  s.binary.requantizer.multipliers = {QuantizeMultiplier(
      s.kind == 1 ? Uniform(rng, 1e-5, 1e-3) : Uniform(rng, 0.5, 4) / 32768)};
  if (s.kind != 4) return s;
  s.a = 0;
  s.weights = Integers<int8_t>(rng, int64_t{width} * depth, -128, 127);
  s.dense.outputs = width;
  s.dense.depth = depth;
  if (Pick(rng, {0, 1}) != 0)
    s.dense.bias = Integers<int64_t>(rng, width, -2000000, 2000000);
  s.dense.requantizer = Range(rng);
  s.dense.requantizer.method = RequantMethod::kF64;
  for (int o = 0; o < width; ++o)
    s.dense.requantizer.reals.push_back(Uniform(rng, 1e-4, 1e-2));
  return s;
}

Values Wanted(const Step& s, const std::vector<Values>& of, const Values& rows,
              int count) {
  Values y(of[0].size());
  if (s.kind == 4) {
    const std::vector<int64_t> zeros(static_cast<size_t>(s.dense.outputs));
    FullyConnectedIntegerRef(
        DenseShape{s.dense.depth, s.dense.outputs}, count, rows.data(),
        s.weights.data(),
        {.wide = s.dense.bias.empty() ? zeros.data() : s.dense.bias.data()}, {},
        s.dense.requantizer, y.data());
    return y;
  }
  const kernels::Logistic16 logistic(s.scale);
  const kernels::Tanh16 tanh(s.scale);
  for (size_t i = 0; i < y.size(); ++i) {
    const int32_t a = of[static_cast<size_t>(s.a)][i];
    const int32_t b = of[static_cast<size_t>(s.b)][i];
    const Requantizer& r = s.binary.requantizer;
    const int32_t of_b = Mbqm(b * (1 << 15), s.binary.b);
    const int32_t sum =
        Mbqm(a * (1 << 15), s.binary.a) + (s.binary.subtract ? -of_b : of_b);
    y[i] = static_cast<int16_t>(s.kind == 0   ? r.Apply(sum, 0)
                                : s.kind == 1 ? r.Apply(a * b, 0)
                                : s.kind == 2 ? logistic(a)
                                              : tanh(a));
  }
  return y;
}

void CheckProgram(std::mt19937& rng) {
  const int arrays = Pick(rng, {1, 2, 5});
  const int count = Pick(rng, {1, 3});
  const int width = Pick(rng, {1, 4, 12, 16, 37});
  const int depth = Pick(rng, {1, 2, 7, 12, 64});
  std::vector<Values> wanted;
  for (int i = 0; i < arrays; ++i)
    wanted.push_back(
        Integers<int16_t>(rng, int64_t{count} * width, -32768, 32767));
  const auto rows =
      Integers<int16_t>(rng, int64_t{count} * depth, -32768, 32767);
  std::vector<Step> steps;
  std::vector<int> outputs;
  for (int i = 0; i < 12; ++i) {
    steps.push_back(RandomStep(rng, arrays + i, width, depth));
    wanted.push_back(Wanted(steps.back(), wanted, rows, count));
    if (i == 11 || Pick(rng, {0, 1}) != 0) outputs.push_back(arrays + i);
  }
  int targets = 0;
  ForEachTarget([&] {
    Program16 program(arrays);
    for (const Step& step : steps) {
      if (!step.AddTo(&program)) return;
    }
    ++targets;
    program.set_outputs(outputs);
    PackedBuffer workspace(program.workspace_bytes());
    std::vector<const int16_t*> in;
    for (int i = 0; i < arrays; ++i)
      in.push_back(wanted[static_cast<size_t>(i)].data());
    // One more, to see what is written behind the end.
    std::vector<Values> got(outputs.size(), Values(wanted[0].size() + 1, 77));
    std::vector<int16_t*> to;
    for (Values& values : got) to.push_back(values.data());
    const int16_t* row = rows.data();
    program.Run(count, width, in.data(), &row, to.data(), workspace.get());
    for (size_t i = 0; i < got.size(); ++i) {
      EXPECT_EQ(got[i].back(), 77);
      got[i].pop_back();
      EXPECT_EQ(got[i], wanted[static_cast<size_t>(outputs[i])])
          << "value " << outputs[i];
    }
  });
  EXPECT_GT(targets, 0);
}

TEST(Program16Test, EqualsTheReference) {
  std::mt19937 rng(kSeed);
  for (int i = 0; i < 200; ++i) {
    SCOPED_TRACE(i);
    CheckProgram(rng);
    if (HasFailure()) return;
  }
}

TEST(Sigmoid16Test, EqualsTheReferenceForAllValues) {
  Values x;
  for (int v = -32768; v < 32768; ++v) x.push_back(static_cast<int16_t>(v));
  for (const float scale : {0x1p-12f, 0x1p-11f, 0.00013f, 0.011f, 5.0f}) {
    const kernels::Logistic16 logistic(scale);
    const kernels::Tanh16 tanh(scale);
    int targets = 0;
    ForEachTarget([&] {
      if (!HasSigmoid16()) return;
      ++targets;
      Values y(x.size());
      RunSigmoid16(Sigmoid16(logistic), x.data(), 65535, y.data());
      for (size_t i = 0; i < 65535; ++i)
        ASSERT_EQ(y[i], logistic(x[i])) << x[i] << ", scale " << scale;
      EXPECT_EQ(y[65535], 0);
      RunSigmoid16(Sigmoid16(tanh), x.data(), 65535, y.data());
      for (size_t i = 0; i < 65535; ++i)
        ASSERT_EQ(y[i], tanh(x[i])) << x[i] << ", scale " << scale;
    });
    EXPECT_GT(targets, 0);
  }
}

}  // namespace
}  // namespace litesmith
