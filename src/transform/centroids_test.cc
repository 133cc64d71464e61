// Where clustering starts from: properties; the values themselves are compared
// with TFMOT's in tests/golden/clustering_test.cc.
#include "src/transform/centroids.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <vector>

namespace litesmith {
namespace {

using Floats = std::vector<float>;

constexpr CentroidInit kInits[] = {CentroidInit::kLinear, CentroidInit::kRandom,
                                   CentroidInit::kDensityBased,
                                   CentroidInit::kKmeansPlusPlus};

// Normal weights, of which a share is set to zero.
Floats Weights(size_t n, uint64_t seed, float zeros = 0) {
  Rng rng(seed);
  Floats w(n);
  for (float& v : w) {
    v = 0.1f * rng.Normal();
    if (rng.Uniform() < zeros) v = 0;
  }
  return w;
}

Floats Init(const Floats& weights, int k, CentroidInit init, bool sparse,
            uint64_t seed = 9) {
  Rng rng(seed);
  return InitialCentroids(weights, k, init, sparse, &rng);
}

double SumOfSquares(const Floats& weights, const Floats& centroids) {
  double sum = 0;
  for (const float w : weights) {
    const double d = double{w} - double{NearestCentroid(centroids, w)};
    sum += d * d;
  }
  return sum;
}

TEST(Centroids, LinearGoesFromTheSmallestToTheLargestInEqualSteps) {
  EXPECT_EQ(Init({1, -1, 0.5f, 3}, 5, CentroidInit::kLinear, false),
            (Floats{-1, 0, 1, 2, 3}));
  EXPECT_EQ(Init({2, 2}, 3, CentroidInit::kLinear, false), (Floats{2, 2, 2}));
}

TEST(Centroids, DensityBasedIsDenserWhereWeightsAre) {
  Floats weights;
  for (int i = 0; i < 900; ++i)
    weights.push_back(static_cast<float>(i) * 1e-4f);  // 0 to 0.09
  for (int i = 0; i < 100; ++i)
    weights.push_back(static_cast<float>(i) * 1e-2f);  // 0 to 0.99
  const Floats c = Init(weights, 8, CentroidInit::kDensityBased, false);
  ASSERT_EQ(c.size(), 8u);
  EXPECT_TRUE(std::is_sorted(c.begin(), c.end()));
  EXPECT_GE(std::count_if(c.begin(), c.end(), [](float v) { return v < 0.2f; }),
            6);
}

TEST(Centroids, KmeansPlusPlusPicksDifferentWeightsOfTheTensor) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const Floats weights = Weights(200, 100 + seed);
    const Floats c =
        Init(weights, 16, CentroidInit::kKmeansPlusPlus, false, seed);
    const std::set<float> all(weights.begin(), weights.end());
    EXPECT_EQ(std::set<float>(c.begin(), c.end()).size(), 16u);
    for (const float v : c) EXPECT_TRUE(all.contains(v)) << "seed " << seed;
  }
}

TEST(Centroids, KmeansPlusPlusAgainFromItsSeedAndAnotherFromAnother) {
  const Floats weights = Weights(500, 3);
  const auto draw = [&](uint64_t seed) {
    return Init(weights, 8, CentroidInit::kKmeansPlusPlus, false, seed);
  };
  EXPECT_EQ(draw(9), draw(9));
  EXPECT_NE(draw(9), draw(10));
}

TEST(Centroids, KmeansPlusPlusIsSpreadBetterThanRandomWeights) {
  double ours = 0;
  double random = 0;
  for (uint64_t seed = 0; seed < 30; ++seed) {
    const Floats weights = Weights(400, 200 + seed);
    ours += SumOfSquares(
        weights, Init(weights, 8, CentroidInit::kKmeansPlusPlus, false, seed));
    Rng rng(seed, 5);
    Floats picks;
    for (int i = 0; i < 8; ++i) picks.push_back(weights[rng.Below(400)]);
    random += SumOfSquares(weights, picks);
  }
  EXPECT_LT(ours, 0.7 * random);
}

TEST(Centroids, KmeansPlusPlusGivesNoMoreThanThereAreWeights) {
  const Floats weights = {1, 2, 2, 1, 3, 3, 3, 1};
  Floats c = Init(weights, 8, CentroidInit::kKmeansPlusPlus, false);
  std::sort(c.begin(), c.end());
  EXPECT_EQ(c, (Floats{1, 2, 3}));
}

TEST(Centroids, PreservedSparsityHasOneZeroBetweenNegativesAndPositives) {
  for (const CentroidInit init : kInits) {
    SCOPED_TRACE(static_cast<int>(init));
    const Floats weights = Weights(300, 7, 0.8f);
    const Floats c = Init(weights, 8, init, true);
    ASSERT_EQ(c.size(), 8u);
    const auto zero = std::find(c.begin(), c.end(), 0.0f);
    ASSERT_NE(zero, c.end());
    EXPECT_FALSE(std::signbit(*zero));
    EXPECT_TRUE(std::all_of(c.begin(), zero, [](float v) { return v < 0; }));
    EXPECT_TRUE(std::all_of(zero + 1, c.end(), [](float v) { return v > 0; }));
  }
}

TEST(Centroids, NegativesAndPositivesShareByTheirNumbers) {
  Floats weights(30, 0.0f);
  for (int i = 1; i <= 20; ++i)
    weights.push_back(static_cast<float>(i) * (i <= 5 ? -1.0f : 1.0f));
  const Floats c = Init(weights, 9, CentroidInit::kLinear, true);
  EXPECT_EQ(c, (Floats{-1 - 4, -1, 0, 6, 8.8f, 11.6f, 14.4f, 17.2f, 20}));
}

TEST(Centroids, OnlyPositivesOrNothingButZeros) {
  for (const CentroidInit init : kInits) {
    SCOPED_TRACE(static_cast<int>(init));
    EXPECT_EQ(Init(Floats(9, 0.0f), 4, init, true), Floats{0.0f});
    const Floats c = Init({0, 0, 1, 2, 3, 4}, 4, init, true);
    EXPECT_EQ(c[0], 0.0f);
    EXPECT_EQ(std::count(c.begin(), c.end(), 0.0f), 1);
    EXPECT_EQ(c.size(), 4u);
  }
}

TEST(Centroids, PaddingIsNeverTheNearest) {
  const Floats rows = PadRows({{1, 2, 3}, {-4}});
  ASSERT_EQ(rows.size(), 6u);
  EXPECT_EQ(rows[3], -4);
  const std::span<const float> second = std::span(rows).subspan(3, 3);
  for (const float w : {-1e30f, 0.0f, 1e30f})
    EXPECT_EQ(NearestCentroid(second, w), -4);
}

TEST(Centroids, TheFirstOfEquallyNearCentroids) {
  EXPECT_EQ(NearestCentroid(Floats{-1, 1}, 0), -1);
  EXPECT_EQ(NearestCentroid(Floats{1, -1}, 0), 1);
}

}  // namespace
}  // namespace litesmith
