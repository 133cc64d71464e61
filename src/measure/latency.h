// How long written files take for their inferences.
#ifndef LITESMITH_MEASURE_LATENCY_H_
#define LITESMITH_MEASURE_LATENCY_H_

#include <string>
#include <vector>

#include "src/data/dataset.h"
#include "src/graph/graph.h"
#include "src/measure/evaluate.h"

namespace litesmith {

struct FileTime {
  double total_ms = 0;        // all samples
  double latency_us_p50 = 0;  // median of single samples
  double latency_us_p99 = 0;
};

// All of `data`, one sample at a time on one thread. The time covers copying a
// converted sample in, Invoke, and copying the first output; converting samples
// to the inputs' types is done beforehand in blocks and not counted. Throws
// Error as EvaluateFile does; of the options the metric and threads do not
// count.
FileTime TimeFile(const std::string& path, const Dataset& data,
                  const EvaluateOptions& options);
FileTime TimeGraph(const Graph& graph, const Dataset& data,
                   const EvaluateOptions& options);

// The value below which the fraction `p` of the samples lies, by the nearest
// rank: sorted[ceil(p * n) - 1]. Sorts; 0 without samples.
double Percentile(std::vector<double>* samples, double p);

}  // namespace litesmith

#endif  // LITESMITH_MEASURE_LATENCY_H_
