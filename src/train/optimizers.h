// How parameters follow their gradient: one row an optimizer.
#ifndef LITESMITH_TRAIN_OPTIMIZERS_H_
#define LITESMITH_TRAIN_OPTIMIZERS_H_

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "src/runtime/training_plan.h"

namespace litesmith {

struct TrainOptions;

// One step of all parameters. Slots, weights and gradient have one layout.
struct OptimizerStep {
  const TrainOptions& options;
  int64_t step;  // 1 in the first
  float rate;    // of the schedule, in this step
  std::span<const float> gradient;
  std::span<float> weights;
  std::span<const TrainingPlan::Trained> trained;  // which of them
  std::span<std::vector<float>> slots;  // zeros before the first step
  int threads;
};

struct Optimizer {
  const char* name;     // as Keras calls it
  const char* summary;  // one line for `litesmith list optimizers`
  int slots;            // how many floats it keeps for each weight
  void (*step)(const OptimizerStep& step);
};

std::span<const Optimizer> Optimizers();
// Throws Error{invalid argument} with the nearest name and all of them.
const Optimizer& FindOptimizer(std::string_view name);

}  // namespace litesmith

#endif  // LITESMITH_TRAIN_OPTIMIZERS_H_
