// The SIMD dense layer against its reference twin, on every target.
#include "src/kernels/dense/simd.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "src/kernels/common/random_values_test.h"
#include "src/kernels/common/simd_targets_test.h"

namespace litesmith {
namespace {

constexpr uint32_t kSeed = 20260922;

Requantizer RandomRequantizer(std::mt19937& rng, int outputs, int method,
                              double typical) {
  Requantizer r;
  r.method = static_cast<RequantMethod>(method);
  std::uniform_real_distribution<double> spread(-3, 0.5);
  for (int o = 0; o < outputs; ++o) {
    const double real = typical * std::exp2(spread(rng));
    r.multipliers.push_back(QuantizeMultiplier(real));
    r.reals.push_back(real);
  }
  return r;
}

template <typename In, typename T>
std::vector<T> RunPacked(const DenseSpec& spec, int rows,
                         const std::vector<In>& x) {
  const auto packed = PackFullyConnected(spec);
  const auto size = static_cast<size_t>(rows * spec.shape.outputs);
  PackedBuffer workspace(packed->workspace_bytes + 1);
  std::vector<T> y(size + 70, T{77});
  RunFullyConnected(*packed, rows, x.data(), y.data(), workspace.get());
  for (size_t i = size; i < y.size(); ++i) EXPECT_EQ(y[i], T{77});
  y.resize(size);
  return y;
}

// Every depth and width worth trying.
template <typename Body>
void ForEachShape(const Body& body) {
  for (const int depth : {1, 3, 8, 10, 16, 33, 63, 64, 65, 200, 2028}) {
    for (const int outputs : {1, 3, 8, 10, 12, 16, 33, 100, 150}) {
      body(DenseShape{depth, outputs});
    }
  }
}

TEST(FullyConnectedSimdTest, F32IsNearReferenceOrExact) {
  std::mt19937 rng(kSeed);
  // Both more rows than are taken at a time, and a single one.
  constexpr int kRows = 5;
  ForEachShape([&](DenseShape shape) {
    const auto x = Reals(rng, kRows * shape.depth);
    const auto w = Reals(rng, shape.depth * shape.outputs);
    DenseSpec spec;
    spec.shape = shape;
    spec.weights = w.data();
    spec.float_bias = Reals(rng, shape.outputs);
    spec.lo = -2;
    spec.hi = 2;
    std::vector<float> wanted(static_cast<size_t>(kRows * shape.outputs));
    FullyConnectedF32F32Ref(shape, kRows, x.data(), w.data(),
                            spec.float_bias.data(), -2, 2, wanted.data());
    ForEachTarget([&] {
      if (PackFullyConnected(spec) == nullptr) return;
      const auto got = RunPacked<float, float>(spec, kRows, x);
      for (size_t i = 0; i < wanted.size(); ++i) {
        ASSERT_NEAR(got[i], wanted[i], 1e-4);
      }
      DenseSpec exact = spec;
      exact.exact = true;
      ASSERT_EQ((RunPacked<float, float>(exact, kRows, x)), wanted);
    });
  });
}

// As many rows as any target takes at a time, and one more.
constexpr int kBatch = 5;

TEST(FullyConnectedSimdTest, S8S8EqualsReference) {
  std::mt19937 rng(kSeed);
  int n = 0;
  ForEachShape([&](DenseShape shape) {
    // The largest products of all, and a weight that has no negative, too.
    const int most = n % 5 == 0 ? -128 : 127;
    const auto x = Integers<int8_t>(rng, kBatch * shape.depth, -128, most);
    const auto w =
        Integers<int8_t>(rng, shape.depth * shape.outputs,
                         n % 3 == 0 ? -128 : -127, n % 10 == 5 ? -127 : 127);
    const auto bias = Integers<int32_t>(rng, shape.outputs, -20000, 20000);
    DenseSpec spec;
    spec.kind = LayerKind::kS8S8;
    spec.shape = shape;
    spec.weights = w.data();
    spec.bias.assign(bias.begin(), bias.end());
    spec.x_zero = std::uniform_int_distribution<int>(-128, 127)(rng);
    spec.requantizer =
        RandomRequantizer(rng, shape.outputs, n++ % 2 == 0 ? 0 : 2, 0.003);
    spec.requantizer.zero_point = 5;
    spec.requantizer.lo = -128;
    spec.requantizer.hi = 127;
    std::vector<int8_t> wanted(static_cast<size_t>(kBatch * shape.outputs));
    FullyConnectedIntegerRef(shape, kBatch, x.data(), w.data(),
                             {.narrow = bias.data()}, {spec.x_zero},
                             spec.requantizer, wanted.data());
    DenseSpec sums_spec = spec;
    sums_spec.sums = true;
    std::vector<int32_t> sums(static_cast<size_t>(kBatch * shape.outputs));
    FullyConnectedS8S8SumsRef(shape, kBatch, x.data(), w.data(), bias.data(),
                              spec.x_zero, sums.data());
    ForEachTarget([&] {
      if (PackFullyConnected(spec) == nullptr) return;
      ASSERT_EQ((RunPacked<int8_t, int8_t>(spec, kBatch, x)), wanted);
      ASSERT_EQ((RunPacked<int8_t, int32_t>(sums_spec, kBatch, x)), sums);
    });
  });
}

TEST(FullyConnectedSimdTest, S16S8EqualsReference) {
  std::mt19937 rng(kSeed);
  int n = 0;
  // The largest products of all, too: sums beyond 32 bits.
  for (const int least : {-32768, 32767}) {
    ForEachShape([&](DenseShape shape) {
      const auto x = Integers<int16_t>(rng, kBatch * shape.depth,
                                       n % 5 == 0 ? least : -32768,
                                       n % 5 == 0 ? least : 32767);
      const auto w = Integers<int8_t>(rng, shape.depth * shape.outputs, -127,
                                      n % 5 == 0 ? -127 : 127);
      const auto bias =
          Integers<int64_t>(rng, shape.outputs, -2000000, 2000000);
      DenseSpec spec;
      spec.kind = LayerKind::kS16S8;
      spec.shape = shape;
      spec.weights = w.data();
      spec.bias = bias;
      spec.requantizer = RandomRequantizer(rng, shape.outputs, n++ % 3, 0.0003);
      spec.requantizer.lo = -32768;
      spec.requantizer.hi = 32767;
      std::vector<int16_t> wanted(static_cast<size_t>(kBatch * shape.outputs));
      FullyConnectedIntegerRef(shape, kBatch, x.data(), w.data(),
                               {.wide = bias.data()}, {}, spec.requantizer,
                               wanted.data());
      ForEachTarget([&] {
        if (PackFullyConnected(spec) == nullptr) return;
        ASSERT_EQ((RunPacked<int16_t, int16_t>(spec, kBatch, x)), wanted);
      });
    });
  }
}

TEST(FullyConnectedSimdTest, HybridEqualsReference) {
  std::mt19937 rng(kSeed);
  int n = 0;
  ForEachShape([&](DenseShape shape) {
    auto x = Reals(rng, kBatch * shape.depth);
    // One row of zeros: bias only.
    std::fill(x.begin(), x.begin() + shape.depth, 0.0f);
    const auto w =
        Integers<int8_t>(rng, shape.depth * shape.outputs, -127, 127);
    DenseSpec spec;
    spec.kind = LayerKind::kF32S8;
    spec.shape = shape;
    spec.weights = w.data();
    spec.float_bias = Reals(rng, shape.outputs);
    spec.scales.assign(static_cast<size_t>(shape.outputs), 0.013f);
    spec.asymmetric = n++ % 2 == 0;
    spec.lo = -3e38f;
    spec.hi = 3e38f;
    std::vector<int8_t> quantized(static_cast<size_t>(shape.depth));
    std::vector<float> wanted(static_cast<size_t>(kBatch * shape.outputs));
    FullyConnectedF32S8Ref(shape, kBatch, x.data(), w.data(),
                           spec.float_bias.data(), spec.scales, spec.asymmetric,
                           spec.lo, spec.hi, quantized.data(), wanted.data());
    for (int o = 0; o < shape.outputs; ++o) {
      ASSERT_EQ(wanted[static_cast<size_t>(o)],
                spec.float_bias[static_cast<size_t>(o)]);
    }
    ForEachTarget([&] {
      if (PackFullyConnected(spec) == nullptr) return;
      ASSERT_EQ((RunPacked<float, float>(spec, kBatch, x)), wanted);
    });
  });
}

}  // namespace
}  // namespace litesmith
