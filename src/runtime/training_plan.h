// Runs a graph forward and backward over a batch cut into a fixed number of
// shards. It knows no op: weight-edge nodes (pruning, clustering, fake
// quantization of weights) do not depend on the input and run once a step; all
// others run once for each shard. Losses and optimizer belong to the trainer.
//
// A graph that takes one sample at a time, as files that were converted for one
// do, is run once for each sample of a shard.
//
// Results do not depend on the number of threads: shards are fixed, each is
// computed whole by one thread, and their gradients are added in one tree.
#ifndef LITESMITH_RUNTIME_TRAINING_PLAN_H_
#define LITESMITH_RUNTIME_TRAINING_PLAN_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "src/graph/graph.h"

namespace litesmith {

// Reads a head's output and writes its loss's gradient, both float32 of
// [count, elements of a sample].
using LossCallback = std::function<void(
    int shard, int first, int count, const float* output, float* output_grad)>;

// What the trainer does for one shard of a step, samples [first, first + count)
// of the batch; called on worker threads, once for each shard. May not throw.
struct ShardCallbacks {
  // Fills the shard's inputs, in the graph's order: `count` samples of each, of
  // the input's own type.
  std::function<void(int shard, int first, int count,
                     std::span<std::byte* const> inputs)>
      load;
  std::vector<LossCallback> losses;  // one for each head
};

struct TrainingPlanOptions {
  int batch = 1;  // the largest of a step
  int threads = 1;
  uint64_t seed = 0;  // of what ops draw at random
  // Positions of the graph's outputs that have a loss. Only what lies between a
  // parameter and one of these is trained.
  std::vector<int> heads = {0};
};

class TrainingPlan {
 public:
  static constexpr int kShards = 8;

  // Throws Error if an op has no training kernel, or if no parameter lies
  // before a head.
  TrainingPlan(const Graph& graph, const TrainingPlanOptions& options);
  ~TrainingPlan();

  // One training step (`step` counts from 1): updates, forward, losses,
  // backward. Leaves the parameters' summed gradient in gradients().
  void Step(int batch, int64_t step, const ShardCallbacks& callbacks);

  // All parameters, one after another with padding, and their gradients and
  // whatever the optimizer keeps in the same layout. Padding stays zero.
  std::span<float> parameters();
  std::span<const float> gradients() const;
  std::span<float> gradients();
  // Which of them a head's loss trains, in order; the gradient of the others is
  // zero.
  struct Trained {
    TensorId id = kNoTensor;  // of the constructor's graph
    size_t first = 0;         // of its floats
    size_t end = 0;
    Regularizer regularizer;
  };
  std::span<const Trained> trained() const;
  // All states, raw, in the graph's order: for checkpoints.
  std::span<std::byte> states();

  // The graph given to the constructor with the present parameters and states.
  Graph Export() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace litesmith

#endif  // LITESMITH_RUNTIME_TRAINING_PLAN_H_
