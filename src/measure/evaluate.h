// Runs written files: how often they are right, and how long they take. Reads
// the file back from disk; never looks at the graph that it was made of.
#ifndef LITESMITH_MEASURE_EVALUATE_H_
#define LITESMITH_MEASURE_EVALUATE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "src/data/dataset.h"
#include "src/graph/graph.h"
#include "src/runtime/interpreter.h"

namespace litesmith {

struct EvaluateOptions {
  int threads = 0;  // 0: all that the process may use
  Numerics numerics = Numerics::kLiteRt;
  bool reference = false;
};

struct FileAccuracy {
  double accuracy = 0;  // top-1, a fraction
  int64_t correct = 0;
  int64_t samples = 0;
};

// Top-1 accuracy of the file's first output over all of `data`. Samples are
// normalised floats, quantized to the input's type (feed.h). Throws Error if
// the file cannot be read or run, or does not fit the data.
FileAccuracy EvaluateFile(const std::string& path, const Dataset& data,
                          const EvaluateOptions& options);
// The same of a graph already read.
FileAccuracy EvaluateGraph(const Graph& graph, const Dataset& data,
                           const EvaluateOptions& options);

// Throws Error if the graph cannot be run or does not fit the data: what
// EvaluateGraph would say at its start. Runs nothing.
void RequireEvaluable(const Graph& graph, const Dataset& data);

struct FileTime {
  double total_ms = 0;        // all samples
  double latency_us_p50 = 0;  // median of single samples
  double latency_us_p99 = 0;
};

// All of `data`, one sample at a time on one thread. The time covers copying a
// converted sample in, Invoke, and copying the output; converting samples to
// the input's type is done beforehand in blocks and not counted.
FileTime TimeFile(const std::string& path, const Dataset& data,
                  const EvaluateOptions& options);
FileTime TimeGraph(const Graph& graph, const Dataset& data,
                   const EvaluateOptions& options);

// The value below which the fraction `p` of the samples lies, by the nearest
// rank: sorted[ceil(p * n) - 1]. Sorts; 0 without samples.
double Percentile(std::vector<double>* samples, double p);

}  // namespace litesmith

#endif  // LITESMITH_MEASURE_EVALUATE_H_
