// Nearest centroids by bisection, and sums of gradients in a fixed order.
#include "src/kernels/train/centroids.h"

#include <algorithm>
#include <cmath>

#include "src/kernels/common/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "src/kernels/train/centroids.cc"
#include "hwy/foreach_target.h"
//
#include "hwy/highway.h"
#include "src/kernels/common/train_simd.h"

HWY_BEFORE_NAMESPACE();
namespace litesmith::kernels {
namespace HWY_NAMESPACE {
namespace {  // names may occur in other files

using DU32 = hn::Rebind<uint32_t, DF>;
using DU16 = hn::Rebind<uint16_t, DF>;

void Nearest(const float* w, size_t n, const float* centroids, size_t k,
             uint16_t* index, float* y) {
  const DF d;
  const DU32 du32;
  const DU16 du16;
  size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    const VF v = hn::LoadU(d, w + i);
    VF value = hn::Set(d, centroids[0]);
    VF best = hn::Abs(hn::Sub(v, value));
    auto nearest = hn::Zero(du32);
    for (size_t c = 1; c < k; ++c) {
      const VF centroid = hn::Set(d, centroids[c]);
      const VF distance = hn::Abs(hn::Sub(v, centroid));
      const auto nearer = hn::Lt(distance, best);
      best = hn::IfThenElse(nearer, distance, best);
      value = hn::IfThenElse(nearer, centroid, value);
      nearest =
          hn::IfThenElse(hn::RebindMask(du32, nearer),
                         hn::Set(du32, static_cast<uint32_t>(c)), nearest);
    }
    const hn::Rebind<int32_t, DF> di32;
    hn::StoreU(hn::DemoteTo(du16, hn::BitCast(di32, nearest)), du16, index + i);
    hn::StoreU(value, d, y + i);
  }
  for (; i < n; ++i) {
    const float v = w[i];
    size_t nearest = 0;
    float best = std::fabs(v - centroids[0]);
    for (size_t c = 1; c < k; ++c) {
      const float distance = std::fabs(v - centroids[c]);
      if (distance < best) {
        best = distance;
        nearest = c;
      }
    }
    index[i] = static_cast<uint16_t>(nearest);
    y[i] = centroids[nearest];
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace litesmith::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace litesmith::kernels {

HWY_EXPORT(Nearest);

void NearestCentroids(const float* w, size_t n, const float* centroids,
                      size_t k, uint16_t* index, float* y) {
  HWY_DYNAMIC_DISPATCH(Nearest)(w, n, centroids, k, index, y);
}

void CentroidSums(const float* dy, const uint16_t* index, size_t n, size_t k,
                  double* work, double* sums, double* counts) {
  // Neighbours often have the same centroid: with sums of their own they need
  // not wait for each other.
  std::fill_n(work, kCentroidParts * k, 0.0);
  size_t i = 0;
  for (; i + kCentroidParts <= n; i += kCentroidParts) {
    for (size_t p = 0; p < kCentroidParts; ++p)
      work[p * k + index[i + p]] += static_cast<double>(dy[i + p]);
  }
  for (; i < n; ++i) work[index[i]] += static_cast<double>(dy[i]);
  for (size_t c = 0; c < k; ++c)
    sums[c] = (work[c] + work[k + c]) + (work[2 * k + c] + work[3 * k + c]);
  if (counts == nullptr) return;
  std::fill_n(counts, k, 0.0);
  for (i = 0; i < n; ++i) counts[index[i]] += 1.0;
}

}  // namespace litesmith::kernels
#endif
