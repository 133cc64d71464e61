// A metric and further numbers of each sample, from one run of a file.
#ifndef LITESMITH_MEASURE_BESIDE_H_
#define LITESMITH_MEASURE_BESIDE_H_

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "src/data/dataset.h"
#include "src/graph/graph.h"
#include "src/measure/evaluate.h"
#include "src/measure/metrics/scorers.h"

namespace litesmith {

// What is taken of a sample beside the metric's part.
struct Beside {
  size_t width = 0;  // numbers of a sample
  // `target` is the label's or value's stored bytes. Safe to call from several
  // threads.
  std::function<void(const std::byte* target, const std::byte* output,
                     double* numbers)>
      take;
};

struct MetricRun {
  Score score;
  std::vector<double> parts;    // of the metric, [samples, its width]
  std::vector<double> wrong;    // how wrong each sample is (metrics.h)
  std::vector<double> numbers;  // [samples, width]
  size_t width = 0;

  std::span<const double> of(size_t sample) const {
    return std::span(numbers).subspan(sample * width, width);
  }
};

// Scores the file's output by the options' metric as EvaluateGraph does,
// whatever that compares, and takes what `make` says. Throws as EvaluateGraph.
MetricRun EvaluateBeside(
    const Graph& graph, const Dataset& data, const EvaluateOptions& options,
    const std::function<Beside(const Field& target, OutputValues output)>&
        make);

}  // namespace litesmith

#endif  // LITESMITH_MEASURE_BESIDE_H_
