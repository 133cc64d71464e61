// Batch normalization against plain loops in double, on every SIMD target.
#include "src/kernels/norm/batch_norm.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>
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
                    nullptr, y.data());
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

TEST(BatchNormTest, EndsAreThoseOfEachChannel) {
  for (const ChannelRows shape : kShapes) {
    const Floats x = Random(shape.rows * shape.channels, 13, 3);
    ForEachTarget([&] {
      // Of what was seen before, too.
      std::vector<double> low(shape.channels, 0.5), high(shape.channels, -0.5);
      std::vector<double> least = low, most = high;
      AddChannelEnds(x.data(), shape, low.data(), high.data());
      for (size_t i = 0; i < x.size(); ++i) {
        const size_t c = i % shape.channels;
        least[c] = std::min(least[c], double{x[i]});
        most[c] = std::max(most[c], double{x[i]});
      }
      EXPECT_EQ(low, least);
      EXPECT_EQ(high, most);
    });
  }
}

// One pass is the two passes, to the bit.
TEST(BatchNormTest, AGridIsTheFakeQuantizationBehindIt) {
  const FloatRange range{0, 1.5f};
  for (const FloatRange ends : {FloatRange{-0.5f, 1.25f}, {0.0f, 0.0f}}) {
    const float min = ends.low;
    const float max = ends.high;
    const FakeQuantGrid grid = MakeFakeQuantGrid(min, max, 0, 255);
    for (const ChannelRows shape : kShapes) {
      const size_t n = shape.rows * shape.channels;
      const Floats x = Random(n, 2, 4), dy = Random(n, 5),
                   scale = Random(shape.channels, 3),
                   offset = Random(shape.channels, 4),
                   zeros(shape.channels, 0.0f);
      ForEachTarget([&] {
        Floats y(n), passed(n), want(n), got(n);
        ChannelAffine(x.data(), shape, scale.data(), offset.data(), range,
                      nullptr, y.data());
        FakeQuantGradF32(y.data(), dy.data(), n, min, max, 0, 255,
                         passed.data());
        FakeQuantF32(y.data(), n, min, max, 0, 255, y.data());
        ChannelAffine(x.data(), shape, scale.data(), offset.data(), range,
                      &grid, got.data());
        EXPECT_EQ(got, y);
        NormGradient a{x.data(),     passed.data(), shape, zeros.data(),
                       scale.data(), offset.data(), range};
        NormGradientOfInput(a, zeros.data(), zeros.data(), want.data());
        a.dy = dy.data();
        a.grid = &grid;
        NormGradientOfInput(a, zeros.data(), zeros.data(), got.data());
        EXPECT_EQ(got, want);
      });
    }
  }
}

}  // namespace
}  // namespace litesmith::kernels
