// What calibration and conversion start from, both the same.
#ifndef LITESMITH_QUANT_PREPARE_H_
#define LITESMITH_QUANT_PREPARE_H_

#include "src/graph/graph.h"

namespace litesmith {

// The float graph, half floats widened, with what is known computed, cleaned
// up, and with MUL and ADD for batch normalizations that go into no layer. What
// a training added stays. Tensors keep their ids, so that ranges go by them.
Graph Prepare(const Graph& graph);

}  // namespace litesmith

#endif  // LITESMITH_QUANT_PREPARE_H_
