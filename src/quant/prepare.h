// What calibration and conversion start from, both the same.
#ifndef LITESMITH_QUANT_PREPARE_H_
#define LITESMITH_QUANT_PREPARE_H_

#include "src/graph/graph.h"

namespace litesmith {

// The float graph, half floats widened, with what is known computed, cleaned
// up, and with MUL and ADD for batch normalizations that go into no layer. What
// a training added stays. Tensors keep their ids, so that ranges go by them.
Graph Prepare(const Graph& graph);

// The graph with the inner dimensions that a file leaves open though every
// batch gives them the same number: of what has a shape that is computed from
// the batch (a transposed convolution of TensorFlow's). What is open in an
// input stays open, with all that follows from it.
Graph WithInnerShapes(const Graph& graph);

}  // namespace litesmith

#endif  // LITESMITH_QUANT_PREPARE_H_
