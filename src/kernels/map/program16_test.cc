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
  // 0: sum, 1: product, 2: logistic, 3: tanh, 4: dense, 5: dense of a value
  int kind = 0;
  int a = 0, b = 0;
  ScaledBinarySpec binary;
  float scale = 0;
  std::vector<int8_t> weights;
  Dense16Spec dense;

  int AddTo(Program16* program, const std::vector<int>& values,
            const Program16Rows& rows) const {
    const int of_a = values[static_cast<size_t>(a)];
    if (kind < 2)
      return program->AddBinary(binary, of_a, values[static_cast<size_t>(b)]);
    if (kind == 2)
      return program->AddSigmoid(Sigmoid16(kernels::Logistic16(scale)), of_a);
    if (kind == 3)
      return program->AddSigmoid(Sigmoid16(kernels::Tanh16(scale)), of_a);
    Dense16Spec spec = dense;
    spec.weights = weights.data();
    return kind == 4 ? program->AddDense(spec, rows)
                     : program->AddDense(spec, of_a);
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
  s.kind = Pick(rng, {0, 0, 1, 1, 2, 3, 4, 5});
  s.a = std::uniform_int_distribution<int>(0, values - 1)(rng);
  s.b = std::uniform_int_distribution<int>(0, values - 1)(rng);
  s.scale = static_cast<float>(Pick(rng, {0, 1}) != 0 ? 0x1p-12
                                                      : Uniform(rng, 1e-5, 4));
  s.binary.wide = true;
  s.binary.product = s.kind == 1;
  s.binary.left = 15;
  // What has 15 bits of its multiplier's upper half, and what has more.
  s.binary.a = QuantizeMultiplier(Pick(rng, {0, 0, 0, 0, 0, 0, 0, 1}) != 0
                                      ? 0.499999
                                      : Uniform(rng, 0.01, 0.5));
  s.binary.b = QuantizeMultiplier(0.5);
  s.binary.subtract = Pick(rng, {0, 1}) != 0;
  s.binary.requantizer = Range(rng);
  s.binary.requantizer.multipliers = {QuantizeMultiplier(
      s.kind == 1 ? Uniform(rng, 1e-5, 1e-3) : Uniform(rng, 0.5, 4) / 32768)};
  if (s.kind < 4) return s;
  if (s.kind == 5) depth = width;
  s.weights = Integers<int8_t>(rng, int64_t{width} * depth, -128, 127);
  s.dense.outputs = width;
  s.dense.depth = depth;
  if (Pick(rng, {0, 1}) != 0)
    s.dense.bias = Integers<int64_t>(rng, width, -2000000, 2000000);
  s.dense.requantizer = Range(rng);
  s.dense.requantizer.method = RequantMethod::kF64;
  for (int o = 0; o < width; ++o)
    s.dense.requantizer.reals.push_back(
        Pick(rng, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}) != 0
            ? 0x1p-8  // halves
            : Uniform(rng, 1e-4, 1e-2));
  return s;
}

