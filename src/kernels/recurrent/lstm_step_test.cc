// Integer LSTMs by vectors against the loops of both runtimes, on every target.
#include "src/kernels/recurrent/lstm_step.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <type_traits>
#include <vector>

#include "src/kernels/common/random_values_test.h"
#include "src/kernels/common/simd_targets_test.h"
#include "src/kernels/recurrent/fixed16.h"

namespace litesmith::kernels {
namespace {

constexpr uint32_t kSeed = 20261127;

double Uniform(std::mt19937& rng, double lo, double hi) {
  return std::uniform_real_distribution<double>(lo, hi)(rng);
}

// Weights and biases of all gates, and of a projection.
template <class T>
struct Weights {
  using Bias = std::conditional_t<std::is_same_v<T, int8_t>, int32_t, int64_t>;
  PerGate<std::vector<int8_t>> w, r;
  PerGate<std::vector<Bias>> b;
  std::vector<int8_t> projection;

  Weights(std::mt19937& rng, const LstmSize& s) {
    for (size_t g = 0; g < kLstmGates; ++g) {
      w[g] = Integers<int8_t>(rng, int64_t{s.cells} * s.inputs, -127, 127);
      r[g] = Integers<int8_t>(rng, int64_t{s.cells} * s.outputs, -127, 127);
      b[g] = Integers<Bias>(rng, s.cells, -20000, 20000);
    }
    projection = Integers<int8_t>(rng, int64_t{s.cells} * s.outputs, -127, 127);
  }

