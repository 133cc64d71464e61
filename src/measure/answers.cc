// Labels, answers and margins, and what follows from them.
#include "src/measure/answers.h"

#include <algorithm>
#include <cmath>

#include "src/data/values.h"
#include "src/measure/beside.h"

namespace litesmith {
namespace {

int64_t Values(const Graph& graph, size_t output) {
  const Shape& shape = graph.tensor(graph.outputs[output]).shape;
  if (shape.rank() != 2 || shape[1] < 1) return 0;
  return shape[1];
}

// Label, answer and margin of one sample. One value is of class 1.
void Take(int64_t label, const OutputValues& output, const std::byte* values,
          double* numbers) {
  numbers[0] = static_cast<double>(label);
  if (output.size() == 1) {
    const double value = output(values, 0);
    numbers[1] = value >= 0.5 ? 1 : 0;
    numbers[2] = numbers[1] == numbers[0] ? 0 : 2 * std::abs(value - 0.5);
    return;
  }
  const size_t best = output.Largest(values);
  numbers[1] = static_cast<double>(best);
  numbers[2] =
      output(values, best) - output(values, static_cast<size_t>(label));
}

}  // namespace

bool AnswersLabels(const Graph& graph, const Dataset& data, size_t output) {
  const int classes = data.ClassesOf(output);
  if (output >= graph.outputs.size() || classes < 1) return false;
  const int64_t values = Values(graph, output);
  return values > 1 ? values >= classes : values == 1 && classes == 2;
}

Score EvaluateAnswers(const Graph& graph, const Dataset& data,
                      const EvaluateOptions& options, Answers* answers) {
  // Of a sample its label, the answer and the margin.
  const MetricRun run = EvaluateBeside(
      graph, data, options, [](const Field& target, OutputValues output) {
        return Beside{3, [dtype = target.dtype, output](const std::byte* label,
                                                        const std::byte* values,
                                                        double* numbers) {
                        Take(static_cast<int64_t>(StoredNumber(dtype, label)),
                             output, values, numbers);
                      }};
      });
  answers->classes = std::max<int64_t>(2, Values(graph, options.output));
  answers->samples.clear();
  for (size_t i = 0; i * run.width < run.numbers.size(); ++i) {
    const std::span<const double> numbers = run.of(i);
    answers->samples.push_back({static_cast<int64_t>(numbers[0]),
                                static_cast<int64_t>(numbers[1]), numbers[2]});
  }
  return run.score;
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
