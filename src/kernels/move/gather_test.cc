// Indices outside of the array, which no runtime takes: they are never read
// beyond it.
#include "src/kernels/move/gather.h"

#include <gtest/gtest.h>

#include <limits>

namespace litesmith::kernels {
namespace {

// Rows of two elements of an array [3, 4, 2].
RowPlan PlanOfRows() {
  RowPlan plan;
  plan.indices = 2;
  plan.inner = 2;
  plan.coordinates = {{3, 8}, {4, 2}};
  return plan;
}

TEST(GatherTest, FarIndicesTakeTheNearestRow) {
  const RowPlan plan = PlanOfRows();
  const auto place = [&](int64_t a, int64_t b) {
    const int64_t index[] = {a, b};
    return PlaceOf(plan, index);
  };
  EXPECT_EQ(place(1, 2), 12);
  EXPECT_EQ(place(3, 2), place(2, 2));
  EXPECT_EQ(place(-1, 0), place(0, 0));
  EXPECT_EQ(place(std::numeric_limits<int64_t>::max(),
                  std::numeric_limits<int64_t>::min()),
            place(2, 0));
}

TEST(GatherTest, FarIndicesAreToldApart) {
  const RowPlan plan = PlanOfRows();
  const auto inside = [&](int32_t a, int32_t b) {
    const int32_t index[] = {a, b};
    return IsInside(plan, index);
  };
  EXPECT_TRUE(inside(0, 0));
  EXPECT_TRUE(inside(2, 3));
  EXPECT_FALSE(inside(3, 0));
  EXPECT_FALSE(inside(0, 4));
  EXPECT_FALSE(inside(0, -1));
  EXPECT_FALSE(inside(std::numeric_limits<int32_t>::min(), 0));
}

// Each batch has its own indices, and its outer parts share them.
TEST(GatherTest, RowsComeInOrder) {
  RowPlan plan;
  plan.batches = 2;
  plan.outer = 2;
  plan.indices = 1;
  plan.inner = 1;
  plan.coordinates = {{5, 1}};
  plan.outer_step = 5;
  plan.batch_step = 10;
  const int16_t indices[] = {4, 1};
  std::vector<int64_t> places;
  ForEachRow(plan, indices,
             [&](int64_t place, const int16_t*) { places.push_back(place); });
  EXPECT_EQ(places, (std::vector<int64_t>{4, 9, 11, 16}));
}

}  // namespace
}  // namespace litesmith::kernels
