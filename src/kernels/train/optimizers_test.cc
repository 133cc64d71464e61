// Optimizer steps against plain loops, on every SIMD target.
#include "src/kernels/train/optimizers.h"

#include <gtest/gtest.h>

#include <cmath>

#include "src/kernels/common/simd_targets_test.h"
#include "src/kernels/train/random_floats_test.h"

namespace litesmith::kernels {
namespace {

TEST(OptimizersTest, AdamIsKeras) {
  const size_t n = 37;
  const Floats g = Random(n, 1), w0 = Random(n, 2), m0 = Random(n, 3);
  Floats v0 = Random(n, 4);
  for (float& v : v0) v = std::abs(v);
  const float alpha = 3e-4f, b1 = 0.1f, b2 = 0.001f, eps = 1e-7f;
  Floats w = w0, m = m0, v = v0;
  for (size_t i = 0; i < n; ++i) {
    const float dm = (g[i] - m[i]) * b1;
    m[i] += dm;
    const float square = g[i] * g[i];
    const float dv = (square - v[i]) * b2;
    v[i] += dv;
    w[i] -= m[i] * alpha / (std::sqrt(v[i]) + eps);
  }
  ForEachTarget([&] {
    Floats w1 = w0, m1 = m0, v1 = v0;
    AdamStep(w1.data(), m1.data(), v1.data(), g.data(), n, alpha, b1, b2, eps);
    EXPECT_EQ(w1, w);
    EXPECT_EQ(m1, m);
    EXPECT_EQ(v1, v);
  });
}

TEST(OptimizersTest, SgdIsKeras) {
  const size_t n = 37;
  const Floats g = Random(n, 1), w0 = Random(n, 2), v0 = Random(n, 3);
  const float rate = 0.1f, momentum = 0.9f;
  Floats w = w0, v = v0;
  for (size_t i = 0; i < n; ++i) {
    const float kept = v[i] * momentum;
    const float moved = g[i] * rate;
    v[i] = kept - moved;
    w[i] += v[i];
  }
  ForEachTarget([&] {
    Floats w1 = w0, v1 = v0;
    SgdStep(w1.data(), v1.data(), g.data(), n, rate, momentum);
    EXPECT_EQ(w1, w);
    EXPECT_EQ(v1, v);
  });
}

}  // namespace
}  // namespace litesmith::kernels
