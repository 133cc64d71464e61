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
    {"top3", "share of samples whose label's value is among the three largest",
     true, true, TargetKind::kLabels, MakeTop3},
    {"binary",
     "share of samples that are on the right side of 0.5, or of the largest "
     "value's class; of several values all must be",
     true, true, TargetKind::kBinary, MakeBinary},
    {"crossentropy",
     "mean of -log of the probability of the label; outputs that are none are "
     "made probabilities",
     false, false, TargetKind::kLabels, MakeCrossentropy},
    {"auc",
     "area under the ROC curve of two classes: how often a sample that is not "
     "of class 0 has a larger score than one that is",
     true, false, TargetKind::kBinary, MakeAuc},
    {"auc_reconstruction",
     "area under the ROC curve of the mean squared error between input and "
     "output, against whether a sample is not of class 0 (an anomaly)",
     true, false, TargetKind::kInput, MakeReconstructionAuc},
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

std::string ChooseMetric(const std::string& name, const Graph& graph,
                         const Dataset& data, size_t output) {
  if (name != kAutoMetric || output >= graph.outputs.size())
    return name == kAutoMetric ? "top1" : name;
  int64_t values = 1;
  const Shape& shape = graph.tensor(graph.outputs[output]).shape;
  for (int d = 1; d < shape.rank(); ++d) values *= shape[d];
  if (output == 0 && data.classes() > 0) {
    if (values == 1 && data.classes() <= 2) return "binary";
    if (values >= data.classes() && shape.rank() <= 2) return "top1";
    if (values == data.inputs()[0].shape.NumElements())
      return "auc_reconstruction";
    return "top1";
  }
  const size_t targets =
      data.targets().empty() ? data.inputs().size() : data.targets().size();
  if (output < targets &&
      FieldAt(data, TargetAt(data, output)).shape.NumElements() == values)
    return "mse";
  return output == 0 ? "top1" : "mse";
}

std::string ValueText(const Metric& metric, double value) {
  return metric.is_share ? fmt::format("{:.2f} %", 100 * value)
                         : fmt::format("{:.6g}", value);
}

}  // namespace litesmith
