// Fake quantization against plain loops, on every SIMD target.
#include "src/kernels/train/fake_quant.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "src/kernels/common/simd_targets_test.h"
#include "src/kernels/train/random_floats_test.h"

namespace litesmith::kernels {
namespace {

// TensorFlow's fake_quant_ops_functor.h, in plain float.
float NaiveFakeQuant(float x, float min, float max, float qmin, float qmax,
                     bool inverse) {
  const float scale = (max - min) / (qmax - qmin);
  const float from_min = qmin - min / scale;
  const float zero = std::round(std::clamp(from_min, qmin, qmax));
  const float low = (qmin - zero) * scale, high = (qmax - zero) * scale;
  const float shifted = std::max(std::min(x, high), low) - low;
  const float inv = 1.0f / scale;
  const float steps = inverse ? shifted * inv : shifted / scale;
  const float quant_zero =
      std::floor((inverse ? -low * inv : -low / scale) + 0.5f);
  return std::floor(steps - quant_zero + 0.5f) * scale;
}

TEST(FakeQuantTest, FakeQuantIsTensorFlows) {
  const size_t n = 1003;
  const Floats x = Random(n, 7, 8.0f), dy = Random(n, 8);
  const struct {
    float min, max;
    int qmin, qmax;
  } kCases[] = {{-6, 6, 0, 255},
                {-1.27f, 1.27f, 1, 255},
                {0, 5.3f, 0, 255},
                {-0.013f, 7.9f, 0, 65535},
                {-3, 0, 0, 15}};
  for (const auto& c : kCases) {
    const auto low = static_cast<float>(c.qmin);
    const auto high = static_cast<float>(c.qmax);
    const NudgedRange r = NudgeRange(c.min, c.max, c.qmin, c.qmax);
    ForEachTarget([&] {
      Floats y(n), dx(n);
      FakeQuantF32(x.data(), n, c.min, c.max, c.qmin, c.qmax, y.data());
      FakeQuantGradF32(x.data(), dy.data(), n, c.min, c.max, c.qmin, c.qmax,
                       dx.data());
      for (size_t i = 0; i < n; ++i) {
        ASSERT_EQ(y[i], NaiveFakeQuant(x[i], c.min, c.max, low, high, false));
        ASSERT_EQ(dx[i], x[i] >= r.min && x[i] <= r.max ? dy[i] : 0.0f);
      }
      // [17, 59] with a range for each row, then for each column.
      const Floats min(59, c.min);
      Floats max(59, c.max);
      max[3] = c.max + 1.0f;
      FakeQuantF32c(x.data(), 1, 17, 59, min.data(), max.data(), c.qmin, c.qmax,
                    y.data());
      for (size_t i = 0; i < n; ++i) {
        ASSERT_EQ(y[i],
                  NaiveFakeQuant(x[i], c.min, max[i / 59], low, high, true));
      }
      FakeQuantF32c(x.data(), 17, 59, 1, min.data(), max.data(), c.qmin, c.qmax,
                    y.data());
      for (size_t i = 0; i < n; ++i) {
        ASSERT_EQ(y[i],
                  NaiveFakeQuant(x[i], c.min, max[i % 59], low, high, true));
      }
    });
  }
  ForEachTarget([&] {
    Floats y(n, 3.0f), dx(n);
    FakeQuantF32(x.data(), n, 0, 0, 0, 255, y.data());
    EXPECT_EQ(y, Floats(n, 0.0f));
    FakeQuantGradF32(x.data(), dy.data(), n, 0, 0, 0, 255, dx.data());
    EXPECT_EQ(dx, dy);
  });
}

TEST(FakeQuantTest, MinMax) {
  for (const size_t n : {1u, 5u, 16u, 100u}) {
    const Floats x = Random(n, 9);
    ForEachTarget([&] {
      float min = 0, max = 0;
      MinMaxF32(x.data(), n, &min, &max);
      EXPECT_EQ(min, *std::min_element(x.begin(), x.end()));
      EXPECT_EQ(max, *std::max_element(x.begin(), x.end()));
    });
  }
}

float Away(float v) { return std::trunc(v + std::copysign(0.5f, v)); }

TEST(FakeQuantTest, AsIntegersRoundsLikeTheirKernels) {
  const size_t rows = 41, channels = 23;
  const Floats x = Random(rows * channels, 9, 4.0f);
  Floats parts(channels);
  for (size_t c = 0; c < channels; ++c)
    parts[c] = std::ldexp(1.0f, static_cast<int>(c % 12));
  const NudgedRange r = NudgeRange(-2.5f, 3.5f, 0, 255);
  const float low = std::round(r.min / r.scale);
  const float high = std::round(r.max / r.scale);
  for (const float centre : {0.0f, -22.0f}) {
    for (const bool in_parts : {false, true}) {
      ForEachTarget([&] {
        Floats y(x.size());
        FakeQuantAsIntegersF32(x.data(), rows, channels, -2.5f, 3.5f, 0, 255,
                               {centre, in_parts ? parts.data() : nullptr},
                               y.data());
        for (size_t i = 0; i < x.size(); ++i) {
          float v = x[i] / r.scale;
          const float part = parts[i % channels];
          if (in_parts) v = Away(v * part) / part;
          const float steps = Away(v + centre) - centre;
          ASSERT_EQ(y[i], std::clamp(steps, low, high) * r.scale) << x[i];
        }
      });
    }
  }
}

}  // namespace
}  // namespace litesmith::kernels