Values Wanted(const Step& s, const std::vector<Values>& of, const Values& rows,
              int count) {
  Values y(of[0].size());
  if (s.kind >= 4) {
    const std::vector<int64_t> zeros(static_cast<size_t>(s.dense.outputs));
    const Values& x = s.kind == 4 ? rows : of[static_cast<size_t>(s.a)];
    FullyConnectedIntegerRef(
        DenseShape{s.dense.depth, s.dense.outputs}, count, x.data(),
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

// Rows of an array as they lie in a stack of `parts` of them: number `part`.
Program16Rows RowsIn(int array, int64_t width, int part, int parts) {
  return {.array = array, .first = part * width, .stride = parts * width};
}
Values Stacked(const Values& rows, int64_t width, int part, int parts) {
  Values stack(rows.size() * static_cast<size_t>(parts), 99);
  for (size_t i = 0; i < rows.size(); ++i) {
    const auto row = static_cast<int64_t>(i) / width;
    stack[static_cast<size_t>((row * parts + part) * width +
                              static_cast<int64_t>(i) % width)] = rows[i];
  }
  return stack;
}

struct Size {
  int count, width, depth;
};

// `steps` on `inputs` arrays, the first values in `wanted`; of three parts of a
// stack each.
void CheckOnTargets(const Size& size, const std::vector<Step>& steps,
                    const std::vector<Values>& wanted, const Values& rows,
                    const std::vector<int>& outputs) {
  constexpr int kParts = 3;
  const size_t arrays = wanted.size() - steps.size();
  std::vector<Values> stacks;
  for (size_t i = 0; i < arrays; ++i)
    stacks.push_back(Stacked(wanted[i], size.width, 1, kParts));
  stacks.push_back(Stacked(rows, size.depth, 2, kParts));
  std::vector<const int16_t*> in;
  for (const Values& stack : stacks) in.push_back(stack.data());
  int targets = 0;
  ForEachTarget([&] {
    Program16 program;
    std::vector<int> values;
    for (size_t i = 0; i < arrays; ++i) {
      values.push_back(
          program.AddLoad(RowsIn(static_cast<int>(i), size.width, 1, kParts)));
      if (values.back() < 0) return;
    }
    for (const Step& step : steps) {
      values.push_back(
          step.AddTo(&program, values,
                     RowsIn(static_cast<int>(arrays), size.depth, 2, kParts)));
      if (values.back() < 0) return;
    }
    for (size_t i = 0; i < outputs.size(); ++i) {
      program.AddStore(values[static_cast<size_t>(outputs[i])],
                       RowsIn(static_cast<int>(i), size.width, 0, kParts));
    }
    ++targets;
    program.Finish();
    PackedBuffer workspace(program.workspace_bytes());
    std::vector<Values> got(outputs.size(),
                            Values(wanted[0].size() * kParts, 99));
    std::vector<int16_t*> to;
    for (Values& of : got) to.push_back(of.data());
    program.Run(size.count, size.width, in.data(), to.data(), workspace.get());
    for (size_t i = 0; i < got.size(); ++i) {
      const Values& of = wanted[static_cast<size_t>(outputs[i])];
      // Nothing else is written.
      EXPECT_EQ(got[i], Stacked(of, size.width, 0, kParts))
          << "value " << outputs[i];
    }
  });
  // A multiplier that needs more bits has no program.
  const bool fits = std::all_of(steps.begin(), steps.end(), [](const Step& s) {
    return s.kind != 0 || s.binary.a.value < 0x7FFF8000;
  });
  EXPECT_EQ(targets > 0, fits);
}

Size RandomSize(std::mt19937& rng) {
  return {Pick(rng, {1, 3}), Pick(rng, {1, 4, 12, 16, 37}),
          Pick(rng, {1, 2, 7, 12, 64})};
}

void CheckProgram(std::mt19937& rng) {
  const int arrays = Pick(rng, {1, 2, 5});
  const Size size = RandomSize(rng);
  std::vector<Values> wanted;
  for (int i = 0; i < arrays; ++i)
    wanted.push_back(Integers<int16_t>(rng, int64_t{size.count} * size.width,
                                       -32768, 32767));
  const auto rows =
      Integers<int16_t>(rng, int64_t{size.count} * size.depth, -32768, 32767);
  std::vector<Step> steps;
  std::vector<int> outputs;
  for (int i = 0; i < 12; ++i) {
    steps.push_back(RandomStep(rng, arrays + i, size.width, size.depth));
    wanted.push_back(Wanted(steps.back(), wanted, rows, size.count));
    if (i == 11 || Pick(rng, {0, 1}) != 0) outputs.push_back(arrays + i);
  }
  CheckOnTargets(size, steps, wanted, rows, outputs);
}

TEST(Program16Test, EqualsTheReference) {
  std::mt19937 rng(kSeed);
  for (int i = 0; i < 300; ++i) {
    SCOPED_TRACE(i);
    CheckProgram(rng);
    if (HasFailure()) return;
  }
}

// Gates of a recurrent layer: a dense layer of what was computed, a sum with
// what is given on either side, a function, and what breaks that up.
TEST(Program16Test, GatesEqualTheReference) {
  std::mt19937 rng(kSeed);
  for (int i = 0; i < 100; ++i) {
    SCOPED_TRACE(i);
    const Size size = RandomSize(rng);
    std::vector<Values> wanted;
    for (int k = 0; k < 2; ++k)
      wanted.push_back(Integers<int16_t>(rng, int64_t{size.count} * size.width,
                                         -32768, 32767));
    std::vector<Step> steps;
    std::vector<int> outputs;
    const auto add = [&](int kind, int a, int b) {
      Step step;
      do {
        step = RandomStep(rng, 1, size.width, size.depth);
      } while (step.kind != kind ||
               (kind == 0 && step.binary.a.value >= 0x7FFF8000));
      step.a = a, step.b = b;
      steps.push_back(step);
      wanted.push_back(Wanted(step, wanted, {}, size.count));
      return static_cast<int>(wanted.size()) - 1;
    };
    for (int gate = 0, h = 1; gate < 3; ++gate) {
      const int dense = add(5, h, 0);
      const int sum =
          Pick(rng, {0, 1}) != 0 ? add(0, 0, dense) : add(0, dense, 0);
      if (Pick(rng, {0, 0, 1}) != 0) outputs.push_back(sum);
      if (Pick(rng, {0, 0, 1}) != 0) add(1, dense, h);
      h = add(Pick(rng, {2, 3}), sum, 0);
      outputs.push_back(h);
    }
    CheckOnTargets(size, steps, wanted, {}, outputs);
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
