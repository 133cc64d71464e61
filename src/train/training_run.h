// Optimizer steps, one at a time: a training plan over some data, a loss, an
// optimizer with its slots and a schedule. Which samples make a batch is the
// caller's choice: trainer.h walks shuffled epochs, a test can replay the
// batches of another framework.
#ifndef LITESMITH_TRAIN_TRAINING_RUN_H_
#define LITESMITH_TRAIN_TRAINING_RUN_H_

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "src/data/batch.h"
#include "src/data/dataset.h"
#include "src/graph/graph.h"
#include "src/runtime/feeder.h"
#include "src/runtime/training_plan.h"
#include "src/train/losses.h"
#include "src/train/optimizers.h"
#include "src/train/schedules.h"
#include "src/train/trainer.h"

namespace litesmith {

class TrainingRun {
 public:
  // `options` must outlive the run; options.batch is the largest batch of a
  // step, `steps` how many the schedule spans. Throws Error if an op of the
  // graph cannot be trained, or the data does not fit the model's inputs and
  // first output.
  TrainingRun(const Graph& graph, const Dataset& data,
              const TrainOptions& options, int64_t steps = 1);

  // One step on a batch of the data, of 1 to options.batch samples. Gives their
  // loss before the optimizer moved the parameters.
  LossSum Step(const Batch& batch);

  // How many steps were taken; a checkpoint sets it.
  int64_t steps() const { return steps_; }
  void set_steps(int64_t steps) { steps_ = steps; }
  // Of the last step.
  float learning_rate() const { return learning_rate_; }
  // The optimizer's, each laid out as the plan's parameters.
  std::span<std::vector<float>> slots() { return slots_; }
  TrainingPlan& plan() { return plan_; }
  // The graph as it was given, with the present parameters and states.
  Graph Export() const;
  int threads() const { return threads_; }

 private:
  // On cache lines of its own: shards write from several threads.
  struct alignas(64) Shard {
    LossHead head;
    LossSum sum;
  };

  const TrainOptions& options_;
  const Loss& loss_;
  std::vector<TensorId> outputs_;  // of the graph as it was given
  int threads_;
  TrainingPlan plan_;
  InputFeeder feed_;
  std::vector<Shard> shards_;
  const Optimizer& optimizer_;
  const Schedule& schedule_;
  int64_t schedule_steps_;
  std::vector<std::vector<float>> slots_;
  int64_t steps_ = 0;
  float learning_rate_ = 0;
  ShardCallbacks callbacks_;
  const Batch* batch_ = nullptr;  // of the step that is running
};

}  // namespace litesmith

#endif  // LITESMITH_TRAIN_TRAINING_RUN_H_
