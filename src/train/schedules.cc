// The list of schedules.
#include "src/train/schedules.h"

#include <cmath>
#include <numbers>

#include "src/base/names.h"

namespace litesmith {
namespace {

// How much of the training is over when this step begins, in [0, 1).
double Done(int64_t step, int64_t steps) {
  return static_cast<double>(step - 1) / static_cast<double>(steps);
}

float Constant(float base, int64_t, int64_t) { return base; }

float Cosine(float base, int64_t step, int64_t steps) {
  return static_cast<float>(
      base * 0.5 * (1 + std::cos(std::numbers::pi * Done(step, steps))));
}

float Linear(float base, int64_t step, int64_t steps) {
  return static_cast<float>(base * (1 - Done(step, steps)));
}

constexpr Schedule kSchedules[] = {
    {"constant", "the learning rate as it is", false, Constant},
    {"cosine", "from the learning rate to zero by half a cosine", true, Cosine},
    {"linear", "from the learning rate to zero in a straight line", true,
     Linear},
};

}  // namespace

std::span<const Schedule> Schedules() { return kSchedules; }

const Schedule& FindSchedule(std::string_view name) {
  return FindByName(kSchedules, name, "schedule");
}

}  // namespace litesmith
