// Slices along an axis, there and back.
#include "src/base/slices.h"

#include <gtest/gtest.h>

#include <numeric>

namespace litesmith {
namespace {

using Ints = std::vector<int>;

TEST(Slices, TakeWhatLiesAtTheirPlaceAlongTheAxis) {
  Ints values(24);
  std::iota(values.begin(), values.end(), 0);
  const Shape shape = {2, 3, 4};
  const std::span<const int> all(values);
  EXPECT_EQ(SlicesAlong(shape, 0).Take(all, 1),
            (Ints{12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23}));
  EXPECT_EQ(SlicesAlong(shape, 1).Take(all, 2),
            (Ints{8, 9, 10, 11, 20, 21, 22, 23}));
  EXPECT_EQ(SlicesAlong(shape, 2).Take(all, 3), (Ints{3, 7, 11, 15, 19, 23}));
  EXPECT_EQ(SlicesAlong(shape, -1).Take(all, 0), values);
}

TEST(Slices, EveryElementIsInTheSliceThatHasIt) {
  const Shape shape = {3, 2, 5};
  for (int axis = -1; axis < 3; ++axis) {
    const Slices slices = SlicesAlong(shape, axis);
    EXPECT_EQ(slices.size() * slices.count, 30u);
    for (size_t c = 0; c < slices.count; ++c) {
      for (size_t i = 0; i < slices.size(); ++i)
        EXPECT_EQ(slices(slices.At(c, i)), c);
    }
  }
}

TEST(Slices, AreFoundAgainFromTheShapeOfTheirValues) {
  const Shape shape = {8, 3, 3, 4};
  EXPECT_EQ(ShapeOfSlices(shape, -1), (Shape{1}));
  EXPECT_EQ(ShapeOfSlices(shape, 0), (Shape{8}));
  EXPECT_EQ(ShapeOfSlices(shape, 3), (Shape{1, 1, 1, 4}));
  for (const int axis : {-1, 0, 1, 2, 3}) {
    const auto slices = SlicesOf(shape, ShapeOfSlices(shape, axis));
    ASSERT_TRUE(slices.has_value()) << axis;
    EXPECT_EQ(slices->count, SlicesAlong(shape, axis).count) << axis;
  }
  for (const Shape& other : {Shape{4}, Shape{1, 1, 4}, Shape{1, 1, 1, 8},
                             Shape{8, 1, 1, 4}, Shape{0}, Shape()}) {
    EXPECT_FALSE(SlicesOf(shape, other).has_value()) << other.ToString();
  }
}

}  // namespace
}  // namespace litesmith
