// Losses against doubles, on every SIMD target.
#include "src/kernels/train/losses.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "src/kernels/common/simd_targets_test.h"
#include "src/kernels/train/random_floats_test.h"

namespace litesmith::kernels {
namespace {

TEST(LossesTest, SoftmaxCrossEntropyMatchesDoubles) {
  for (const int classes : {2, 10, 16, 33}) {
    const int batch = 7;
    const auto n = static_cast<size_t>(batch * classes);
    Floats x = Random(n, 6, 8.0f);
    std::fill_n(x.begin(), classes, 2.0f);  // a tie: the lowest wins
    x[n - 1] = 200.0f;                      // no overflow
    std::vector<int32_t> labels = {0, 1, 0, 1, 1, 0, 0};
    double want_loss = 0;
    int want_correct = 0;
    std::vector<double> want(n);
    for (int b = 0; b < batch; ++b) {
      const float* row = x.data() + b * classes;
      const float* best = std::max_element(row, row + classes);
      double sum = 0;
      for (int c = 0; c < classes; ++c) sum += std::exp(double{row[c]} - *best);
      want_loss += std::log(sum) + *best - row[labels[b]];
      want_correct += best - row == labels[b];
      for (int c = 0; c < classes; ++c) {
        want[b * classes + c] = (std::exp(double{row[c]} - *best) / sum -
                                 (c == labels[b] ? 1.0 : 0.0)) *
                                0.25;
      }
    }
    ForEachTarget([&] {
      double loss = 1e9;
      int correct = 99;
      Floats grad(n + 1, 5.0f);
      SoftmaxCrossEntropy(x.data(), labels.data(), batch, classes, 0.25f, &loss,
                          &correct, grad.data());
      EXPECT_NEAR(loss, want_loss, 1e-5 * want_loss);
      EXPECT_EQ(correct, want_correct);
      for (size_t i = 0; i < n; ++i) EXPECT_NEAR(grad[i], want[i], 1e-6);
      EXPECT_EQ(grad[n], 5.0f);
    });
  }
}

// The numbers of Keras's categorical_crossentropy and binary_crossentropy, and
// differences of their own losses.
TEST(LossesTest, CrossEntropiesOfValuesHaveTheirGradients) {
  const int batch = 3;
  const int count = 5;
  const auto n = static_cast<size_t>(batch * count);
  Floats x = Random(n, 3, 4.0f);
  x[0] = 300.0f;  // no overflow on either side
  x[1] = -300.0f;
  Floats t = Random(n, 4, 1.0f);
  for (float& v : t) v = std::abs(v);
  for (const auto loss_of :
       {SoftmaxCrossEntropyOfShares, SigmoidCrossEntropy}) {
    double loss = -1;
    Floats grad(n + 1, 5.0f);
    loss_of(x.data(), t.data(), batch, count, 0.5f, &loss, grad.data());
    EXPECT_EQ(grad[n], 5.0f);
    EXPECT_GT(loss, 0);
    Floats unused(n);
    for (size_t i = 0; i < n; ++i) {
      constexpr float kStep = 1.0f / 64;
      const auto at = [&](float by) {
        Floats moved = x;
        moved[i] += by;
        double value = 0;
        loss_of(moved.data(), t.data(), batch, count, 0.5f, &value,
                unused.data());
        return value;
      };
      EXPECT_NEAR(grad[i], 0.5 * (at(kStep) - at(-kStep)) / (2 * kStep), 1e-4)
          << i;
    }
  }
  const Floats logits = {1, -2, 0.5f, 0, 0, 3};
  const Floats shares = {1, 0, 0, 0, 0.25f, 0.75f};
  Floats grad(6);
  double loss = 0;
  SoftmaxCrossEntropyOfShares(logits.data(), shares.data(), 2, 3, 1, &loss,
                              grad.data());
  const double sum0 = std::exp(1.0) + std::exp(-2.0) + std::exp(0.5);
  const double sum1 = 2 + std::exp(3.0);
  EXPECT_NEAR(loss, std::log(sum0) - 1 + std::log(sum1) - 0.75 * 3, 1e-9);
  SigmoidCrossEntropy(logits.data(), shares.data(), 2, 3, 1, &loss,
                      grad.data());
  double want = 0;
  for (size_t i = 0; i < 6; ++i) {
    const double p = 1 / (1 + std::exp(-double{logits[i]}));
    want -= shares[i] * std::log(p) + (1 - shares[i]) * std::log(1 - p);
  }
  EXPECT_NEAR(loss, want / 3, 1e-9);
}

TEST(LossesTest, MeanSquaredErrorIsThatOfDoubles) {
  for (const int count : {1, 7, 16, 40}) {
    const int batch = 3;
    const auto n = static_cast<size_t>(batch * count);
    const Floats y = Random(n, 1), t = Random(n, 2);
    double want = 0;
    for (size_t i = 0; i < n; ++i)
      want += std::pow(double{y[i]} - double{t[i]}, 2) / count;
    ForEachTarget([&] {
      double loss = -1;
      Floats grad(n + 1, 5.0f);
      MeanSquaredError(y.data(), t.data(), batch, count, 0.25f, &loss,
                       grad.data());
      EXPECT_NEAR(loss, want, 1e-6 * want);
      for (size_t i = 0; i < n; ++i)
        EXPECT_NEAR(grad[i], 2 * (y[i] - t[i]) / count * 0.25f, 1e-7);
      EXPECT_EQ(grad[n], 5.0f);
    });
  }
}

}  // namespace
}  // namespace litesmith::kernels
