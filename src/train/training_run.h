// Optimizer steps, one at a time: a training plan over some data, Keras's Adam
// and its slots. Which samples make a batch is the caller's choice: trainer.h
// walks shuffled epochs, a test can replay the batches of another framework.
#ifndef LITESMITH_TRAIN_TRAINING_RUN_H_
#define LITESMITH_TRAIN_TRAINING_RUN_H_

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "src/data/dataset.h"
#include "src/graph/graph.h"
#include "src/runtime/training_plan.h"
#include "src/train/trainer.h"

namespace litesmith {

// Of one step's batch, before the optimizer moved the parameters.
struct StepResult {
  double loss = 0;  // summed over the samples
  int correct = 0;
};

class TrainingRun {
 public:
  // `data` and `options` must outlive the run; options.batch is the largest
  // batch of a step. Model and data must fit each other (Train checks it).
  // Throws Error if an op of the graph cannot be trained.
  TrainingRun(const Graph& graph, const Dataset& data,
              const TrainOptions& options);

  // One step on these samples of the data, 1 to options.batch of them.
  StepResult Step(std::span<const int32_t> samples);

  // How many steps were taken; a checkpoint sets it.
  int64_t steps() const { return steps_; }
  void set_steps(int64_t steps) { steps_ = steps; }
  // Adam's first and second moments, laid out as the plan's parameters.
  std::span<float> m() { return m_; }
  std::span<float> v() { return v_; }
  TrainingPlan& plan() { return plan_; }
  int threads() const { return threads_; }

 private:
  // On a cache line of its own: shards write from several threads.
  struct alignas(64) Counts {
    double loss = 0;
    int correct = 0;
  };

  void Load(int first, int count, float* input) const;
  void Loss(int shard, int first, int count, const float* output, float* grad);
  void Optimize();

  const Dataset& data_;
  const TrainOptions& options_;
  int threads_;
  TrainingPlan plan_;
  int classes_;
  size_t sample_floats_;
  std::vector<float> m_;
  std::vector<float> v_;
  int64_t steps_ = 0;
  ShardCallbacks callbacks_;
  std::span<const int32_t> samples_;  // of the step that is running
  std::array<Counts, TrainingPlan::kShards> counts_;
};

}  // namespace litesmith

#endif  // LITESMITH_TRAIN_TRAINING_RUN_H_