  LstmProducts Products(const LstmSize& s, const PerGate<FixedMultiplier>& of_x,
                        const PerGate<FixedMultiplier>& of_h, bool fast) const {
    std::vector<Product> x, h;
    for (size_t g = s.cifg ? kForgetGate : kInputGate; g < kLstmGates; ++g) {
      x.push_back({w[g].data(), b[g].data(), s.cells, 1, of_x[g]});
      h.push_back({r[g].data(), nullptr, s.cells, 1, of_h[g]});
    }
    ProductsSpec spec;
    spec.kind = sizeof(T) == 1 ? LayerKind::kS8S8 : LayerKind::kS16S8;
    spec.depth = s.inputs;
    LstmProducts products;
    products.input = kernels::Products(spec, x, fast);
    spec.depth = s.outputs;
    products.recurrent = kernels::Products(spec, h, fast);
    if (s.outputs == s.cells) return products;
    const Product out[] = {{projection.data(), nullptr, s.outputs}};
    spec.depth = s.cells;
    products.projects = true;
    products.projection = kernels::Products(spec, out, fast);
    return products;
  }
};

LstmSize RandomSize(std::mt19937& rng, bool plain) {
  LstmSize s;
  s.batch = Pick(rng, {1, 3});
  s.steps = Pick(rng, {1, 5, 20});
  s.inputs = Pick(rng, {1, 6, 17});
  s.cells = s.outputs = Pick(rng, {1, 3, 12, 16, 37});
  if (plain) return s;
  s.outputs = Pick(rng, {s.cells, s.cells + 2});
  s.cifg = Pick(rng, {0, 1}) != 0;
  return s;
}

// Both states and the outputs of two calls.
template <class T, class Lstm>
std::vector<int> Results(const Lstm& lstm, const std::vector<T>& x,
                         const std::vector<int16_t>& c0) {
  const LstmSize& s = lstm.size;
  std::vector<T> h(static_cast<size_t>(s.batch * s.outputs));
  std::vector<T> y(static_cast<size_t>(s.batch * s.steps * s.outputs));
  std::vector<int16_t> c = c0;
  std::vector<int> all;
  PackedBuffer workspace(WorkspaceBytes(lstm));
  for (int call = 0; call < 2; ++call) {
    Run(lstm, x.data(), h.data(), c.data(), y.data(), workspace.get());
    all.insert(all.end(), y.begin(), y.end());
    all.insert(all.end(), h.begin(), h.end());
    all.insert(all.end(), c.begin(), c.end());
  }
  return all;
}

// `make` gives the LSTM, fast or not.
template <class T, class Make>
void Check(std::mt19937& rng, const LstmSize& s, const Make& make) {
  const int most = sizeof(T) == 1 ? 127 : 32767;
  const auto x =
      Integers<T>(rng, int64_t{s.batch} * s.steps * s.inputs, -most - 1, most);
  const auto c =
      Integers<int16_t>(rng, int64_t{s.batch} * s.cells, -32768, 32767);
  const std::vector<int> wanted = Results<T>(make(false), x, c);
  int targets = 0;
  ForEachTarget([&] {
    targets += HasLstmStep() ? 1 : 0;
    ASSERT_EQ(Results<T>(make(true), x, c), wanted);
  });
  EXPECT_GT(targets, 0);
}

PerGate<FixedMultiplier> Multipliers(std::mt19937& rng, double most) {
  PerGate<FixedMultiplier> all;
  for (FixedMultiplier& m : all)
    m = QuantizeMultiplier(Uniform(rng, most / 10, most));
  return all;
}

TEST(LstmStepTest, LiteRtsEqualsItsLoops) {
  std::mt19937 rng(kSeed);
  for (int round = 0; round < 100; ++round) {
    SCOPED_TRACE(round);
    LstmS8 lstm;
    lstm.size = RandomSize(rng, false);
    const Weights<int8_t> weights(rng, lstm.size);
    lstm.input = Multipliers(rng, 2), lstm.recurrent = Multipliers(rng, 2);
    lstm.cell_bits = Pick(rng, {0, 3, kMaxTanhBits});
    lstm.cell_clip = Pick(rng, {0, 9000});
    lstm.hidden = QuantizeMultiplier(Uniform(rng, 0.5, 2) * 0x1p-23);
    lstm.hidden_zero = Pick(rng, {0, -7, 99});
    lstm.projected = QuantizeMultiplier(Uniform(rng, 0.001, 0.01));
    lstm.output_zero = Pick(rng, {0, 5});
    lstm.projection_clip = Pick(rng, {0, 90});
    Check<int8_t>(rng, lstm.size, [&](bool fast) -> const LstmS8& {
      lstm.fast = fast;
      lstm.products =
          weights.Products(lstm.size, lstm.input, lstm.recurrent, fast);
      return lstm;
    });
    if (HasFailure()) return;
  }
}

template <class T>
void CheckTflm(std::mt19937& rng) {
  constexpr bool kBytes = sizeof(T) == 1;
  LstmTflm lstm;
  lstm.size = RandomSize(rng, true);
  const Weights<T> weights(rng, lstm.size);
  lstm.input = Multipliers(rng, kBytes ? 2 : 0.02);
  lstm.recurrent = Multipliers(rng, kBytes ? 2 : 0.02);
  lstm.cell_shift = Pick(rng, {-3, -1, 0, 1, 3});
  lstm.cell_clip = Pick(rng, {0, 9000});
  lstm.forget = QuantizeMultiplier(0x1p-15);
  lstm.update = QuantizeMultiplier(std::ldexp(1.0, -18 - lstm.cell_shift));
  lstm.hidden =
      QuantizeMultiplier(Uniform(rng, 0.5, 2) * (kBytes ? 0x1p-23 : 0x1p-15));
  lstm.output_zero = kBytes ? Pick(rng, {0, -7, 99}) : 0;
  Check<T>(rng, lstm.size, [&](bool fast) -> const LstmTflm& {
    lstm.fast = fast;
    lstm.products =
        weights.Products(lstm.size, lstm.input, lstm.recurrent, fast);
    return lstm;
  });
}

TEST(LstmStepTest, TflmsEqualsItsLoops) {
  std::mt19937 rng(kSeed);
  for (int round = 0; round < 100; ++round) {
    SCOPED_TRACE(round);
    CheckTflm<int8_t>(rng);
    CheckTflm<int16_t>(rng);
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace litesmith::kernels
