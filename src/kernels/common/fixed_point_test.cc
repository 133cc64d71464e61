// Golden vectors of specs/tflite.md 3.13, and the SIMD quantizers against their
// reference twins.
#include "src/kernels/common/fixed_point.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "src/kernels/common/simd_targets_test.h"
#include "src/kernels/quantize/dequantize_simd.h"
#include "src/kernels/quantize/reference.h"
#include "src/kernels/quantize/simd.h"

namespace litesmith {
namespace {

TEST(QuantizationMathTest, QuantizeMultiplierGolden) {
  const auto expect = [](double d, int32_t value, int shift) {
    EXPECT_EQ(QuantizeMultiplier(d), (FixedMultiplier{value, shift})) << d;
  };
  expect(1.0, 1073741824, 1);
  expect(0.5, 1073741824, 0);
  expect(0.1, 1717986918, -3);
  expect(1.7, 1825361101, 1);
  expect(0.007247427341846, 1992157658, -7);
  expect(3.5e-10, 1614090106, -31);
  expect(1e-12, 0, 0);
  expect(0, 0, 0);
}

TEST(QuantizationMathTest, MbqmGolden) {
  const FixedMultiplier tenth = QuantizeMultiplier(0.1);
  const FixedMultiplier quarter = QuantizeMultiplier(0.25);
  const auto all = [](std::vector<int32_t> xs, FixedMultiplier m) {
    for (int32_t& x : xs) x = Mbqm(x, m);
    return xs;
  };
  const auto all64 = [](std::vector<int32_t> xs, FixedMultiplier m) {
    for (int32_t& x : xs) x = static_cast<int32_t>(Mbqm64(x, m));
    return xs;
  };
  using V = std::vector<int32_t>;
  EXPECT_EQ(all({5, -5, 123456, -123456}, tenth), (V{1, -1, 12346, -12346}));
  EXPECT_EQ(all64({5, -5, 123456, -123456}, tenth), (V{0, 0, 12345, -12345}));
  EXPECT_EQ(all({2, -2, 6, -6, 10, -10}, quarter), (V{1, -1, 2, -2, 3, -3}));
  EXPECT_EQ(all64({2, -2, 6, -6, 10, -10}, quarter), (V{1, 0, 2, -1, 3, -2}));
}

TEST(QuantizationMathTest, RoundsHalfAwayFromZero) {
  EXPECT_EQ(RoundHalfAway(0.5), 1);
  EXPECT_EQ(RoundHalfAway(-0.5), -1);
  EXPECT_EQ(RoundHalfAway(0.49999999999999994), 0);
  EXPECT_EQ(RoundHalfAway(2.5), 3);
  EXPECT_EQ(RoundHalfAway(-1234567.5), -1234568);
  EXPECT_EQ(RequantizeF64(1000, 1e300), int64_t{1} << 40);
}

TEST(QuantizeTest, ReferenceGolden) {
  const std::vector<float> x = {-1,  .0125f, .0375f, -.0125f, -.0375f,
                                .5f, 100,    -100,   .0626f};
  std::vector<int8_t> y(x.size());
  QuantizeRef<int8_t>(x.data(), 9, .025f, -3, y.data());
  EXPECT_EQ(y, (std::vector<int8_t>{-43, -2, -1, -4, -5, 17, 127, -128, 0}));
}

TEST(QuantizeTest, RequantizeByOneIsTheSignBit) {
  for (int x = -128; x < 128; ++x) {
    const auto from = static_cast<int8_t>(x);
    uint8_t to = 0;
    RequantizeRef<int8_t, uint8_t>(&from, 1, QuantizeMultiplier(1.0), 3, 131,
                                   &to);
    EXPECT_EQ(to, static_cast<uint8_t>(from) ^ 0x80);
  }
}

std::vector<float> Samples(uint32_t seed) {
  std::mt19937 rng(seed);
  std::uniform_real_distribution<float> d(-3, 3);
  std::vector<float> x(333);
  for (float& v : x) v = d(rng);
  for (int i = 0; i < 40; ++i) x[static_cast<size_t>(i)] = i * .0125f - .25f;
  x[50] = 1e30f, x[51] = -1e30f;
  x[52] = std::numeric_limits<float>::infinity();
  x[53] = std::numeric_limits<float>::quiet_NaN();
  return x;
}

TEST(QuantizeTest, SimdEqualsReference) {
  const std::vector<float> x = Samples(1);
  const auto n = static_cast<int64_t>(x.size());
  ForEachTarget([&] {
    std::vector<int8_t> a8(x.size()), b8(x.size());
    QuantizeRef<int8_t>(x.data(), n, .025f, -3, a8.data());
    QuantizeF32S8Simd(x.data(), n, .025f, -3, b8.data());
    EXPECT_EQ(a8, b8);
    std::vector<uint8_t> au(x.size()), bu(x.size());
    QuantizeRef<uint8_t>(x.data(), n, .025f, 125, au.data());
    QuantizeF32U8Simd(x.data(), n, .025f, 125, bu.data());
    EXPECT_EQ(au, bu);
    std::vector<int16_t> a16(x.size()), b16(x.size());
    QuantizeRef<int16_t>(x.data(), n, .0001f, 0, a16.data());
    QuantizeF32S16Simd(x.data(), n, .0001f, 0, b16.data());
    EXPECT_EQ(a16, b16);
  });
}

template <typename T>
std::vector<T> AllValues(int least, int largest) {
  std::vector<T> values;
  for (int i = least; i <= largest; ++i) values.push_back(static_cast<T>(i));
  return values;
}

template <typename T>
void ExpectDequantizes(void (*simd)(const T*, int64_t, float, int32_t, float*),
                       const std::vector<T>& q, int32_t zero) {
  const auto n = static_cast<int64_t>(q.size());
  std::vector<float> want(q.size()), got(q.size());
  for (const float scale : {1.0f, 0.1f, 1e-40f, 3e38f, 0.0039215689f}) {
    DequantizeRef(q.data(), n, scale, zero, want.data());
    simd(q.data(), n, scale, zero, got.data());
    EXPECT_EQ(want, got) << scale;
  }
}

TEST(DequantizeTest, SimdEqualsReference) {
  ForEachTarget([] {
    ExpectDequantizes(DequantizeS8Simd, AllValues<int8_t>(-128, 126), -7);
    ExpectDequantizes(DequantizeU8Simd, AllValues<uint8_t>(0, 255), 131);
    ExpectDequantizes(DequantizeS16Simd, AllValues<int16_t>(-32768, 32767), 0);
  });
}

TEST(DynamicQuantizeTest, SimdEqualsReference) {
  std::mt19937 rng(7);
  std::uniform_real_distribution<float> d(-1, 2);
  for (const int n : {0, 1, 3, 7, 8, 12, 16, 17, 24, 31, 64, 100, 2028}) {
    std::vector<float> x(static_cast<size_t>(n) + 1);
    for (float& v : x) v = d(rng);
    ForEachTarget([&] {
      std::vector<int8_t> a(x.size()), b(x.size());
      const DynamicScale s = QuantizeAsymmetric(x.data(), n, a.data());
      const DynamicScale t = QuantizeAsymmetricSimd(x.data(), n, b.data());
      EXPECT_EQ(a, b);
      EXPECT_EQ(s.scale, t.scale);
      EXPECT_EQ(s.zero_point, t.zero_point);
      const DynamicScale u = QuantizeSymmetric(x.data(), n, a.data());
      const DynamicScale v = QuantizeSymmetricSimd(x.data(), n, b.data());
      EXPECT_EQ(a, b);
      EXPECT_EQ(u.scale, v.scale);
    });
  }
}

// What LiteRT 2.3.0 gives for a row whose scale is exactly 1 and zero point -1:
// within groups of 8 a half is added in float32 (0.49999997 becomes 1), and the
// last n mod 8 are rounded exactly.
TEST(DynamicQuantizeTest, RoundsAsLiteRt) {
  const std::vector<float> pattern = {0.5f,  1.5f,  2.5f,        -0.5f,
                                      -1.5f, -2.5f, 0.49999997f, -0.49999997f};
  std::vector<float> x(61, 0.0f);
  x[0] = -127.5f;
  x[1] = 127.5f;
  std::copy(pattern.begin(), pattern.end(), x.begin() + 8);
  std::copy(pattern.begin(), pattern.end(), x.end() - 8);
  ForEachTarget([&] {
    std::vector<int8_t> q(x.size());
    QuantizeAsymmetricSimd(x.data(), static_cast<int64_t>(x.size()), q.data());
    const std::vector<int8_t> middle(q.begin() + 8, q.begin() + 16);
    const std::vector<int8_t> end(q.end() - 8, q.end());
    EXPECT_EQ(middle, (std::vector<int8_t>{0, 1, 2, -2, -3, -4, 0, -2}));
    EXPECT_EQ(end, (std::vector<int8_t>{0, 1, 2, -2, -3, -4, -1, -1}));
  });
}

}  // namespace
}  // namespace litesmith
