// What a sink is told of an epoch.
#include "src/train/epoch_progress.h"

#include <gtest/gtest.h>

#include <string>

namespace litesmith {
namespace {

class Told : public Progress {
 public:
  void Update(std::string_view task, int64_t done, int64_t total) override {
    if (first.empty()) first = task;
    last_done = done;
    last_total = total;
    ++calls;
  }
  std::string first;
  int64_t last_done = 0;
  int64_t last_total = 0;
  int calls = 0;
};

TEST(EpochProgress, SaysStepLossAndAccuracySoFar) {
  Told told;
  EpochProgress progress(&told, "none: epoch 2 of 5", 10, 4, /*labels=*/true);
  progress.Add(4, 2.0, 3);
  EXPECT_EQ(told.first.rfind("none: epoch 2 of 5, step 1 of 3, loss 0.5000, "
                             "accuracy 75.00 %, ",
                             0),
            0u)
      << told.first;
  EXPECT_NE(told.first.find(" samples/s"), std::string::npos);
  progress.Add(4, 1.0, 4);
  progress.Add(2, 1.0, 2);
  EXPECT_EQ(told.calls, 3);
  EXPECT_EQ(told.last_done, 10);
  EXPECT_EQ(told.last_total, 10);
}

TEST(EpochProgress, HasNoAccuracyWithoutLabels) {
  Told told;
  EpochProgress progress(&told, "t", 2, 2, /*labels=*/false);
  progress.Add(2, 1.0, 0);
  EXPECT_EQ(told.first.find("accuracy"), std::string::npos);
  EpochProgress(nullptr, "t", 2, 2, false).Add(2, 1.0, 0);
}

}  // namespace
}  // namespace litesmith
