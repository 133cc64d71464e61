// Offsets in the arena: buffers that live together never share a byte, others
// do.
#include "src/runtime/arena.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "src/base/rng.h"

namespace litesmith {
namespace {

bool LiveTogether(const ArenaBuffer& a, const ArenaBuffer& b) {
  return a.first <= b.last && b.first <= a.last;
}

// The most bytes that are alive at one step: no plan can do with fewer.
size_t LeastBytes(const std::vector<ArenaBuffer>& buffers) {
  size_t most = 0;
  for (const ArenaBuffer& at : buffers) {
    size_t bytes = 0;
    for (const ArenaBuffer& b : buffers) {
      if (b.first <= at.first && at.first <= b.last) bytes += b.bytes;
    }
    most = std::max(most, bytes);
  }
  return most;
}

TEST(PlanArena, AChainOfActivationsNeedsItsTwoLargestNeighbours) {
  std::vector<ArenaBuffer> buffers = {
      {640, 0, 1}, {1280, 1, 2}, {256, 2, 3}, {64, 3, 4}};
  EXPECT_EQ(PlanArena(&buffers), 640u + 1280u);
}

TEST(PlanArena, NothingNeedsNothing) {
  std::vector<ArenaBuffer> none;
  EXPECT_EQ(PlanArena(&none), 0u);
}

TEST(PlanArena, RandomLivesNeverOverlapInMemory) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(seed);
    Rng rng(seed);
    std::vector<ArenaBuffer> buffers(1 + rng.Below(30));
    size_t sum = 0;
    for (ArenaBuffer& buffer : buffers) {
      buffer.bytes = 1 + rng.Below(5000);
      buffer.first = static_cast<int>(rng.Below(20));
      buffer.last = buffer.first + static_cast<int>(rng.Below(6));
      sum += AlignUp(buffer.bytes);
    }
    const size_t total = PlanArena(&buffers);
    EXPECT_LE(total, sum);
    EXPECT_GE(total, LeastBytes(buffers));
    for (size_t a = 0; a < buffers.size(); ++a) {
      const ArenaBuffer& x = buffers[a];
      EXPECT_EQ(x.offset % kArenaAlignment, 0u);
      EXPECT_LE(x.offset + x.bytes, total);
      for (size_t b = 0; b < a; ++b) {
        const ArenaBuffer& y = buffers[b];
        EXPECT_TRUE(!LiveTogether(x, y) || x.offset + x.bytes <= y.offset ||
                    y.offset + y.bytes <= x.offset)
            << a << " and " << b;
      }
    }
  }
}

}  // namespace
}  // namespace litesmith
