// The list of schedules.
#include "src/train/schedules.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "src/base/names.h"
#include "src/train/trainer.h"

namespace litesmith {
namespace {

float Constant(const TrainOptions& o, double) { return o.learning_rate; }

// From the learning rate to the final one, `left` of the way being left.
float Between(const TrainOptions& o, double left) {
  const double base = o.learning_rate;
  const double end = o.final_learning_rate;
  return static_cast<float>(end + (base - end) * left);
}

float Cosine(const TrainOptions& o, double done) {
  return Between(o, 0.5 * (1 + std::cos(std::numbers::pi * done)));
}

float Linear(const TrainOptions& o, double done) {
  return static_cast<float>(o.learning_rate * (1 - done));
}

float Polynomial(const TrainOptions& o, double done) {
  return Between(o, std::pow(1 - done, double{o.schedule_power}));
}

float Step(const TrainOptions& o, double done) {
  // Beside a border by rounding alone it is over.
  const double times = std::floor(done / double{o.decay_every} + 1e-9);
  return static_cast<float>(o.learning_rate *
                            std::pow(double{o.decay_rate}, times));
}

constexpr Schedule kSchedules[] = {
    {kAutoSchedule.data(),
     "constant; in steps of recipes that settle (qat, cluster) cosine, but "
     "with "
     "--tfmot constant",
     false, Constant},
    {"constant", "the learning rate as it is", false, Constant},
    {"cosine", "from the learning rate to the final one by half a cosine", true,
     Cosine},
    {"linear", "from the learning rate to zero in a straight line", true,
     Linear},
    {"polynomial",
     "from the learning rate to the final one by (1 - done)^power", true,
     Polynomial},
    {"step", "times the decay rate whenever the decay's share is over", true,
     Step},
};

}  // namespace

std::span<const Schedule> Schedules() { return kSchedules; }

const Schedule& FindSchedule(std::string_view name) {
  return FindByName(kSchedules, name, "schedule");
}

float LearningRate(const TrainOptions& options, int64_t step, int64_t steps) {
  const Schedule& schedule = FindSchedule(options.schedule);
  const auto growing =
      static_cast<int64_t>(double{options.warmup} * static_cast<double>(steps));
  if (step <= growing) {
    const float share = static_cast<float>(step) / static_cast<float>(growing);
    return schedule.rate(options, 0) * share;
  }
  const auto rest = static_cast<double>(std::max<int64_t>(steps - growing, 1));
  return schedule.rate(options, static_cast<double>(step - growing - 1) / rest);
}

bool NeedsLength(const TrainOptions& options) {
  return options.warmup > 0 || FindSchedule(options.schedule).needs_length;
}

}  // namespace litesmith
