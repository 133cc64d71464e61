// The list of metrics.
#include "src/measure/metrics.h"

#include <fmt/format.h>

#include <algorithm>

#include "src/base/error.h"
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

// Of an output of this shape, the batch first.
const char* MetricThatSuits(const Shape& shape, const Dataset& data,
                            size_t output) {
  int64_t values = 1;
  for (int d = 1; d < shape.rank(); ++d) values *= shape[d];
  if (const int classes = data.ClassesOf(output); classes > 0) {
    if (values == 1 && classes <= 2) return "binary";
    if (values >= classes && shape.rank() <= 2) return "top1";
    if (output == 0 && values == data.inputs()[0].shape.NumElements())
      return "auc_reconstruction";
    if (output == 0) return "top1";
  }
  const size_t targets =
      data.targets().empty() ? data.inputs().size() : data.targets().size();
  if (output < targets &&
      FieldAt(data, TargetAt(data, output)).shape.NumElements() == values)
    return "mse";
  return output == 0 ? "top1" : "mse";
}

}  // namespace

std::span<const Metric> Metrics() { return kMetrics; }

const Metric& FindMetric(std::string_view name) {
  return FindByName(kMetrics, name, "metric");
}

const Metric* MetricOrNull(std::string_view name) {
  const auto metric =
      std::find_if(Metrics().begin(), Metrics().end(),
                   [&](const Metric& each) { return name == each.name; });
  return metric == Metrics().end() ? nullptr : &*metric;
}

std::string ShownName(const std::string& name) {
  return name == "top1" ? "accuracy" : name;
}

std::string ChooseMetric(const std::string& names, const Graph& graph,
                         const Dataset& data, size_t output) {
  const auto given =
      static_cast<size_t>(1 + std::count(names.begin(), names.end(), ','));
  if (given > std::max<size_t>(1, graph.outputs.size())) {
    Fail(ErrorKind::kInvalidArgument,
         "metric {}: that is one for each of {}; the model has {}", names,
         Counted(static_cast<int64_t>(given), "output"), graph.outputs.size());
  }
  std::string_view rest = names;
  for (size_t o = 0; o < output && !rest.empty(); ++o)
    rest.remove_prefix(std::min(rest.size(), rest.find(',')) +
                       (rest.find(',') < rest.size() ? 1 : 0));
  const std::string name(rest.substr(0, rest.find(',')));
  const bool automatic = name.empty() || name == kAutoMetric;
  if (!automatic || output >= graph.outputs.size())
    return automatic ? "top1" : name;
  return MetricThatSuits(graph.tensor(graph.outputs[output]).shape, data,
                         output);
}

std::string OutputName(const Graph& graph, size_t output) {
  const bool named =
      output < graph.output_names.size() && !graph.output_names[output].empty();
  return named ? graph.output_names[output]
               : graph.tensor(graph.outputs[output]).name;
}

size_t JudgedOutputs(const Graph& graph, const Dataset& data) {
  return std::clamp<size_t>(data.targets().size(), 1,
                            std::max<size_t>(1, graph.outputs.size()));
}

std::vector<std::string> ChooseMetrics(const std::string& names,
                                       const Graph& graph,
                                       const Dataset& data) {
  std::vector<std::string> chosen;
  for (size_t o = 0; o < JudgedOutputs(graph, data); ++o)
    chosen.push_back(ChooseMetric(names, graph, data, o));
  return chosen;
}

std::string ValueText(const Metric& metric, double value) {
  return metric.is_share ? fmt::format("{:.2f} %", 100 * value)
                         : fmt::format("{:.6g}", value);
}

}  // namespace litesmith
