// Linear, random, density-based and k-means++ starts.
#include "src/transform/centroids.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace litesmith {
namespace {

// From `low` to `high` in equal steps, in TensorFlow's float arithmetic.
std::vector<float> Linear(float low, float high, int k) {
  std::vector<float> c;
  const float step = (high - low) / static_cast<float>(std::max(k - 1, 1));
  for (int i = 0; i + 1 < k; ++i)
    c.push_back(low + step * static_cast<float>(i));
  c.push_back(k == 1 ? low : high);
  return c;
}

// The grid points where the empirical distribution function, taken at 30
// points, passes k targets.
std::vector<float> DensityBased(std::span<const float> w, float low, float high,
                                int k, bool zeros) {
  constexpr int kPoints = 30;
  const float gap =
      zeros ? std::min(0.01f, std::min(std::fabs(low), std::fabs(high)) / 2.0f)
            : 0.01f;
  const std::vector<float> grid = Linear(low - gap, high + gap, kPoints);
  std::vector<float> sorted(w.begin(), w.end());
  std::sort(sorted.begin(), sorted.end());
  std::vector<float> cdf;
  for (const float x : grid) {
    const auto below =
        std::upper_bound(sorted.begin(), sorted.end(), x) - sorted.begin();
    cdf.push_back(static_cast<float>(below) /
                  static_cast<float>(sorted.size()));
  }
  std::vector<float> c;
  for (const float target : Linear(0.01f, 1.0f, k)) {
    const auto at =
        std::upper_bound(cdf.begin(), cdf.end(), target) - cdf.begin();
    c.push_back(
        grid[static_cast<size_t>(std::min<ptrdiff_t>(at, kPoints - 1))]);
  }
  return c;
}

// k-means++ seeding (Arthur and Vassilvitskii 2007) with 3 + ln k candidates a
// step (TensorFlow draws 2 + ln k in addition to the first), of which the one
// that lowers the sum of squared distances most stays.
std::vector<float> KmeansPlusPlus(std::span<const float> w, int k, Rng* rng) {
  const size_t n = w.size();
  std::vector<float> c = {w[rng->Below(static_cast<uint32_t>(n))]};
  std::vector<double> distance(n);
  for (size_t i = 0; i < n; ++i)
    distance[i] = (w[i] - c[0]) * static_cast<double>(w[i] - c[0]);
  const int candidates = 3 + static_cast<int>(std::log(k));
  std::vector<double> trial(n);
  std::vector<double> best(n);
  while (static_cast<int>(c.size()) < k) {
    double total = 0;
    for (const double d : distance) total += d;
    if (total == 0) break;  // every different weight is a centroid already
    double best_total = -1.0;
    float chosen = w[0];
    for (int t = 0; t < candidates; ++t) {
      double target = static_cast<double>(rng->Uniform()) * total;
      // Weights that are centroids have no share; rounding cannot give the
      // draw to the last of them either.
      size_t pick = 0;
      for (size_t i = 0; i < n && target >= 0; ++i) {
        if (distance[i] == 0) continue;
        pick = i;
        target -= distance[i];
      }
      double sum = 0;
      for (size_t i = 0; i < n; ++i) {
        const double d = static_cast<double>(w[i]) - w[pick];
        trial[i] = std::min(distance[i], d * d);
        sum += trial[i];
      }
      if (best_total < 0 || sum < best_total) {
        best_total = sum;
        chosen = w[pick];
        best.swap(trial);
      }
    }
    c.push_back(chosen);
    distance.swap(best);
  }
  return c;
}

std::vector<float> Plain(std::span<const float> w, int k, CentroidInit init,
                         bool zeros, Rng* rng) {
  if (k < 1 || w.empty()) return {};
  const auto [low, high] = std::minmax_element(w.begin(), w.end());
  switch (init) {
    case CentroidInit::kLinear:
      return Linear(*low, *high, k);
    case CentroidInit::kRandom: {
      std::vector<float> c;
      for (int i = 0; i < k; ++i) c.push_back(rng->Uniform(*low, *high));
      return c;
    }
    case CentroidInit::kDensityBased:
      return DensityBased(w, *low, *high, k, zeros);
    case CentroidInit::kKmeansPlusPlus:
      return KmeansPlusPlus(w, k, rng);
  }
  return {};
}

}  // namespace

std::vector<float> InitialCentroids(std::span<const float> weights,
                                    int clusters, CentroidInit init,
                                    bool preserve_sparsity, Rng* rng) {
  if (!preserve_sparsity) return Plain(weights, clusters, init, false, rng);
  std::vector<float> negative;
  std::vector<float> positive;
  for (const float w : weights) {
    if (w < 0) negative.push_back(w);
    if (w > 0) positive.push_back(w);
  }
  const size_t nonzero = negative.size() + positive.size();
  if (nonzero == 0) return {0.0f};
  const auto share = static_cast<int>(std::nearbyint(
      static_cast<double>(clusters - 1) * static_cast<double>(negative.size()) /
      static_cast<double>(nonzero)));
  std::vector<float> c = Plain(negative, share, init, true, rng);
  c.push_back(0.0f);
  const std::vector<float> p =
      Plain(positive, clusters - 1 - share, init, true, rng);
  c.insert(c.end(), p.begin(), p.end());
  return c;
}

std::vector<float> PadRows(const std::vector<std::vector<float>>& rows) {
  size_t width = 0;
  for (const std::vector<float>& row : rows)
    width = std::max(width, row.size());
  std::vector<float> matrix;
  for (const std::vector<float>& row : rows) {
    matrix.insert(matrix.end(), row.begin(), row.end());
    matrix.resize(matrix.size() + width - row.size(),
                  std::numeric_limits<float>::max());
  }
  return matrix;
}

float NearestCentroid(std::span<const float> centroids, float weight) {
  return *std::min_element(
      centroids.begin(), centroids.end(), [&](float a, float b) {
        return std::fabs(weight - a) < std::fabs(weight - b);
      });
}

}  // namespace litesmith
