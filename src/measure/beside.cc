// A scorer around a metric's own.
#include "src/measure/beside.h"

#include <memory>
#include <utility>

namespace litesmith {
namespace {

// A metric's part of a sample, then the numbers beside it.
class BesideScorer : public Scorer {
 public:
  BesideScorer(std::unique_ptr<Scorer> metric, Beside beside)
      : metric_(std::move(metric)), beside_(std::move(beside)) {}

  const Scorer& metric() const { return *metric_; }
  size_t beside() const { return beside_.width; }
  size_t width() const override { return metric_->width() + beside_.width; }
  void SetInput(const Field& input) override { metric_->SetInput(input); }
  void Part(const std::byte* target, const std::byte* output,
            double* part) const override {
    PartWith(nullptr, target, output, part);
  }
  void PartWith(const std::byte* input, const std::byte* target,
                const std::byte* output, double* part) const override {
    metric_->PartWith(input, target, output, part);
    beside_.take(target, output, part + metric_->width());
  }
  double Value(std::span<const double> parts) const override {
    (void)parts;
    return 0;  // the metric's is taken of its own parts
  }

 private:
  std::unique_ptr<Scorer> metric_;
  Beside beside_;
};

}  // namespace

MetricRun EvaluateBeside(
    const Graph& graph, const Dataset& data, const EvaluateOptions& options,
    const std::function<Beside(const Field& target, OutputValues output)>&
        make) {
  const Metric& metric = FindMetric(options.metric);
  std::unique_ptr<Scorer> scorer;
  const std::vector<double> all = EvaluateParts(
      graph, data, options,
      {metric.name, metric.targets,
       [&](const Field& target, const Tensor& output) {
         return std::make_unique<BesideScorer>(
             metric.make(target, output), make(target, OutputValues(output)));
       }},
      &scorer);
  const auto& both = static_cast<const BesideScorer&>(*scorer);
  MetricRun run;
  run.width = both.beside();
  const auto own = static_cast<std::ptrdiff_t>(both.metric().width());
  const auto beside = static_cast<std::ptrdiff_t>(run.width);
  for (auto at = all.begin(); at != all.end(); at += own + beside) {
    run.parts.insert(run.parts.end(), at, at + own);
    run.numbers.insert(run.numbers.end(), at + own, at + own + beside);
  }
  run.wrong = both.metric().Wrongness(run.parts);
  run.score = ScoreOf(metric, both.metric(), run.parts);
  return run;
}

}  // namespace litesmith
