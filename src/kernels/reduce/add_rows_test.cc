// Sums of rows against plain loops, on every target.
#include "src/kernels/reduce/add_rows.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "src/kernels/common/random_values_test.h"
#include "src/kernels/common/simd_targets_test.h"

namespace litesmith {
namespace {

constexpr uint32_t kSeed = 20261127;

template <typename X, typename Total>
void Check(const std::vector<X>& x, int64_t rows, int64_t n) {
  const auto size = static_cast<size_t>(n);
  std::vector<Total> wanted(size + 1, Total{0});
  for (size_t i = 0; i < x.size(); ++i)
    wanted[i % size] += static_cast<Total>(x[i]);
  wanted[size] = 77;  // what is behind must stay
  ForEachTarget([&] {
    std::vector<Total> totals(size + 1, Total{77});
    AddRows(x.data(), rows, n, totals.data());
    EXPECT_EQ(totals, wanted) << rows << " rows of " << n;
  });
}

TEST(AddRowsTest, EqualPlainLoopsBitForBit) {
  RecordProperty("seed", static_cast<int>(kSeed));
  std::mt19937 rng(kSeed);
  for (const int64_t n : {1, 3, 15, 16, 17, 64, 127, 128, 300}) {
    for (const int64_t rows : {1, 2, 125}) {
      Check<float, float>(Reals(rng, rows * n), rows, n);
      Check<int8_t, uint32_t>(Integers<int8_t>(rng, rows * n, -128, 127), rows,
                              n);
      Check<int16_t, uint32_t>(Integers<int16_t>(rng, rows * n, -32768, 32767),
                               rows, n);
    }
  }
}

}  // namespace
}  // namespace litesmith
