// Shards of a training step: where what one computes lies, and who computes it.
#ifndef LITESMITH_RUNTIME_TRAINING_SHARDS_H_
#define LITESMITH_RUNTIME_TRAINING_SHARDS_H_

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "src/base/check.h"

namespace litesmith {

// Which samples of a batch a shard has. A batch of 112 is seven full shards of
// 16; the last one is empty.
struct ShardRange {
  int first = 0;
  int count = 0;
};

// A GradientAdd in one shard.
struct Add {
  const float* from;
  float* to;
  size_t floats;
};

// One node in one shard, or one weight-edge node: where everything is.
struct Call {
  std::vector<const void*> inputs;
  std::vector<void*> outputs;
  std::vector<const float*> output_grads;
  std::vector<float*> input_grads;
  std::vector<Add> adds;
  std::byte* saved = nullptr;
  // The input that lies with whoever computes the shard, and whether the output
  // does.
  int lent_input = -1;
  bool lent_output = false;
};

// The other way round within each thread's part of `shards` tasks, which
// ParallelRun gives it: what it had last is what its cache still holds.
inline int Turned(int task, int shards, int threads) {
  threads = std::clamp(threads, 1, shards);
  const int thread = task * threads / shards;
  const auto first = [&](int t) {
    return (t * shards + threads - 1) / threads;
  };
  return first(thread) + first(thread + 1) - 1 - task;
}

// One of the workspaces that nobody uses, a bit each in `idle`: the first, so
// that a thread, most often, has again what its cache still holds. There are as
// many as threads.
class Worker {
 public:
  explicit Worker(std::atomic<uint32_t>* idle) : idle_(idle) {
    uint32_t now = idle->load(std::memory_order_relaxed);
    do {
      LS_CHECK(now != 0);
    } while (!idle->compare_exchange_weak(now, now & (now - 1),
                                          std::memory_order_acquire));
    number_ = std::countr_zero(now);
  }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  ~Worker() {
    idle_->fetch_or(uint32_t{1} << number_, std::memory_order_release);
  }
  int number() const { return number_; }

 private:
  std::atomic<uint32_t>* idle_;
  int number_;
};

}  // namespace litesmith

#endif  // LITESMITH_RUNTIME_TRAINING_SHARDS_H_
