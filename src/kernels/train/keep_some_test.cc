// Dropout's draws and product on every SIMD target.
#include "src/kernels/train/keep_some.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "src/base/rng.h"
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

TEST(KeepSomeTest, DrawsWhatGeneratorsDraw) {
  constexpr uint64_t kDropped = uint64_t{1} << 22;
  for (const size_t rows : {1u, 3u, 8u, 13u}) {
    for (const size_t n : {1u, 8u, 29u}) {
      std::vector<std::array<uint64_t, 4>> generators;
      std::vector<uint8_t> wanted;
      for (size_t r = 0; r < rows; ++r) {
        Rng rng(7, r);
        generators.push_back(rng.state());
        for (size_t i = 0; i < n; ++i)
          wanted.push_back(rng.Next() >> 40 >= kDropped);
      }
      ForEachTarget([&] {
        std::vector<uint8_t> keep(rows * n, 2);
        DrawKept(generators, n, kDropped, keep.data());
        EXPECT_EQ(keep, wanted);
      });
    }
  }
}

}  // namespace
}  // namespace litesmith::kernels
