// The arena of a built-in model, and the lives in it.
#include "src/measure/memory.h"

#include <gtest/gtest.h>

#include "src/models/models.h"

namespace litesmith {
namespace {

TEST(MemoryTest, LivesOverlapOnlyInTime) {
  const MemoryPlan plan = PlanMemory(LoadModel("mnist-cnn", 1));
  ASSERT_FALSE(plan.tensors.empty());
  ASSERT_FALSE(plan.operators.empty());
  int64_t most = 0;
  for (size_t step = 0; step < plan.operators.size(); ++step) {
    int64_t alive = 0;
    for (const TensorLife& life : plan.tensors) {
      const auto at = static_cast<int64_t>(step);
      if (life.first <= at && at <= life.last) alive += life.bytes;
    }
    most = std::max(most, alive);
  }
  EXPECT_GE(plan.arena_bytes, most);
  for (const TensorLife& a : plan.tensors) {
    EXPECT_LE(a.offset + a.bytes, plan.arena_bytes);
    for (const TensorLife& b : plan.tensors) {
      if (&a == &b || a.last < b.first || b.last < a.first) continue;
      EXPECT_TRUE(a.offset + a.bytes <= b.offset ||
                  b.offset + b.bytes <= a.offset)
          << a.name << " and " << b.name;
    }
  }
  // 28x28 floats and the first convolution's output live at the same time.
  EXPECT_EQ(plan.tensors[0].bytes, 28 * 28 * 4);
  EXPECT_GE(plan.arena_bytes, 28 * 28 * 4 + 26 * 26 * 12 * 4);
}

}  // namespace
}  // namespace litesmith
