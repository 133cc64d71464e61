// Predictions: a metric's parts with all values beside them.
#include "src/measure/predictions.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>

#include "src/data/values.h"
#include "src/measure/beside.h"

namespace litesmith {
namespace {

std::string NameOf(std::span<const std::string> names, int label) {
  return label >= 0 && static_cast<size_t>(label) < names.size()
             ? names[static_cast<size_t>(label)]
             : "";
}

double Share(int64_t part, int64_t whole) {
  return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole)
                   : std::numeric_limits<double>::quiet_NaN();
}

// The fields of one sample.
void AddFields(const PredictedOutput& output, int64_t i, std::string* text) {
  const Predictions& predictions = output.predictions;
  const std::span<const double> row = predictions.of(i);
  if (predictions.classes > 0) {
    const int given = predictions.Given(i);
    const auto label =
        static_cast<int>(predictions.labels[static_cast<size_t>(i)]);
    *text += fmt::format(
        ",{},{},{},{},{:.6g}", label, CsvField(NameOf(output.names, label)),
        given, CsvField(NameOf(output.names, given)),
        row[predictions.values == 1 ? 0 : static_cast<size_t>(given)]);
  }
  for (const double value : row) *text += fmt::format(",{:.6g}", value);
}

}  // namespace

std::string CsvField(const std::string& text) {
  if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) {
    quoted += c;
    if (c == '"') quoted += c;
  }
  return quoted + "\"";
}

int Predictions::Given(int64_t sample) const {
  const std::span<const double> row = of(sample);
  if (row.size() == 1) return row[0] >= 0.5 ? 1 : 0;
  return static_cast<int>(std::max_element(row.begin(), row.end()) -
                          row.begin());
}

int Predictions::Side() const {
  return std::max({classes, static_cast<int>(values), 2});
}

std::vector<int64_t> Predictions::Confusion() const {
  const auto side = static_cast<size_t>(Side());
  std::vector<int64_t> counts(side * side);
  for (int64_t i = 0; i < static_cast<int64_t>(labels.size()); ++i) {
    ++counts[static_cast<size_t>(labels[static_cast<size_t>(i)]) * side +
             static_cast<size_t>(Given(i))];
  }
  return counts;
}

Predictions Predict(const Graph& graph, const Dataset& data,
                    const EvaluateOptions& options) {
  // Of a sample its label and all values.
  MetricRun run = EvaluateBeside(
      graph, data, options, [](const Field& target, OutputValues output) {
        return Beside{1 + output.size(),
                      [dtype = target.dtype, output](const std::byte* label,
                                                     const std::byte* values,
                                                     double* numbers) {
                        *numbers++ = StoredNumber(dtype, label);
                        for (size_t i = 0; i < output.size(); ++i)
                          numbers[i] = output(values, i);
                      }};
      });
  Predictions result;
  result.score = run.score;
  result.values = run.width - 1;
  result.classes = data.ClassesOf(options.output);
  result.parts = std::move(run.parts);
  result.wrong = std::move(run.wrong);
  for (size_t i = 0; i * run.width < run.numbers.size(); ++i) {
    const std::span<const double> numbers = run.of(i);
    if (result.classes > 0) result.labels.push_back(std::llround(numbers[0]));
    result.outputs.insert(result.outputs.end(), numbers.begin() + 1,
                          numbers.end());
  }
  return result;
}

double ClassScore::precision() const { return Share(right, given); }
double ClassScore::recall() const { return Share(right, samples); }

std::vector<ClassScore> ScoreClasses(const Predictions& predictions) {
  const auto side = static_cast<size_t>(predictions.Side());
  const std::vector<int64_t> counts = predictions.Confusion();
  std::vector<ClassScore> scores(side);
  for (size_t label = 0; label < side; ++label) {
    for (size_t given = 0; given < side; ++given) {
      const int64_t count = counts[label * side + given];
      scores[label].samples += count;
      scores[given].given += count;
      if (label == given) scores[label].right += count;
    }
  }
  return scores;
}

std::vector<ThresholdRow> Thresholds(const Predictions& predictions,
                                     int positive, int count) {
  std::vector<double> ours;
  std::vector<double> others;
  const bool single = predictions.values == 1;
  for (int64_t i = 0; i < predictions.size(); ++i) {
    const std::span<const double> row = predictions.of(i);
    double value = single ? row[0] : row[static_cast<size_t>(positive)];
    if (single && positive == 0) value = 1 - value;
    (predictions.labels[static_cast<size_t>(i)] == positive ? ours : others)
        .push_back(value);
  }
  std::sort(ours.begin(), ours.end());
  std::sort(others.begin(), others.end());
  const auto row_at = [&](double threshold) {
    const auto below = [&](const std::vector<double>& values) {
      return std::lower_bound(values.begin(), values.end(), threshold) -
             values.begin();
    };
    const auto n = static_cast<int64_t>(others.size());
    return ThresholdRow{threshold, Share(n - below(others), n),
                        Share(below(ours), static_cast<int64_t>(ours.size()))};
  };
  std::vector<ThresholdRow> rows;
  if (ours.empty() || others.empty()) return rows;
  const double low = std::min(ours.front(), others.front());
  const double high = std::max(ours.back(), others.back());
  for (int i = 0; i <= count; ++i)
    rows.push_back(row_at(low + (high - low) * i / count));
  // The two shares only go down and up: between two of all values they cross.
  std::vector<double> all(ours);
  all.insert(all.end(), others.begin(), others.end());
  std::sort(all.begin(), all.end());
  const auto gap = [&](const ThresholdRow& row) {
    return row.false_accepts - row.false_rejects;
  };
  size_t begin = 0;
  size_t end = all.size() - 1;
  while (begin < end) {
    const size_t middle = (begin + end) / 2;
    if (gap(row_at(all[middle])) > 0) {
      begin = middle + 1;
    } else {
      end = middle;
    }
  }
  ThresholdRow best = row_at(all[begin]);
  if (begin > 0) {
    const ThresholdRow before = row_at(all[begin - 1]);
    if (std::abs(gap(before)) < std::abs(gap(best))) best = before;
  }
  rows.push_back(best);
  return rows;
}

std::string PredictionsCsv(std::span<const PredictedOutput> outputs,
                           const Dataset& data) {
  std::string text = "sample,origin";
  for (const PredictedOutput& output : outputs) {
    const std::string prefix = &output == &outputs[0] ? "" : output.name + ".";
    const auto column = [&](const std::string& name) {
      text += "," + CsvField(prefix + name);
    };
    if (output.predictions.classes > 0) {
      for (const char* name :
           {"label", "label_name", "predicted", "predicted_name", "value"})
        column(name);
    }
    for (size_t v = 0; v < output.predictions.values; ++v)
      column(fmt::format("output_{}", v));
  }
  text += "\n";
  for (int64_t i = 0; i < outputs[0].predictions.size(); ++i) {
    text += fmt::format("{},{}", i, CsvField(data.Origin(i)));
    for (const PredictedOutput& output : outputs) AddFields(output, i, &text);
    text += "\n";
  }
  return text;
}

}  // namespace litesmith
