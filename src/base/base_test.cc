// The foundation: errors, types, shapes, half floats, random numbers, threads.
// Files are in file_test.cc.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include "src/base/check.h"
#include "src/base/dtype.h"
#include "src/base/error.h"
#include "src/base/half.h"
#include "src/base/parallel.h"
#include "src/base/progress.h"
#include "src/base/rng.h"
#include "src/base/shape.h"
#include "src/base/warning.h"

namespace litesmith {
namespace {

template <typename F>
ErrorKind KindOf(F&& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.kind();
  }
  ADD_FAILURE() << "no Error was thrown";
  return ErrorKind::kIo;
}

TEST(Shape, CountsElementsAndRefusesWhatCannotBe) {
  EXPECT_EQ(Shape({2, 3, 4}).NumElements(), 24);
  EXPECT_EQ(Shape({kDynamic, 3, 4}).NumElementsPerSample(), 12);
  EXPECT_EQ(Shape().NumElements(), 1);
  EXPECT_EQ(KindOf([] {
              Shape({kDynamic, 3}).NumElements();
            }),
            ErrorKind::kCorrupt);
  EXPECT_EQ(KindOf([] {
              Shape({65536, 65536}).NumElements();
            }),
            ErrorKind::kCorrupt);
  EXPECT_EQ(KindOf([] {
              Shape({65536, 65536, 65536, 65536, 65536}).NumElements();
            }),
            ErrorKind::kCorrupt);
  EXPECT_EQ(KindOf([] {
              Shape({1, 1, 1, 1, 1, 1, 1, 1, 1});
            }),
            ErrorKind::kUnsupported);
  EXPECT_EQ(Shape({kDynamic, 3}).Bind(7), Shape({7, 3}));
  EXPECT_EQ(Shape({kDynamic, 28}).ToString(), "[?,28]");
}

TEST(Half, WidensAndNarrowsEveryBitPattern) {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    const Half half{static_cast<uint16_t>(bits)};
    const float wide = HalfToFloat(half);
    if (std::isnan(wide)) {
      EXPECT_TRUE(std::isnan(HalfToFloat(FloatToHalf(wide))));
    } else if (std::isinf(wide)) {
      EXPECT_EQ(HalfToFloat(FloatToHalf(wide)), std::copysign(65504.0f, wide));
    } else {
      ASSERT_EQ(FloatToHalf(wide).bits, bits);
    }
  }
}

TEST(Half, RoundsHalfToEven) {
  EXPECT_EQ(FloatToHalf(1.0f + 0x1p-11f).bits, FloatToHalf(1.0f).bits);
  EXPECT_EQ(FloatToHalf(1.0f + 3 * 0x1p-11f).bits,
            FloatToHalf(1.0f + 0x1p-9f).bits);
  EXPECT_EQ(HalfToFloat(FloatToHalf(1e9f)), 65504.0f);
  EXPECT_EQ(HalfToFloat(FloatToHalf(-1e9f)), -65504.0f);
  EXPECT_EQ(HalfToFloat(FloatToHalf(0x1p-25f)), 0.0f);
  EXPECT_EQ(HalfToFloat(FloatToHalf(0x1.8p-25f)), 0x1p-24f);
}

TEST(Rng, GivesTheSameNumbersForever) {
  Rng a(1), b(1), c(2), d(1, 1);
  const uint64_t first = a.Next();
  EXPECT_EQ(first, b.Next());
  EXPECT_NE(first, c.Next());
  EXPECT_NE(first, d.Next());
  std::vector<int> values(1000);
  for (int i = 0; i < 1000; ++i) values[static_cast<size_t>(i)] = i;
  a.Shuffle(std::span<int>(values));
  std::vector<char> seen(1000, 0);
  for (const int v : values) seen[static_cast<size_t>(v)] = 1;
  EXPECT_EQ(std::count(seen.begin(), seen.end(), 1), 1000);
}

