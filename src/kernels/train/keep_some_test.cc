// Dropout's product on every SIMD target.
#include "src/kernels/train/keep_some.h"

#include <gtest/gtest.h>

#include <vector>

#include "src/kernels/common/simd_targets_test.h"
#include "src/kernels/train/random_floats_test.h"

namespace litesmith::kernels {
namespace {

TEST(KeepSomeTest, ScalesWhatItKeeps) {
  for (const size_t n : {0u, 1u, 7u, 16u, 67u}) {
    const Floats x = Random(n, 1);
    std::vector<uint8_t> keep(n);
    for (size_t i = 0; i < n; ++i) keep[i] = i % 3 != 0;
    ForEachTarget([&] {
      Floats y(n, -1.0f);
      KeepSome(keep.data(), x.data(), n, 1.25f, y.data());
      for (size_t i = 0; i < n; ++i)
        EXPECT_EQ(y[i], keep[i] != 0 ? x[i] * 1.25f : 0.0f);
    });
  }
}

}  // namespace
}  // namespace litesmith::kernels
