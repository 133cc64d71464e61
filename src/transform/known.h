// What of a graph does not depend on the numbers that come in, computed once.
#ifndef LITESMITH_TRANSFORM_KNOWN_H_
#define LITESMITH_TRANSFORM_KNOWN_H_

#include <optional>
#include <vector>

#include "src/graph/graph.h"

namespace litesmith {

// Of a graph that is bound to a batch: by tensor of the graph, what it is
// there; none where nobody needs it once all is folded.
using AtBatch = std::vector<std::optional<Tensor>>;

// The graph with constants in place of what follows from constants and shapes
// alone, as it came out at two batches, if they are no larger than what they
// are made of. TensorFlow computes with shapes of an open batch (SHAPE, GATHER,
// REDUCE_PROD, PACK): where they are a reshape's target, or the end of a slice,
// the batch's place takes what stands for all there is (-1, a mask), and a
// constant of ones or zeros of such a shape becomes one number. What is
// computed from parameters by ops of training stays. Tensors keep their ids.
Graph FoldKnown(const Graph& graph, const AtBatch& two, const AtBatch& three);

}  // namespace litesmith

#endif  // LITESMITH_TRANSFORM_KNOWN_H_