TEST(Rng, DistributionsHaveTheirMoments) {
  Rng rng(7);
  double sum = 0, squares = 0, uniform = 0;
  constexpr int kN = 100000;
  for (int i = 0; i < kN; ++i) {
    const float n = rng.Normal();
    sum += n;
    squares += n * n;
    const float u = rng.Uniform();
    ASSERT_GE(u, 0.0f);
    ASSERT_LT(u, 1.0f);
    uniform += u;
  }
  EXPECT_NEAR(sum / kN, 0.0, 0.02);
  EXPECT_NEAR(squares / kN, 1.0, 0.03);
  EXPECT_NEAR(uniform / kN, 0.5, 0.01);
}

TEST(Parallel, RunsEveryTaskOnce) {
  for (const int threads : {1, 2, 3, 8}) {
    std::vector<std::atomic<int>> hits(37);
    ParallelFor(37, threads, [&](int i) { ++hits[static_cast<size_t>(i)]; });
    for (const auto& hit : hits) EXPECT_EQ(hit.load(), 1);
  }
}

TEST(Parallel, TakesOverTheTasksOfAThreadThatIsHeldUp) {
  // One task ends only when all others are done, its own thread's too.
  std::atomic<bool> release{false};
  std::atomic<int> done{0};
  ParallelFor(8, 2, [&](int i) {
    if (i == 4) {
      while (!release) std::this_thread::yield();
    } else if (++done == 7) {
      release = true;
    }
  });
  EXPECT_EQ(done, 7);
}

TEST(Parallel, RunsNestedCallsAndCallsOfSeveralThreads) {
  std::atomic<int> hits{0};
  const auto run = [&] {
    for (int round = 0; round < 500; ++round) {
      ParallelFor(5, 3, [&](int) { ParallelFor(3, 3, [&](int) { ++hits; }); });
    }
  };
  std::thread first(run), second(run);
  first.join();
  second.join();
  EXPECT_EQ(hits, 2 * 500 * 5 * 3);
}

TEST(Parallel, ThrowsWhatATaskThrewOnceAllAreDone) {
  std::atomic<int> hits{0};
  for (int round = 0; round < 100; ++round) {
    EXPECT_THROW(ParallelFor(8, 2,
                             [&](int i) {
                               ++hits;
                               if (i == 5) throw std::bad_alloc();
                             }),
                 std::bad_alloc);
  }
  EXPECT_GE(hits, 100 * 6);
  ParallelFor(8, 2, [&](int) { hits = 0; });
  EXPECT_EQ(hits, 0);
}

TEST(Check, EndsWithExitCodeOneAndAPathFromTheSource) {
  EXPECT_EXIT(LS_CHECK(1 + 1 == 3), testing::ExitedWithCode(1),
              R"(CHECK\(1 \+ 1 == 3\) failed at src/base/base_test\.cc:)");
}

TEST(Progress, AStopSaysWhatWasKept) {
  const auto stopped = [] {
    try {
      ThrowIfStopRequested();
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kInterrupted);
      return std::string(error.what());
    }
    return std::string("not stopped");
  };
  EXPECT_EQ(stopped(), "not stopped");
  // In a process of its own: a stop cannot be taken back.
  EXPECT_EXIT(
      {
        RequestStop();
        std::string all = stopped();
        NoteNothingKept("--checkpoint FILE would");
        all += "|" + stopped();
        NoteKept("ck");
        all += "|" + stopped();
        std::fputs(all.c_str(), stderr);
        _exit(0);
      },
      testing::ExitedWithCode(0),
      R"(stopped; nothing was kept\|stopped; nothing was kept \(--checkpoint FILE would\)\|stopped; the same command goes on from ck)");
}

TEST(Warning, GoesToTheSinkThatIsSet) {
  Warn("nobody listens");
  std::vector<std::string> heard;
  const WarningSink before =
      SetWarningSink([&](std::string_view text) { heard.emplace_back(text); });
  EXPECT_FALSE(before);
  Warn("{} of {}", 2, 3);
  Warn("a brace { is text");
  SetWarningSink(before);
  Warn("nobody listens any more");
  EXPECT_EQ(heard, (std::vector<std::string>{"2 of 3", "a brace { is text"}));
}

}  // namespace
}  // namespace litesmith
