// What pruning leaves of weights, for promises and tests.
#ifndef LITESMITH_OPTIMIZE_TECHNIQUES_PRUNE_H_
#define LITESMITH_OPTIMIZE_TECHNIQUES_PRUNE_H_

#include <cstdint>

#include "src/graph/graph.h"
#include "src/graph/weights.h"
#include "src/transform/training_ops.h"

namespace litesmith {

// The share of zeros that the last mask of a training of `steps` steps has.
// `prune` is resolved.
float FinalSparsity(const PruneOptions& prune, int64_t steps);

// How many of the weights the last mask removes.
int64_t RemovedWeights(const Graph& graph, const WeightRef& weights,
                       const PruneOptions& prune, int64_t steps);

}  // namespace litesmith

#endif  // LITESMITH_OPTIMIZE_TECHNIQUES_PRUNE_H_
