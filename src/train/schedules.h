// The learning rate of each step: one row a schedule.
#ifndef LITESMITH_TRAIN_SCHEDULES_H_
#define LITESMITH_TRAIN_SCHEDULES_H_

#include <cstdint>
#include <span>
#include <string_view>

namespace litesmith {

struct Schedule {
  const char* name;
  const char* summary;  // one line for `litesmith list schedules`
  // Whether the rate depends on how many steps the training has.
  bool needs_length;
  // The rate of step 1 .. steps; `base` is that of the options.
  float (*rate)(float base, int64_t step, int64_t steps);
};

std::span<const Schedule> Schedules();
// Throws Error{invalid argument} with the nearest name and all of them.
const Schedule& FindSchedule(std::string_view name);

}  // namespace litesmith

#endif  // LITESMITH_TRAIN_SCHEDULES_H_
