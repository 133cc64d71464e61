// Two files of one network side by side: what their outputs are worth, whether
// the difference is more than chance, and tensor by tensor where it starts.
#ifndef LITESMITH_MEASURE_COMPARE_H_
#define LITESMITH_MEASURE_COMPARE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "src/data/dataset.h"
#include "src/measure/evaluate.h"
#include "src/measure/latency.h"
#include "src/measure/tensor_noise.h"

namespace litesmith {

// Samples that both, one or neither of two models answer rightly.
struct PairedCounts {
  int64_t both = 0;
  int64_t only_a = 0;
  int64_t only_b = 0;
  int64_t neither = 0;
};

// McNemar's test: were both equally good, how likely would a difference of at
// least this size be? Only samples that one alone answers rightly count.
struct McNemar {
  double exact_p = 1;       // two-sided, of the binomial distribution
  double chi_square = 0;    // with continuity correction, one degree of freedom
  double chi_square_p = 1;  // good for 25 and more such samples
};
McNemar McNemarTest(const PairedCounts& counts);

struct ComparedFile {
  std::string path;
  std::string numbers;      // "a float32 model": DescribeNumbers
  int64_t file_bytes = 0;   // 0 for a built-in model
  int64_t gzip_bytes = 0;   // at level 9
  int64_t arena_bytes = 0;  // of activations for one sample; memory.h
  FileTime time;
};

// One output of both, judged.
struct ComparedOutput {
  std::string name;  // as A calls it
  std::string metric;
  Score a;
  Score b;
  // Of metrics that are shares of samples.
  std::optional<PairedCounts> counts;
  std::optional<McNemar> mcnemar;
  // The share of samples for which both give the same class the largest value.
  // Of labelled data.
  std::optional<double> agreement;
  std::vector<int64_t> different;  // the first samples of other classes
};

struct Comparison {
  ComparedFile a;
  ComparedFile b;
  // Those that the data has a target for; one at least.
  std::vector<ComparedOutput> outputs;
  int64_t samples = 0;
  int64_t timed_samples = 0;
  // Of the first samples.
  int64_t tensor_samples = 0;
  std::vector<TensorNoise> tensors;  // of B against A
  // Of the ops of B that compute: how many have a counterpart.
  int64_t matched_ops = 0;
  int64_t ops = 0;
};

struct CompareOptions {
  EvaluateOptions evaluate;      // its metric may be several, by commas
  int64_t tensor_samples = 100;  // 0: no tensors
  int64_t timed_samples = 1000;  // 0: no times
  int64_t listed_samples = 20;   // of those with other classes
};

// Both files on all of `data`. They are timed in turns, and the faster turn
// counts, since machines are noisy. Throws Error as EvaluateFile does, naming
// the file.
Comparison CompareFiles(const std::string& a, const std::string& b,
                        const Dataset& data, const CompareOptions& options);

}  // namespace litesmith

#endif  // LITESMITH_MEASURE_COMPARE_H_
