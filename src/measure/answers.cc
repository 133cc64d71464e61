// Answers as further parts beside those of a metric.
#include "src/measure/answers.h"

#include <algorithm>

#include "src/data/values.h"
#include "src/measure/metrics/scorers.h"

namespace litesmith {
namespace {

// A metric's part of a sample, then its label, the answer and the margin.
class AnswerScorer : public Scorer {
 public:
  AnswerScorer(std::unique_ptr<Scorer> metric, const Field& target,
               const Tensor& output)
      : metric_(std::move(metric)), target_(target.dtype), output_(output) {}

  const Scorer& metric() const { return *metric_; }
  size_t width() const override { return metric_->width() + 3; }
  void Part(const std::byte* target, const std::byte* output,
            double* part) const override {
    metric_->Part(target, output, part);
    part += metric_->width();
    size_t best = 0;
    for (size_t i = 1; i < output_.size(); ++i) {
      if (output_(output, i) > output_(output, best)) best = i;
    }
    part[0] = StoredNumber(target_, target);
    part[1] = static_cast<double>(best);
    part[2] =
        output_(output, best) - output_(output, static_cast<size_t>(part[0]));
  }
  double Value(std::span<const double> parts) const override {
    (void)parts;
    return 0;  // the metric's is taken of its own parts
  }

 private:
  std::unique_ptr<Scorer> metric_;
  DType target_;
  OutputValues output_;
};

int64_t Values(const Graph& graph) {
  const Shape& shape = graph.tensor(graph.outputs[0]).shape;
  if (shape.rank() != 2 || shape[1] < 1) return 0;
  return shape[1];
}

}  // namespace

bool AnswersLabels(const Graph& graph, const Dataset& data) {
  if (graph.outputs.empty() || data.classes() < 1) return false;
  const int64_t values = Values(graph);
  return values >= data.classes() && values > 1;
}

Score EvaluateAnswers(const Graph& graph, const Dataset& data,
                      const EvaluateOptions& options, Answers* answers) {
  const Metric& metric = FindMetric(options.metric);
  std::unique_ptr<Scorer> scorer;
  const std::vector<double> parts =
      EvaluateParts(graph, data, options,
                    {metric.name, metric.targets,
                     [&](const Field& target, const Tensor& output) {
                       return std::make_unique<AnswerScorer>(
                           metric.make(target, output), target, output);
                     }},
                    &scorer);
  const auto& both = static_cast<const AnswerScorer&>(*scorer);
  answers->classes = Values(graph);
  answers->samples.clear();
  std::vector<double> own;
  for (auto at = parts.begin(); at != parts.end();) {
    own.insert(own.end(), at, at + static_cast<int64_t>(both.metric().width()));
    at += static_cast<int64_t>(both.metric().width());
    answers->samples.push_back(
        {static_cast<int64_t>(at[0]), static_cast<int64_t>(at[1]), at[2]});
    at += 3;
  }
  return ScoreOf(metric, both.metric(), own);
}

std::vector<int64_t> Answers::Confusion() const {
  std::vector<int64_t> counts(static_cast<size_t>(classes * classes), 0);
  for (const Answer& answer : samples)
    ++counts[static_cast<size_t>(answer.label * classes + answer.given)];
  return counts;
}

std::vector<int64_t> Answers::SurestWrong(size_t most) const {
  std::vector<int64_t> wrong;
  for (size_t i = 0; i < samples.size(); ++i) {
    if (samples[i].given != samples[i].label)
      wrong.push_back(static_cast<int64_t>(i));
  }
  const auto surer = [&](int64_t a, int64_t b) {
    const double x = samples[static_cast<size_t>(a)].margin;
    const double y = samples[static_cast<size_t>(b)].margin;
    return x != y ? x > y : a < b;
  };
  const size_t count = std::min(most, wrong.size());
  std::partial_sort(wrong.begin(), wrong.begin() + static_cast<int64_t>(count),
                    wrong.end(), surer);
  wrong.resize(count);
  return wrong;
}

}  // namespace litesmith
