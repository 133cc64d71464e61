// The learning rate of each step: one row a schedule.
#ifndef LITESMITH_TRAIN_SCHEDULES_H_
#define LITESMITH_TRAIN_SCHEDULES_H_

#include <cstdint>
#include <span>
#include <string_view>

namespace litesmith {

struct TrainOptions;

inline constexpr std::string_view kAutoSchedule = "auto";

struct Schedule {
  const char* name;
  const char* summary;  // one line for `litesmith list schedules`
  // Whether the rate depends on how many steps the training has.
  bool needs_length;
  // The rate where the share `done`, in [0, 1), of the steps is over.
  float (*rate)(const TrainOptions& options, double done);
};

std::span<const Schedule> Schedules();
// Throws Error{invalid argument} with the nearest name and all of them.
const Schedule& FindSchedule(std::string_view name);

// The rate of step 1 .. steps: by options.schedule, behind the steps in which
// it grows from 0 (options.warmup).
float LearningRate(const TrainOptions& options, int64_t step, int64_t steps);
// Whether it depends on how many steps the training has.
bool NeedsLength(const TrainOptions& options);

}  // namespace litesmith

#endif  // LITESMITH_TRAIN_SCHEDULES_H_
