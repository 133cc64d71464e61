// Where clustering starts from (specs/tfmot.md 2, "Init").
#ifndef LITESMITH_TRANSFORM_CENTROIDS_H_
#define LITESMITH_TRANSFORM_CENTROIDS_H_

#include <span>
#include <vector>

#include "src/base/rng.h"
#include "src/transform/training_ops.h"

namespace litesmith {

// `clusters` centroids for the weights. Preserving sparsity: negative and
// positive weights share clusters - 1 of them by their numbers, and one is
// exactly zero, in the order negative, zero, positive; there may be fewer.
std::vector<float> InitialCentroids(std::span<const float> weights,
                                    int clusters, CentroidInit init,
                                    bool preserve_sparsity, Rng* rng);

}  // namespace litesmith

#endif  // LITESMITH_TRANSFORM_CENTROIDS_H_
