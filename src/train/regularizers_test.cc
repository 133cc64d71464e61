// Regularizers against their definition, and in a step of a training.
#include "src/train/regularizers.h"

#include <gtest/gtest.h>

#include <vector>

namespace litesmith {
namespace {

TEST(RegularizersTest, GradientIsThatOfTheLoss) {
  const Regularizer by{.l1 = 0.25f, .l2 = 0.5f};
  const std::vector<float> weights = {-2, -0.5f, 0.75f, 3};
  EXPECT_DOUBLE_EQ(RegularizerLoss(by, weights),
                   0.25 * 6.25 + 0.5 * (4 + 0.25 + 0.5625 + 9));
  std::vector<float> gradient(weights.size(), 1.0f);
  AddRegularizerGradient(by, weights, gradient);
  constexpr float kStep = 0.0625f;
  for (size_t i = 0; i < weights.size(); ++i) {
    std::vector<float> up = weights, down = weights;
    up[i] += kStep;
    down[i] -= kStep;
    EXPECT_DOUBLE_EQ(
        double{gradient[i]} - 1,
        (RegularizerLoss(by, up) - RegularizerLoss(by, down)) / (2 * kStep));
  }
}

TEST(RegularizersTest, ZerosStayWhereAbsoluteValuesPullThem) {
  std::vector<float> gradient(1, 0.0f);
  const float zero[] = {0};
  AddRegularizerGradient({.l1 = 1, .l2 = 1}, zero, gradient);
  EXPECT_EQ(gradient[0], 0);
}

TEST(RegularizersTest, OnlyParametersCount) {
  Graph graph;
  const float values[] = {1, 2};
  for (const TensorKind kind : {TensorKind::kParameter, TensorKind::kConstant})
    graph.tensor(graph.AddConstant<float>("w", {2}, values, kind))
        .regularizer = {.l1 = 0, .l2 = 3};
  EXPECT_DOUBLE_EQ(RegularizerLoss(graph), 15);
}

}  // namespace
}  // namespace litesmith
