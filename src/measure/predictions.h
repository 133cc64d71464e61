// All that a file's output says of every sample: what tables of classes,
// thresholds and lists of predictions are made of.
#ifndef LITESMITH_MEASURE_PREDICTIONS_H_
#define LITESMITH_MEASURE_PREDICTIONS_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "src/data/dataset.h"
#include "src/graph/graph.h"
#include "src/measure/evaluate.h"

namespace litesmith {

struct Predictions {
  Score score;        // of the options' metric
  size_t values = 0;  // of a sample
  int classes = 0;    // labels are below it; 0: there are none
  // [samples, values], as real numbers.
  std::vector<double> outputs;
  // The metric's part of each sample, and how wrong it is (metrics.h).
  std::vector<double> parts;
  std::vector<double> wrong;
  std::vector<int64_t> labels;  // of each sample, if there are classes

  int64_t size() const {
    return static_cast<int64_t>(outputs.size() / (values > 0 ? values : 1));
  }
  std::span<const double> of(int64_t sample) const {
    return std::span(outputs).subspan(static_cast<size_t>(sample) * values,
                                      values);
  }
  // The class of the largest value; of one value whether it is 0.5 or more.
  int Given(int64_t sample) const;
  // How often a label (row) got an answer (column): [side, side], `side` the
  // number of classes or values, whichever is more.
  std::vector<int64_t> Confusion() const;
  int Side() const;
};

// Runs the options' output over all samples. Throws as EvaluateGraph.
Predictions Predict(const Graph& graph, const Dataset& data,
                    const EvaluateOptions& options);

// Of one class.
struct ClassScore {
  int64_t samples = 0;  // that are of it
  int64_t given = 0;    // that were taken for it
  int64_t right = 0;    // both
  // NaN where there is nothing to divide by.
  double precision() const;
  double recall() const;
};
std::vector<ClassScore> ScoreClasses(const Predictions& predictions);

// One class against the rest: what a threshold on its value makes of them.
struct ThresholdRow {
  double threshold = 0;
  double false_accepts = 0;  // share of others with a value not below
  double false_rejects = 0;  // share of the class's samples with one below
};
// At `count` + 1 thresholds from the smallest to the largest value, evenly, and
// last at the one where both shares are nearest to each other. Of one value it
// is class 1's.
std::vector<ThresholdRow> Thresholds(const Predictions& predictions,
                                     int positive, int count = 10);

// Text as a field of a CSV file, in quotes where it needs them (RFC 4180).
std::string CsvField(const std::string& text);

// One output of a model, and what its classes are called.
struct PredictedOutput {
  std::string name;
  const Predictions& predictions;
  std::span<const std::string> names;
};

// A line a sample: where it is from, its label, the answer and its name, the
// answer's value, then all values. The same of further outputs follows, each
// column's name behind the output's: "age.output_0".
std::string PredictionsCsv(std::span<const PredictedOutput> outputs,
                           const Dataset& data);

}  // namespace litesmith

#endif  // LITESMITH_MEASURE_PREDICTIONS_H_
