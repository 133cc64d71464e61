// Sums and products on SIMD against the reference's arithmetic, on every
// target.
#include "src/kernels/map/scaled_binary.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <random>
#include <vector>

#include "src/kernels/common/random_values_test.h"
#include "src/kernels/common/simd_targets_test.h"
#include "src/kernels/map/float_binary.h"

namespace litesmith {
namespace {

constexpr uint32_t kSeed = 20261127;

ScaledBinarySpec RandomSpec(std::mt19937& rng, bool wide) {
  const auto uniform = [&](double lo, double hi) {
    return std::uniform_real_distribution<double>(lo, hi)(rng);
  };
  ScaledBinarySpec spec;
  spec.wide = wide;
  spec.product = Pick(rng, {0, 1}) != 0;
  spec.left = wide ? 15 : 20;
  const double small = Pick(rng, {0, 1}) != 0 ? uniform(0.001, 0.5) : 0.5;
  spec.a = QuantizeMultiplier(0.5);
  spec.b = QuantizeMultiplier(small);
  if (Pick(rng, {0, 1}) != 0) std::swap(spec.a, spec.b);
  spec.subtract = Pick(rng, {0, 1}) != 0;
  const int zero = wide ? 0 : Pick(rng, {-128, -3, 0, 127});
  spec.a_zero = zero;
  spec.b_zero = wide ? 0 : 5;
  Requantizer& r = spec.requantizer;
  const double real = spec.product
                          ? uniform(wide ? 1e-5 : 1e-3, wide ? 1e-4 : 0.1)
                          : uniform(0.5, 4) / (1 << spec.left);
  r.multipliers = {QuantizeMultiplier(real)};
  r.zero_point = wide ? 0 : Pick(rng, {-128, -7, 30});
  r.hi = wide ? 32767 : 127;
  r.lo = Pick(rng, {0, 1}) != 0 ? r.zero_point : -r.hi - 1;
  return spec;
}

// As ops/map/arithmetic.cc has it.
int32_t Wanted(const ScaledBinarySpec& s, int32_t a, int32_t b) {
  a -= s.a_zero, b -= s.b_zero;
  if (s.product) return s.requantizer.Apply(a * b, 0);
  const int32_t of_b = Mbqm(b * (1 << s.left), s.b);
  return s.requantizer.Apply(
      Mbqm(a * (1 << s.left), s.a) + (s.subtract ? -of_b : of_b), 0);
}

template <typename T>
void Check(std::mt19937& rng) {
  const ScaledBinarySpec spec = RandomSpec(rng, sizeof(T) == 2);
  const int n = Pick(rng, {1, 3, 31, 64, 200, 1000});
  constexpr int kLow = std::numeric_limits<T>::min();
  constexpr int kHigh = std::numeric_limits<T>::max();
  const auto a = Integers<T>(rng, n, kLow, kHigh);
  const auto b = Integers<T>(rng, n, kLow, kHigh);
  const int step_a = Pick(rng, {0, 1, 1});
  const int step_b = step_a == 0 ? 1 : Pick(rng, {0, 1, 1});
  std::vector<T> wanted(static_cast<size_t>(n) + 8, T{77});
  for (int i = 0; i < n; ++i) {
    wanted[static_cast<size_t>(i)] =
        static_cast<T>(Wanted(spec, a[static_cast<size_t>(i * step_a)],
                              b[static_cast<size_t>(i * step_b)]));
  }
  int targets = 0;
  ForEachTarget([&] {
    const auto packed = PackScaledBinary(spec);
    if (packed == nullptr) return;
    ++targets;
    std::vector<T> y(wanted.size(), T{77});
    RunScaledBinary(*packed, a.data(), step_a, b.data(), step_b, n, y.data());
    EXPECT_EQ(y, wanted);
  });
  EXPECT_GT(targets, 0);
}

TEST(ScaledBinaryTest, EqualsTheReference) {
  std::mt19937 rng(kSeed);
  for (int i = 0; i < 400; ++i) {
    SCOPED_TRACE(i);
    Check<int8_t>(rng);
    Check<int16_t>(rng);
    if (HasFailure()) return;
  }
}

TEST(ScaledBinaryTest, AllPairsOfBytes) {
  std::mt19937 rng(kSeed);
  for (int i = 0; i < 20; ++i) {
    const ScaledBinarySpec spec = RandomSpec(rng, false);
    const auto packed = PackScaledBinary(spec);
    ASSERT_NE(packed, nullptr);
    std::vector<int8_t> b(256), y(256);
    for (int v = 0; v < 256; ++v)
      b[static_cast<size_t>(v)] = static_cast<int8_t>(v - 128);
    for (int v = -128; v < 128; ++v) {
      const auto a = static_cast<int8_t>(v);
      RunScaledBinary(*packed, &a, 0, b.data(), 1, 256, y.data());
      for (size_t k = 0; k < 256; ++k)
        ASSERT_EQ(y[k], Wanted(spec, a, b[k])) << v << " " << int{b[k]};
    }
  }
}

TEST(FloatBinaryTest, EqualsOneAtATime) {
  std::mt19937 rng(kSeed);
  auto a = Reals(rng, 37), b = Reals(rng, 37);
  a[5] = std::numeric_limits<float>::quiet_NaN();
  const kernels::FloatRange range{0, 0.5f};
  ForEachTarget([&] {
    for (const auto& [step_a, step_b] :
         {std::pair{1, 1}, std::pair{0, 1}, std::pair{1, 0}}) {
      std::vector<float> y(40, 7.0f);
      RunFloatBinary(FloatBinary::kSubtract, range, a.data(), step_a, b.data(),
                     step_b, 37, y.data());
      for (size_t i = 0; i < 37; ++i) {
        const float v = a[i * static_cast<size_t>(step_a)] -
                        b[i * static_cast<size_t>(step_b)];
        const float wanted = std::min(std::max(v, range.low), range.high);
        if (v != v) {
          EXPECT_NE(y[i], y[i]);
        } else {
          EXPECT_EQ(y[i], wanted);
        }
      }
      EXPECT_EQ(y[37], 7.0f);
    }
  });
}

}  // namespace
}  // namespace litesmith
