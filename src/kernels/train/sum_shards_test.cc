// The tree of shards against plain sums, on every SIMD target.
#include "src/kernels/train/sum_shards.h"

#include <gtest/gtest.h>

#include <vector>

#include "src/kernels/common/simd_targets_test.h"
#include "src/kernels/train/random_floats_test.h"

namespace litesmith::kernels {
namespace {

TEST(SumShardsTest, SumsShardsInATree) {
  const size_t stride = 41;
  const Floats s = Random(stride * 8, 5);
  const auto at = [&](size_t shard, size_t i) { return s[shard * stride + i]; };
  ForEachTarget([&] {
    Floats out(stride, 9.0f);
    SumShards(s.data(), stride, 8, 3, 38, out.data());
    for (size_t i = 3; i < 38; ++i) {
      EXPECT_EQ(out[i], ((at(0, i) + at(1, i)) + (at(2, i) + at(3, i))) +
                            ((at(4, i) + at(5, i)) + (at(6, i) + at(7, i))));
    }
    EXPECT_EQ(out[2], 9.0f);
    EXPECT_EQ(out[38], 9.0f);
    SumShards(s.data(), stride, 3, 0, stride, out.data());
    EXPECT_EQ(out[7], (at(0, 7) + at(1, 7)) + at(2, 7));
    SumShards(s.data(), stride, 1, 0, stride, out.data());
    EXPECT_EQ(out[40], at(0, 40));
  });
}

}  // namespace
}  // namespace litesmith::kernels
