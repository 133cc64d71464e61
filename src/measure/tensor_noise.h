// What writing a model in another form did to each of its tensors: both run on
// the same samples, every activation and every weight compared.
#ifndef LITESMITH_MEASURE_TENSOR_NOISE_H_
#define LITESMITH_MEASURE_TENSOR_NOISE_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "src/base/dtype.h"
#include "src/base/shape.h"
#include "src/data/dataset.h"
#include "src/graph/graph.h"

namespace litesmith {

// A tensor of the file against the one of the reference with the same meaning.
struct TensorNoise {
  std::string name;       // in the file
  std::string reference;  // in the reference
  // The op that computes it, or reads it if it is constant; "input".
  std::string op;
  bool constant = false;          // weights and biases
  DType dtype = DType::kFloat32;  // in the file
  Shape shape;                    // in the file
  int64_t values = 0;             // compared, of all samples together
  int64_t not_finite = 0;         // left out of all that follows
  double signal = 0;              // sum of squares of the reference
  double noise = 0;               // sum of squares of the differences
  double largest = 0;             // difference, absolute
  int64_t sample = 0;             // where that is, 0 for constants
  int64_t element = 0;            // of the sample
  // Of an activation: the noise, relative to the signal, that is not in any of
  // the activations that its op reads: what this op adds, never below zero.
  double added = 0;

  bool same() const { return noise == 0 && not_finite == 0; }
  // Signal to noise in decibels, 10 log10(signal / noise); infinite where
  // nothing differs.
  double sqnr_db() const;
};

// Runs both graphs on the first `samples` samples of `data` and compares what
// matches (match.h), in the order in which the file computes it, weights in
// front of their op's output. The reference is usually the float model as it is
// loaded, training ops and all; a file compares with any other file of the
// network, too. The same numbers on any number of threads. Throws Error if a
// graph cannot run or does not fit the data, Error{invalid argument} for fewer
// than one sample.
std::vector<TensorNoise> CompareTensors(const Graph& reference,
                                        const Graph& file, const Dataset& data,
                                        int64_t samples);

// Where the difference starts: of the activations the one whose op adds the
// most to it; null if nothing differs.
const TensorNoise* MostAdded(std::span<const TensorNoise> tensors);

}  // namespace litesmith

#endif  // LITESMITH_MEASURE_TENSOR_NOISE_H_
