// The list of metrics.
#include "src/measure/metrics.h"

#include <fmt/format.h>

#include "src/base/names.h"
#include "src/measure/metrics/scorers.h"

namespace litesmith {
namespace {

constexpr Metric kMetrics[] = {
    {"top1", "share of samples whose label's value is the largest", true, true,
     TargetKind::kLabels, MakeTop1},
    {"top5", "share of samples whose label's value is among the five largest",
     true, true, TargetKind::kLabels, MakeTop5},
    {"auc",
     "area under the ROC curve of two classes: how often a sample that is not "
     "of class 0 has a larger score than one that is",
     true, false, TargetKind::kLabels, MakeAuc},
    {"mse", "mean squared error of all values", false, false,
     TargetKind::kValues, MakeMse},
    {"mae", "mean absolute error of all values", false, false,
     TargetKind::kValues, MakeMae},
};

}  // namespace

std::span<const Metric> Metrics() { return kMetrics; }

const Metric& FindMetric(std::string_view name) {
  return FindByName(kMetrics, name, "metric");
}

std::string ValueText(const Metric& metric, double value) {
  return metric.is_share ? fmt::format("{:.2f} %", 100 * value)
                         : fmt::format("{:.6g}", value);
}

}  // namespace litesmith
