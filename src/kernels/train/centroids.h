// Weight clustering in training: which centroid each weight belongs to, and
// the centroids' gradients (specs/tfmot.md 2).
#ifndef LITESMITH_KERNELS_TRAIN_CENTROIDS_H_
#define LITESMITH_KERNELS_TRAIN_CENTROIDS_H_

#include <cstddef>
#include <cstdint>

namespace litesmith::kernels {

// index[i] = the nearest of k centroids to w[i], the first of equally near
// ones; y[i] = that centroid. A weight that is not a number gets the first.
// k is at most 65536. y may be w.
void NearestCentroids(const float* w, size_t n, const float* centroids,
                      size_t k, uint16_t* index, float* y);

// sums[c] = sum of dy[i] over the i with index[i] = c, in a fixed order, and
// counts[c] how many these are. `work` has kCentroidParts * k elements; counts
// may be null.
inline constexpr size_t kCentroidParts = 4;
void CentroidSums(const float* dy, const uint16_t* index, size_t n, size_t k,
                  double* work, double* sums, double* counts);

}  // namespace litesmith::kernels

#endif  // LITESMITH_KERNELS_TRAIN_CENTROIDS_H_
