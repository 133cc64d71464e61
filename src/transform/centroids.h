// Where clustering starts from (specs/tfmot.md 2, "Init").
#ifndef LITESMITH_TRANSFORM_CENTROIDS_H_
#define LITESMITH_TRANSFORM_CENTROIDS_H_

#include <span>
#include <vector>

#include "src/base/rng.h"
#include "src/transform/training_ops.h"

namespace litesmith {

// `clusters` centroids for the weights, fewer where there are not as many
// different weights to choose from. Preserving sparsity: negative and positive
// weights share clusters - 1 of them by their numbers, and one is exactly zero,
// in the order negative, zero, positive; weights that are all zero get one.
std::vector<float> InitialCentroids(std::span<const float> weights,
                                    int clusters, CentroidInit init,
                                    bool preserve_sparsity, Rng* rng);

// Rows of centroids, one a channel, as one matrix as wide as the longest. What
// fills up a shorter row is too far away from any weight to ever be its
// nearest, and so never gets a gradient.
std::vector<float> PadRows(const std::vector<std::vector<float>>& rows);

// The centroid nearest to the weight, the first of equals.
float NearestCentroid(std::span<const float> centroids, float weight);

}  // namespace litesmith

#endif  // LITESMITH_TRANSFORM_CENTROIDS_H_
