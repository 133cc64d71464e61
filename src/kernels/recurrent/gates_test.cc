// The gates' functions by vectors against their twins, on every target.
#include "src/kernels/recurrent/gates.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "src/kernels/common/random_values_test.h"
#include "src/kernels/common/simd_targets_test.h"

namespace litesmith::kernels {
namespace {

constexpr uint32_t kSeed = 20261126;

TEST(GatesTest, FunctionsOfFloatsAreThoseOfLibm) {
  std::mt19937 rng(kSeed);
  for (size_t n = 1; n < 70; ++n) {
    std::vector<float> x = Reals(rng, static_cast<int64_t>(n));
    for (float& v : x) v = std::sinh(v * 6);  // mostly small, up to 200
    x[0] = 0;
    if (n > 2) x[n / 2] = std::numeric_limits<float>::quiet_NaN();
    x.push_back(7);  // behind the end
    std::vector<float> logistic = x;
    std::vector<float> tanh = x;
    LogisticF32Ref(logistic.data(), n);
    TanhF32Ref(tanh.data(), n);
    const auto check = [&](const std::vector<float>& y,
                           const std::vector<float>& wanted) {
      for (size_t i = 0; i <= n; ++i) {
        if (std::isnan(x[i])) {
          ASSERT_TRUE(std::isnan(y[i]));
        } else {
          ASSERT_NEAR(y[i], wanted[i], 1e-6) << x[i];
        }
      }
    };
    ForEachTarget([&] {
      std::vector<float> y = x;
      LogisticF32Simd(y.data(), n);
      check(y, logistic);
      y = x;
      TanhF32Simd(y.data(), n);
      check(y, tanh);
    });
  }
}

TEST(GatesTest, RequantizedSumsAreTheScalarOnes) {
  std::mt19937 rng(kSeed);
  std::uniform_int_distribution<int32_t> value(1 << 30, 2147483647);
  std::uniform_int_distribution<int> shift(-31, 8);
  for (int round = 0; round < 300; ++round) {
    const auto n = static_cast<size_t>(round % 37 + 1);
    const FixedMultiplier m{value(rng), shift(rng)};
    const int bits = round % 31;
    std::uniform_int_distribution<int32_t> sum(-(1 << bits), 1 << bits);
    std::vector<int32_t> sums(n);
    for (int32_t& s : sums) s = sum(rng);
    if (round % 5 == 0) sums[0] = std::numeric_limits<int32_t>::min();
    // Ties of the second rounding.
    if (m.shift < 0 && round % 3 == 0) sums[n - 1] = -(1 << -m.shift / 2);
    const auto x =
        Integers<int16_t>(rng, static_cast<int64_t>(n), -32768, 32767);
    for (const bool saturate : {true, false}) {
      for (const int16_t* more :
           {x.data(), static_cast<const int16_t*>(nullptr)}) {
        std::vector<int16_t> wanted(n + 1, 77);
        RequantizeSumsRef(sums.data(), m, saturate, more, n, wanted.data());
        ForEachTarget([&] {
          std::vector<int16_t> y(n + 1, 77);
          RequantizeSumsSimd(sums.data(), m, saturate, more, n, y.data());
          ASSERT_EQ(y, wanted) << m.value << " " << m.shift;
        });
      }
    }
  }
}

}  // namespace
}  // namespace litesmith::kernels
