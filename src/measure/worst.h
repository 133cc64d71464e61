// The samples that a file is most wrong about, in words, whatever the task.
#ifndef LITESMITH_MEASURE_WORST_H_
#define LITESMITH_MEASURE_WORST_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "src/data/dataset.h"
#include "src/graph/graph.h"
#include "src/measure/evaluate.h"
#include "src/measure/predictions.h"

namespace litesmith {

struct WorstSample {
  int64_t sample = 0;
  // By how much: of classes the answer's value before the label's, else what
  // the metric says (Scorer::Wrongness).
  double wrong = 0;
  // "cat", "1.25, 3", "not class 0"; empty where it is many numbers.
  std::string wanted;
  std::string given;
};

// Whether the metric is one of labels or of yes and no, so that every sample
// has an answer that is right or wrong.
bool AnswersClasses(const Predictions& predictions, const std::string& metric);

// Of such predictions: samples that are wrong, the surest first.
std::vector<WorstSample> SurestMistakes(const Predictions& predictions,
                                        std::span<const std::string> names,
                                        size_t most);

// Of other tasks: by the metric's parts of all samples and how wrong they are,
// the worst first. Runs the file on these samples again.
std::vector<WorstSample> WorstSamples(const Graph& graph, const Dataset& data,
                                      const EvaluateOptions& options,
                                      std::span<const double> parts,
                                      std::span<const double> wrong,
                                      size_t most);

}  // namespace litesmith

#endif  // LITESMITH_MEASURE_WORST_H_
