// The logarithm and the inverse square root against numbers of the reference
// (specs/ops.md 3), and against libm.
#include "src/kernels/common/fixed_log.h"

#include <gtest/gtest.h>

#include <cmath>

#include "src/kernels/common/fixed_inverse_sqrt.h"

namespace litesmith {
namespace {

TEST(FixedLogTest, IsTheReferences) {
  EXPECT_EQ(FixedLog(1 << 19), 0);
  EXPECT_EQ(FixedLog(1 << 20), 46516320);
  EXPECT_EQ(FixedLog(3 << 19), 73726624);
  EXPECT_EQ(FixedLog(1000 << 19), 463571608);
}

TEST(FixedLogTest, IsNearLibm) {
  for (double x = 1; x < 4095; x *= 1.01) {
    const int32_t y = FixedLog(static_cast<int32_t>(x * 0x1p19));
    EXPECT_NEAR(y * 0x1p-26, std::log(x), 1e-5) << x;
  }
}

TEST(FixedInverseSqrtTest, IsTheReferences) {
  EXPECT_EQ(FixedInverseSqrt(0), (FixedMultiplier{0x7FFFFFFF, 0}));
  EXPECT_EQ(FixedInverseSqrt(1), (FixedMultiplier{0x7FFFFFFF, 0}));
  EXPECT_EQ(FixedInverseSqrt(2), (FixedMultiplier{1518498372, 0}));
  EXPECT_EQ(FixedInverseSqrt(100), (FixedMultiplier{214748363, 0}));
  EXPECT_EQ(FixedInverseSqrt(65025), (FixedMultiplier{269488147, -5}));
}

TEST(FixedInverseSqrtTest, IsNearLibm) {
  for (double n = 2; n < 0x1p31; n *= 1.1) {
    const FixedMultiplier m = FixedInverseSqrt(static_cast<int32_t>(n));
    const double y = std::ldexp(m.value, m.shift - 31);
    EXPECT_NEAR(y * std::sqrt(std::floor(n)), 1, 1e-4) << n;
  }
}

}  // namespace
}  // namespace litesmith
