// Few samples out of many, and what was wanted of them.
#include "src/measure/worst.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "src/data/values.h"
#include "src/data/views.h"
#include "src/measure/metrics.h"

namespace litesmith {
namespace {

// More numbers than these are no words.
constexpr size_t kFewValues = 4;

// The places of the largest numbers above 0; of equal ones the first.
std::vector<int64_t> LargestOf(std::span<const double> wrong, size_t most) {
  std::vector<int64_t> order;
  for (size_t i = 0; i < wrong.size(); ++i) {
    if (wrong[i] > 0) order.push_back(static_cast<int64_t>(i));
  }
  const size_t count = std::min(most, order.size());
  std::partial_sort(order.begin(),
                    order.begin() + static_cast<std::ptrdiff_t>(count),
                    order.end(), [&](int64_t a, int64_t b) {
                      const double x = wrong[static_cast<size_t>(a)];
                      const double y = wrong[static_cast<size_t>(b)];
                      return x != y ? x > y : a < b;
                    });
  order.resize(count);
  return order;
}

template <typename Numbers>
std::string Words(const Numbers& numbers) {
  if (numbers.size() > kFewValues) return "";
  std::string text;
  for (const auto number : numbers)
    text += fmt::format("{}{:.4g}", text.empty() ? "" : ", ", number);
  return text;
}

std::string NameOf(std::span<const std::string> names, int64_t label) {
  const auto at = static_cast<size_t>(label);
  return at < names.size() ? names[at] : fmt::format("{}", label);
}

// Of one value its distance from 0.5, twice: from 0 to 1.
double MarginOf(const Predictions& predictions, int64_t sample) {
  const std::span<const double> values = predictions.of(sample);
  const int64_t label = predictions.labels[static_cast<size_t>(sample)];
  const int given = predictions.Given(sample);
  if (given == label) return 0;
  if (values.size() == 1) return 2 * std::abs(values[0] - 0.5);
  return values[static_cast<size_t>(given)] -
         values[static_cast<size_t>(label)];
}

}  // namespace

bool AnswersClasses(const Predictions& predictions, const std::string& metric) {
  const TargetKind targets = FindMetric(metric).targets;
  return predictions.classes > 0 &&
         (targets == TargetKind::kLabels || targets == TargetKind::kBinary);
}

std::vector<WorstSample> SurestMistakes(const Predictions& predictions,
                                        std::span<const std::string> names,
                                        size_t most) {
  std::vector<double> margins;
  for (int64_t i = 0; i < predictions.size(); ++i)
    margins.push_back(MarginOf(predictions, i));
  std::vector<WorstSample> samples;
  for (const int64_t i : LargestOf(margins, most)) {
    const auto at = static_cast<size_t>(i);
    samples.push_back({i, margins[at], NameOf(names, predictions.labels[at]),
                       NameOf(names, predictions.Given(i))});
  }
  return samples;
}

std::vector<WorstSample> WorstSamples(const Graph& graph, const Dataset& data,
                                      const EvaluateOptions& options,
                                      std::span<const double> parts,
                                      std::span<const double> wrong,
                                      size_t most) {
  const std::vector<int64_t> worst = LargestOf(wrong, most);
  std::vector<WorstSample> samples;
  if (worst.empty()) return samples;
  // A score and whether the sample is of the class that should have high ones.
  const bool scored = parts.size() == 2 * wrong.size();
  const size_t target = TargetAt(data, options.output);
  const bool few = FieldAt(data, target).shape.NumElements() <=
                   static_cast<int64_t>(kFewValues);
  Predictions given;
  if (!scored) {
    given =
        Predict(graph, *Pick(DatasetPtr(DatasetPtr(), &data), worst), options);
  }
  for (size_t k = 0; k < worst.size(); ++k) {
    const auto at = static_cast<size_t>(worst[k]);
    WorstSample& sample = samples.emplace_back();
    sample.sample = worst[k];
    sample.wrong = wrong[at];
    if (scored) {
      sample.wanted = parts[2 * at + 1] != 0 ? "not class 0" : "class 0";
      sample.given = fmt::format("a score of {:.4g}", parts[2 * at]);
      continue;
    }
    if (few) sample.wanted = Words(RealValues(data, target, worst[k]));
    sample.given = Words(given.of(static_cast<int64_t>(k)));
  }
  return samples;
}

}  // namespace litesmith
