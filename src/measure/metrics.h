// What a model's outputs are worth: one row a metric, of metrics/.
#ifndef LITESMITH_MEASURE_METRICS_H_
#define LITESMITH_MEASURE_METRICS_H_

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "src/data/dataset.h"
#include "src/graph/graph.h"
#include "src/train/fit.h"

namespace litesmith {

// A metric of one output against one field. A sample's part of it is a few
// numbers that depend on that sample alone, and the whole is computed of all
// parts in the order of the samples: the same on any number of threads.
class Scorer {
 public:
  virtual ~Scorer() = default;
  // How many numbers a part is.
  virtual size_t width() const { return 1; }
  // `target` is the field's stored bytes, `output` the output's, both of one
  // sample. Safe to call from several threads.
  virtual void Part(const std::byte* target, const std::byte* output,
                    double* part) const = 0;
  // The same with the sample's first input, for what compares with it, too.
  virtual void PartWith(const std::byte* input, const std::byte* target,
                        const std::byte* output, double* part) const {
    (void)input;
    Part(target, output, part);
  }
  // What the first input is; called once, before any part.
  virtual void SetInput(const Field& input) { (void)input; }
  // `parts` is [samples, width].
  virtual double Value(std::span<const double> parts) const = 0;
  // How wrong each sample is, by all parts: the larger the worse, 0 or less
  // where it is right.
  virtual std::vector<double> Wrongness(std::span<const double> parts) const {
    return {parts.begin(), parts.end()};
  }
};

struct Metric {
  const char* name;
  const char* summary;  // one line for `litesmith list metrics`
  bool higher_is_better;
  // The value is the share of samples that are right, each part 0 or 1: people
  // read it in percent.
  bool is_share;
  TargetKind targets;
  // `output` is float32, or int8, uint8 or int16 with one scale or none; of
  // target and output RequireFit holds.
  std::unique_ptr<Scorer> (*make)(const Field& target, const Tensor& output);
};

std::span<const Metric> Metrics();
// The name of a metric that is chosen from what the output and its target are.
inline constexpr char kAutoMetric[] = "auto";
// The metric of an output: the name at its place in `names`, which are joined
// by commas, or where that is "auto" or there is none, what suits output and
// target: top1 for labels of which the output has a value each, binary for one
// value, auc_reconstruction for labels beside an output like the input, mse for
// values. Throws Error{invalid argument} for more names than outputs.
std::string ChooseMetric(const std::string& names, const Graph& graph,
                         const Dataset& data, size_t output = 0);
// What an output is called: by the model's signature, which is the same in each
// of its files, else by its tensor.
std::string OutputName(const Graph& graph, size_t output);
// How many of the model's outputs are judged, each by a metric of its own:
// those that the data has a target for, and one at least.
size_t JudgedOutputs(const Graph& graph, const Dataset& data);
// ChooseMetric of each of them.
std::vector<std::string> ChooseMetrics(const std::string& names,
                                       const Graph& graph, const Dataset& data);
// Throws Error{invalid argument} with the nearest name and all of them.
const Metric& FindMetric(std::string_view name);
// Null where this build does not know the metric, as of an older result.
const Metric* MetricOrNull(std::string_view name);
// What people call it: "accuracy" is top1.
std::string ShownName(const std::string& name);

// "97.00 %", or "0.01234".
std::string ValueText(const Metric& metric, double value);

}  // namespace litesmith

#endif  // LITESMITH_MEASURE_METRICS_H_
