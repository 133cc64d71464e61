// One clock reading a step; the limits are measured afterwards.
#include "src/cli/plan_profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>

#include "src/base/progress.h"
#include "src/cli/table.h"
#include "src/kernels/common/peak.h"

namespace litesmith {
namespace {

// Calls between two looks at the clock and at a requested stop.
constexpr int kProfiledCalls = 16;

// Two readings of the clock a step take so many seconds, which are no work.
double ClockSeconds() {
  using Clock = std::chrono::steady_clock;
  double least = 1;
  for (int i = 0; i < 1000; ++i) {
    const auto start = Clock::now();
    const auto end = Clock::now();
    least = std::min(least, std::chrono::duration<double>(end - start).count());
  }
  return least;
}

}  // namespace

std::vector<StepTime> ProfilePlan(Interpreter* interpreter, double seconds) {
  using Clock = std::chrono::steady_clock;
  std::vector<StepTime> all;
  for (PlanStep& step : interpreter->Steps()) all.push_back({std::move(step)});
  std::vector<double> best(all.size(), std::numeric_limits<double>::max());
  std::vector<double> once(all.size());
  const auto start = Clock::now();
  do {
    ThrowIfStopRequested();
    for (int i = 0; i < kProfiledCalls; ++i) {
      std::fill(once.begin(), once.end(), 0.0);
      interpreter->InvokeTimed(once);
      for (size_t k = 0; k < all.size(); ++k)
        best[k] = std::min(best[k], once[k]);
    }
  } while (std::chrono::duration<double>(Clock::now() - start).count() <
           seconds);
  const double clock = ClockSeconds();
  double total = 0;
  for (double& each : best) total += each = std::max(each - clock, 1e-9);
  for (size_t k = 0; k < all.size(); ++k) {
    StepTime& of = all[k];
    of.us = best[k] * 1e6 / interpreter->batch();
    of.share = best[k] / total;
    of.gbytes = of.step.bytes * 1e-9 / best[k];
    const Work& work = of.step.work;
    if (work.macs > 0)
      of.of_peak = work.macs * 1e6 / of.us / PeakMacs(work.peak);
  }
  return all;
}

std::string ProfileText(const std::vector<StepTime>& steps) {
  TextTable table({{"us", true},
                   {"Share", true},
                   {"Operator"},
                   {"Kernel", false, 1},
                   {"Output", false, 2},
                   {"MACs", true, 4},
                   {"GMAC/s", true, 5},
                   {"Peak", true},
                   {"GB/s", true, 3},
                   {"Node", false, 6}});
  for (const StepTime& of : steps) {
    const double macs = of.step.work.macs;
    const auto if_any = [&](std::string text) {
      return macs > 0 ? std::move(text) : std::string();
    };
    table.Add({fmt::format("{:.2f}", of.us),
               fmt::format("{:.1f} %", of.share * 100), of.step.ops,
               of.step.kernel, of.step.output.ToString(),
               if_any(fmt::format("{:.0f}", macs)),
               if_any(fmt::format("{:.1f}", macs * 1e-3 / of.us)),
               if_any(fmt::format("{:.0f} %", of.of_peak * 100)),
               fmt::format("{:.1f}", of.gbytes), of.step.node});
  }
  return table.Text();
}

OrderedJson ProfileJson(const std::vector<StepTime>& steps) {
  OrderedJson list = OrderedJson::array();
  for (const StepTime& of : steps) {
    const double macs = of.step.work.macs;
    list.push_back(
        {{"ops", of.step.ops},
         {"node", of.step.node},
         {"kernel", of.step.kernel},
         {"output", of.step.output.ToString()},
         {"us", of.us},
         {"share", of.share},
         {"macs", macs},
         {"of_peak", macs > 0 ? OrderedJson(of.of_peak) : OrderedJson()},
         {"gbytes", of.gbytes}});
  }
  return list;
}

}  // namespace litesmith
