// The nearest centroids and their sums against plain loops, on every SIMD
// target.
#include "src/kernels/train/centroids.h"

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "src/kernels/common/simd_targets_test.h"

namespace litesmith::kernels {
namespace {

TEST(TrainClusterTest, TakesTheFirstOfTheNearestCentroids) {
  std::mt19937 rng(5);
  std::uniform_real_distribution<float> uniform(-1, 1);
  for (const size_t k : {1u, 2u, 8u, 300u}) {
    std::vector<float> centroids(k), w(149);
    for (float& c : centroids) c = uniform(rng);
    // Two of the same, and weights half-way between centroids.
    centroids[k - 1] = centroids[0];
    for (float& v : w) v = uniform(rng);
    w[3] = (centroids[0] + centroids[k / 2]) / 2;
    w[20] = std::numeric_limits<float>::quiet_NaN();
    std::vector<uint16_t> want(w.size());
    for (size_t i = 0; i < w.size(); ++i) {
      for (size_t c = 1; c < k; ++c) {
        if (std::fabs(w[i] - centroids[c]) <
            std::fabs(w[i] - centroids[want[i]]))
          want[i] = static_cast<uint16_t>(c);
      }
    }
    ForEachTarget([&] {
      std::vector<uint16_t> index(w.size(), 7777);
      std::vector<float> y(w.size());
      NearestCentroids(w.data(), w.size(), centroids.data(), k, index.data(),
                       y.data());
      EXPECT_EQ(index, want);
      for (size_t i = 0; i < w.size(); ++i)
        ASSERT_EQ(y[i], centroids[want[i]]) << i;
    });
  }
}

TEST(TrainClusterTest, SumsGradientsByCentroid) {
  std::mt19937 rng(6);
  const size_t k = 5, n = 103;
  std::vector<float> dy(n);
  std::vector<uint16_t> index(n);
  std::vector<double> want(k), want_counts(k);
  for (size_t i = 0; i < n; ++i) {
    dy[i] = static_cast<float>(rng() % 1000) / 8;  // sums are exact
    index[i] = static_cast<uint16_t>(rng() % k);
    want[index[i]] += dy[i];
    want_counts[index[i]] += 1;
  }
  std::vector<double> work(kCentroidParts * k), sums(k), counts(k);
  CentroidSums(dy.data(), index.data(), n, k, work.data(), sums.data(),
               counts.data());
  EXPECT_EQ(sums, want);
  EXPECT_EQ(counts, want_counts);
}

}  // namespace
}  // namespace litesmith::kernels
