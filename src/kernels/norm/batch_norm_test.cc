// Batch normalization against plain loops in double, on every SIMD target.
#include "src/kernels/norm/batch_norm.h"

#include <gtest/gtest.h>

#include <vector>

#include "src/kernels/common/simd_targets_test.h"
#include "src/kernels/train/random_floats_test.h"

namespace litesmith::kernels {
namespace {

constexpr ChannelRows kShapes[] = {{1, 1},  {7, 3},   {130, 16}, {133, 8},
                                   {39, 2}, {33, 37}, {5, 700}};

// Far from zero against how they spread, which sums of floats do not survive.
Floats FarFromZero(size_t n, uint32_t seed) {
  Floats x = Random(n, seed);
  for (float& v : x) v += 1000;
  return x;
}

TEST(BatchNormTest, SumsKeepTheDigitsOfASmallVariance) {
  for (const ChannelRows shape : kShapes) {
    const Floats x = FarFromZero(shape.rows * shape.channels, 1);
    ForEachTarget([&] {
      std::vector<double> sums(shape.channels), squares(shape.channels);
      AddChannelSums(x.data(), shape, sums.data(), squares.data());
      for (size_t c = 0; c < shape.channels; ++c) {
        double sum = 0, square = 0;
        for (size_t r = 0; r < shape.rows; ++r) {
          const double v = x[r * shape.channels + c];
          sum += v;
          square += v * v;
        }
        EXPECT_NEAR(sums[c], sum, 1e-9 * sum);
        EXPECT_NEAR(squares[c], square, 1e-9 * square);
      }
    });
  }
}

TEST(BatchNormTest, AffineIsClampedAndTheSameOnAllTargets) {
  for (const ChannelRows shape : kShapes) {
    const size_t n = shape.rows * shape.channels;
    const Floats x = Random(n, 2, 4), scale = Random(shape.channels, 3),
                 offset = Random(shape.channels, 4);
    const FloatRange range{0, 1.5f};
    ForEachTarget([&] {
      Floats y(n);
      ChannelAffine(x.data(), shape, scale.data(), offset.data(), range,
                    y.data());
      for (size_t i = 0; i < n; ++i) {
        const size_t c = i % shape.channels;
        const float product = x[i] * scale[c];
        EXPECT_EQ(y[i], std::min(std::max(product + offset[c], range.low),
                                 range.high));
      }
    });
  }
}

void CheckGradient(const ChannelRows shape, FloatRange range) {
  const size_t n = shape.rows * shape.channels;
  const Floats x = Random(n, 5, 3), dy = Random(n, 7);
  const Floats mean = Random(shape.channels, 8),
               scale = Random(shape.channels, 9, 2),
               offset = Random(shape.channels, 10),
               slope = Random(shape.channels, 11),
               shift = Random(shape.channels, 12);
  const NormGradient a{x.data(),     dy.data(),     shape, mean.data(),
                       scale.data(), offset.data(), range};
  ForEachTarget([&] {
    std::vector<double> sums(shape.channels), products(shape.channels);
    std::vector<double> want_sums(shape.channels), want(shape.channels);
    Floats dx(n);
    AddNormGradientSums(a, sums.data(), products.data());
    NormGradientOfInput(a, slope.data(), shift.data(), dx.data());
    for (size_t i = 0; i < n; ++i) {
      const size_t c = i % shape.channels;
      const float product = x[i] * scale[c];
      const double g = range.Passes(product + offset[c]) ? double{dy[i]} : 0;
      const double centred = double{x[i]} - double{mean[c]};
      want_sums[c] += g;
      want[c] += g * centred;
      EXPECT_NEAR(
          dx[i],
          double{scale[c]} * g + double{slope[c]} * centred + double{shift[c]},
          1e-5);
    }
    for (size_t c = 0; c < shape.channels; ++c) {
      EXPECT_NEAR(sums[c], want_sums[c], 1e-4);
      EXPECT_NEAR(products[c], want[c], 1e-4);
    }
  });
}

TEST(BatchNormTest, GradientsAreThoseOfTheFormula) {
  for (const ChannelRows shape : kShapes) {
    CheckGradient(shape, {});
    CheckGradient(shape, {.low = 0});
    CheckGradient(shape, {-0.5f, 1});
  }
}

}  // namespace
}  // namespace litesmith::kernels
