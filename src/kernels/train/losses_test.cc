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
