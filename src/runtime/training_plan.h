// Runs a graph forward and backward over a batch cut into a fixed number of
// shards. It knows no op: weight-edge nodes (pruning, clustering, fake
// quantization of weights) do not depend on the input and run once a step; all
// others run once a shard. Loss and optimizer belong to the trainer.
//
// Results do not depend on the number of threads: shards are fixed, each is
// computed whole by one thread, and their gradients are added in one tree.
#ifndef LITESMITH_RUNTIME_TRAINING_PLAN_H_
#define LITESMITH_RUNTIME_TRAINING_PLAN_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "src/graph/graph.h"

namespace litesmith {

// What the trainer does for one shard of a step; called on worker threads, one
// call a shard. Samples [first, first + count) of the batch.
struct ShardCallbacks {
  // Fills the shard's input, `count` samples of float32.
  std::function<void(int shard, int first, int count, float* input)> load;
  // Reads the outputs and writes the loss's gradient, both [count, classes].
  std::function<void(int shard, int first, int count, const float* output,
                     float* output_grad)>
      loss;
};

class TrainingPlan {
 public:
  static constexpr int kShards = 8;

  // `batch` is the largest batch of a step; what an op draws at random follows
  // from `seed`. Throws Error if an op has no training kernel.
  TrainingPlan(const Graph& graph, int batch, int threads, uint64_t seed = 0);
  ~TrainingPlan();

  // One training step (`step` counts from 1): updates, forward, loss,
  // backward. Leaves the parameters' summed gradient in gradients().
  void Step(int batch, int64_t step, const ShardCallbacks& callbacks);

  // All parameters, one after another with padding, and their gradients and
  // whatever the optimizer keeps in the same layout. Padding stays zero.
  std::span<float> parameters();
  std::span<const float> gradients() const;
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
