// Reshapes by a shape that the graph computes from its batch.
#ifndef LITESMITH_TRANSFORM_BATCH_H_
#define LITESMITH_TRANSFORM_BATCH_H_

#include "src/graph/graph.h"

namespace litesmith {

// TensorFlow spells a RESHAPE of an open batch SHAPE, STRIDED_SLICE, PACK: here
// its target becomes a constant with -1 for the batch, and what nobody reads
// any more goes. Ids change, but where there is none of this in the graph.
Graph FoldBatchShapes(const Graph& graph);

}  // namespace litesmith

#endif  // LITESMITH_TRANSFORM_BATCH_H_
