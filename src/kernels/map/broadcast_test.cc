// Broadcast walks against positions computed one by one.
#include "src/kernels/map/broadcast.h"

#include <gtest/gtest.h>

#include <vector>

namespace litesmith::kernels {
namespace {

using Dims = std::vector<int32_t>;

int64_t At(const Dims& shape, const Dims& out, int64_t position) {
  int64_t at = 0;
  int64_t stride = 1;
  const size_t missing = out.size() - shape.size();
  for (size_t d = out.size(); d-- > 0;) {
    const int64_t i = position % out[d];
    position /= out[d];
    if (d < missing) continue;
    if (shape[d - missing] != 1) at += i * stride;
    stride *= shape[d - missing];
  }
  return at;
}

TEST(BroadcastTest, WalksEveryPairInTheOutputsOrder) {
  struct Row {
    Dims a, b, out;
  };
  const Row rows[] = {
      {{4, 3, 2}, {4, 3, 2}, {4, 3, 2}},
      {{4, 3, 2}, {2}, {4, 3, 2}},
      {{4, 3, 2}, {3, 1}, {4, 3, 2}},
      {{4, 1, 5}, {1, 3, 1}, {4, 3, 5}},
      {{1}, {4, 3}, {4, 3}},
      {{4, 1}, {4, 6}, {4, 6}},
      {{2, 1, 3, 1, 2}, {4, 1, 5, 1}, {2, 4, 3, 5, 2}},
      {{}, {4, 2}, {4, 2}},
      {{1, 1}, {1, 1}, {1, 1}},
      {{2, 3, 1, 1, 2, 1, 2, 2},
       {3, 4, 5, 1, 3, 1, 2},
       {2, 3, 4, 5, 2, 3, 2, 2}},
  };
  for (const Row& row : rows) {
    const BroadcastPlan plan = PlanBroadcast(row.a, row.b, row.out);
    int64_t expected = 0;
    for (const int64_t first : {int64_t{1}, int64_t{row.out[0]}}) {
      expected = 0;
      ForEachRun(plan, first,
                 [&](int64_t a, int64_t b, int64_t out, int64_t n,
                     int64_t step_a, int64_t step_b) {
                   for (int64_t i = 0; i < n; ++i, ++expected) {
                     ASSERT_EQ(out + i, expected);
                     ASSERT_EQ(a + i * step_a, At(row.a, row.out, expected));
                     ASSERT_EQ(b + i * step_b, At(row.b, row.out, expected));
                   }
                 });
      int64_t inner = first;
      for (size_t d = 1; d < row.out.size(); ++d) inner *= row.out[d];
      EXPECT_EQ(expected, inner);
    }
  }
}

TEST(BroadcastTest, EqualShapesAreOneRunPerFirstIndex) {
  EXPECT_EQ(
      PlanBroadcast(Dims{8, 4, 3, 2}, Dims{8, 4, 3, 2}, Dims{8, 4, 3, 2}).rank,
      2);
}

}  // namespace
}  // namespace litesmith::kernels
