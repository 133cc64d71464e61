// Optimizer steps, one at a time: a training plan over some data, a loss, an
// optimizer with its slots and a schedule. Which samples make a batch is the
// caller's choice: trainer.h walks shuffled epochs, a test can replay the
// batches of another framework.
#ifndef LITESMITH_TRAIN_TRAINING_RUN_H_
#define LITESMITH_TRAIN_TRAINING_RUN_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "src/data/batch.h"
#include "src/data/dataset.h"
#include "src/graph/graph.h"
#include "src/runtime/feeder.h"
#include "src/runtime/interpreter.h"
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
  // `teacher` is trainer.h's, `tuned_by` how many of the samples "balanced"
  // class weights are counted in (-1: all).
  TrainingRun(const Graph& graph, const Dataset& data,
              const TrainOptions& options, int64_t steps = 1,
              const Graph* teacher = nullptr, int64_t tuned_by = -1);

  // One step on a batch of the data, of 1 to options.batch samples. Gives their
  // loss before the optimizer moved the parameters; the part of regularizers is
  // counted once for each sample, as if it belonged to theirs.
  LossSum Step(const Batch& batch);

  // How many steps were taken; a checkpoint sets it.
  int64_t steps() const { return steps_; }
  void set_steps(int64_t steps);
  // Of the last step.
  float learning_rate() const { return learning_rate_; }
  // The optimizer's, each laid out as the plan's parameters.
  std::span<std::vector<float>> slots() { return slots_; }
  TrainingPlan& plan() { return *plan_; }
  // Parameters and states of the best epoch so far, for those who ask for it
  // (options.early_stopping); empty before the first.
  struct Best {
    std::vector<float> parameters;
    std::vector<std::byte> states;
  };
  Best& best() { return best_; }
  void KeepBest();
  void GoBackToBest();
  // The graph as it was given, with the present parameters and states.
  Graph Export() const;
  int threads() const { return threads_; }

 private:
  // On cache lines of its own: shards write from several threads.
  struct alignas(64) Shard {
    LossHead head;
    LossSum sum;
    std::unique_ptr<Interpreter> teacher;  // or null
    std::vector<std::byte*> teacher_inputs;
  };

  std::unique_ptr<TrainingPlan> MakePlan(Graph graph) const;
  void MakeTeacher(const Graph& teacher);
  LossSum Loss(int shard, int first, int count, const float* output,
               float* grad);
  // How far answers are from the teacher's; adds its gradient times `scale`.
  double Distance(const float* output, const float* answers, int count,
                  int values, float scale, float* grad) const;
  // Moments of batch normalizations stay from here on, if it is time.
  void FreezeIfTime();
  // Adds the gradient of regularizers, and gives what they add to the loss.
  double AddRegularizers();
  void ClipGradient();
  // Where steps are in proportion to weights (step_scales.h).
  void FindScales(const Graph& graph);
  void MoveParameters();

  const TrainOptions& options_;
  const litesmith::Loss& loss_;
  std::vector<TensorId> outputs_;  // of the graph as it was given
  int threads_;
  std::unique_ptr<TrainingPlan> plan_;
  int64_t freeze_at_;  // a step; -1: never, or done
  Best best_;
  InputFeeder feed_;
  std::vector<Shard> shards_;
  const Optimizer& optimizer_;
  int64_t schedule_steps_;
  std::vector<std::vector<float>> slots_;
  struct Scaled {
    size_t first = 0;  // of the plan's parameters
    size_t end = 0;
    float scale = 1;
  };
  std::vector<Scaled> scaled_;
  std::vector<double> weight_losses_;  // of a step, by trained tensor
  int64_t steps_ = 0;
  float learning_rate_ = 0;
  ShardCallbacks callbacks_;
  const Batch* batch_ = nullptr;  // of the step that is running
};

}  // namespace litesmith

#endif  // LITESMITH_TRAIN_TRAINING_RUN_H_
