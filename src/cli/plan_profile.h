// benchmark --profile: where the time of an inference goes.
#ifndef LITESMITH_CLI_PLAN_PROFILE_H_
#define LITESMITH_CLI_PLAN_PROFILE_H_

#include <string>
#include <vector>

#include "src/cli/json.h"
#include "src/runtime/interpreter.h"

namespace litesmith {

struct StepTime {
  PlanStep step;
  double us = 0;       // an inference
  double share = 0;    // of all steps
  double of_peak = 0;  // of the machine's multiply-accumulates; 0: it has none
  double gbytes = 0;   // a second, of the tensors that it reads and writes
};

// Runs on one thread for so many seconds; the input is filled. Of each step the
// fastest run counts: what else runs on the machine only slows.
std::vector<StepTime> ProfilePlan(Interpreter* interpreter, double seconds);

std::string ProfileText(const std::vector<StepTime>& steps);
OrderedJson ProfileJson(const std::vector<StepTime>& steps);

}  // namespace litesmith

#endif  // LITESMITH_CLI_PLAN_PROFILE_H_
