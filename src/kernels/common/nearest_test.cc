// Against all accumulators, one after the other.
#include "src/kernels/common/nearest.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace litesmith {
namespace {

// The distance of acc * real from halfway, least of all of int16 products.
double LeastDistance(double real) {
  double least = 1;
  for (int64_t acc = 0; static_cast<double>(acc) * real <= 32769; ++acc) {
    const long double product = static_cast<long double>(acc) * real;
    const long double beyond = product - std::floor(product);
    least = std::min(least, static_cast<double>(std::abs(beyond - 0.5L)));
  }
  return least;
}

TEST(NearestTest, FindsProductsThatAreHalfway) {
  EXPECT_FALSE(RoundsToNearest(0.5));
  EXPECT_FALSE(RoundsToNearest(0.3));  // 0.3 * 5 is 1.5
  EXPECT_FALSE(RoundsToNearest(0x1p-10));
  EXPECT_FALSE(RoundsToNearest(0));
  EXPECT_FALSE(RoundsToNearest(1.5));
  EXPECT_TRUE(RoundsToNearest(0.0123456789));
}

TEST(NearestTest, EqualsAllProducts) {
  std::mt19937_64 rng(20261127);
  std::uniform_real_distribution<double> log(std::log(0.02), std::log(0.9));
  int near = 0;
  for (int i = 0; i < 60; ++i) {
    // Every other one is halfway for one accumulator, or next to it.
    double real = std::exp(log(rng));
    if (i % 2 != 0) {
      const auto acc = std::uniform_int_distribution<int>(9, 200000)(rng);
      real = (std::floor(acc * real) + 0.5 +
              (i % 4 == 1 ? 0x1p-35 : i % 3 * 0x1p-40)) /
             acc;
    }
    const double least = LeastDistance(real);
    if (least < 0x1p-38) {
      EXPECT_FALSE(RoundsToNearest(real)) << real;
      ++near;
    }
    if (least > 0x1p-36) {
      EXPECT_TRUE(RoundsToNearest(real)) << real;
    }
  }
  EXPECT_GT(near, 5);
}

}  // namespace
}  // namespace litesmith
