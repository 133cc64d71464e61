// The check values of specs/ops.md, and the tables against the functions.
#include "src/kernels/recurrent/fixed16.h"

#include <gtest/gtest.h>

#include "src/kernels/common/fixed_inverse_sqrt.h"

namespace litesmith::kernels {
namespace {

constexpr int kAt[] = {-32768, -20000, -4096, -1,    0,
                       1,      100,    4096,  20000, 32767};

TEST(Fixed16Test, CheckValues) {
  constexpr int kLogistic[] = {11,    243,   8815,  16383, 16384,
                               16384, 16584, 23952, 32524, 32756};
  constexpr int kTanh3[] = {-32767, -32767, -24964, -8,    0,
                            8,      792,    24964,  32767, 32767};
  constexpr int kTanh1[] = {-31596, -27524, -8032, 4,     0,
                            -4,     192,    8032,  27524, 31596};
  for (size_t i = 0; i < std::size(kAt); ++i) {
    EXPECT_EQ(FixedLogistic16(kAt[i]), kLogistic[i]) << kAt[i];
    EXPECT_EQ(FixedTanh16(kAt[i], 3), kTanh3[i]) << kAt[i];
    EXPECT_EQ(FixedTanh16(kAt[i], 1), kTanh1[i]) << kAt[i];
  }
}

TEST(Fixed16Test, TablesHoldTheFunctions) {
  const HalfTable16& logistic = LogisticTable16();
  for (int v = -32768; v <= 32767; ++v) {
    ASSERT_EQ(LookLogistic16(logistic, v), FixedLogistic16(v)) << v;
  }
  for (int bits = 0; bits <= kMaxTanhBits; ++bits) {
    const HalfTable16& tanh = TanhTable16(bits);
    for (int v = -32768; v <= 32767; ++v) {
      ASSERT_EQ(LookTanh16(tanh, v), FixedTanh16(v, bits)) << v << ", " << bits;
    }
  }
}

TEST(Fixed16Test, InverseSqrt) {
  EXPECT_EQ(FixedInverseSqrt(0), (FixedMultiplier{2147483647, 0}));
  EXPECT_EQ(FixedInverseSqrt(1), (FixedMultiplier{2147483647, 0}));
  EXPECT_EQ(FixedInverseSqrt(2), (FixedMultiplier{1518498372, 0}));
  EXPECT_EQ(FixedInverseSqrt(100), (FixedMultiplier{214748363, 0}));
  EXPECT_EQ(FixedInverseSqrt(65025), (FixedMultiplier{269488147, -5}));
  for (const int32_t n :
       {3, 17, 1000, 1 << 20, (1 << 29) - 1, 1 << 29, 2147483647}) {
    const FixedMultiplier m = FixedInverseSqrt(n);
    const double real = std::ldexp(m.value, m.shift - 31);
    EXPECT_NEAR(real * std::sqrt(static_cast<double>(n)), 1, 1e-4) << n;
  }
}

}  // namespace
}  // namespace litesmith::kernels
