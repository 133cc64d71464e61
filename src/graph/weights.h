// Which of a graph's tensors are weights, and what their values look like:
// zeros, distinct values. Counts what is stored in the file, not what it means.
#ifndef LITESMITH_GRAPH_WEIGHTS_H_
#define LITESMITH_GRAPH_WEIGHTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "src/graph/graph.h"

namespace litesmith {

// The stored tensors that feed the weight inputs of layers, in node order and
// each once: behind a DEQUANTIZE or a training-only op, what goes into it.
std::vector<TensorId> WeightTensors(const Graph& graph);

struct ValueCounts {
  int64_t values = 0;
  int64_t zeros = 0;     // equal to zero; of integers, to the zero point
  int64_t distinct = 0;  // by bits, but +0 and -0 are one
};

// Counts a tensor's stored values. The tensor has data.
ValueCounts CountValues(const Tensor& tensor);

// Zeros' share of all weights, 0 for a graph without any.
double WeightSparsity(const Graph& graph);

// The first weight or other stored float that is NaN or infinite, in words:
// "tensor 'c1/kernel' [8,3,3,1]: element 17 of 72 is nan, not a finite number
// (3 of them are not)".
// Empty if there is none.
std::string FindNotFinite(const Graph& graph);

}  // namespace litesmith

#endif  // LITESMITH_GRAPH_WEIGHTS_H_
