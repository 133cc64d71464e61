// What is said of an epoch while it goes on: its step, the loss and accuracy so
// far, and how fast it is.
#ifndef LITESMITH_TRAIN_EPOCH_PROGRESS_H_
#define LITESMITH_TRAIN_EPOCH_PROGRESS_H_

#include <cstdint>
#include <string>

#include "src/base/progress.h"
#include "src/base/timer.h"

namespace litesmith {

class EpochProgress {
 public:
  // Of an epoch of so many samples in batches of at most `batch`; `task` is
  // "none: epoch 2 of 5". A null sink is told nothing. `labels`: the loss
  // counts right answers.
  EpochProgress(Progress* sink, std::string task, int64_t samples, int batch,
                bool labels);
  // After a step of so many samples, the sum of whose losses and the number of
  // whose right answers these are.
  void Add(int samples, double loss, int64_t correct);

 private:
  std::string Text() const;

  Progress* sink_;
  std::string task_;
  int64_t samples_;
  int64_t steps_;
  bool labels_;
  int64_t done_ = 0;
  int64_t step_ = 0;
  double loss_ = 0;
  int64_t correct_ = 0;
  Timer timer_;
  double said_ = -1;  // when the text was made
  std::string text_;
};

}  // namespace litesmith

#endif  // LITESMITH_TRAIN_EPOCH_PROGRESS_H_
