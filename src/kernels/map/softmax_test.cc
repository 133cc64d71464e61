// Softmax's integer forms against doubles, and at the ends of what they take.
#include "src/kernels/map/softmax.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "src/base/rng.h"

namespace litesmith::kernels {
namespace {

template <class T>
std::vector<double> Wanted(const std::vector<T>& x, double scale) {
  const double max = *std::max_element(x.begin(), x.end());
  double sum = 0;
  for (const T v : x) sum += std::exp(scale * (v - max));
  std::vector<double> shares;
  for (const T v : x) shares.push_back(std::exp(scale * (v - max)) / sum);
  return shares;
}

TEST(Softmax, BytesAreThoseOfDoublesByEitherWay) {
  Rng rng(1);
  for (const float scale : {0.001f, 0.05f, 0.7f}) {
    const Softmax8Terms terms(scale, 1);
    Softmax8Table table{};
    for (int i = 0; i < 256; ++i) table[static_cast<size_t>(i)] = terms(-i);
    for (const int64_t depth : {1, 2, 10, 300}) {
      std::vector<int8_t> x;
      for (int64_t i = 0; i < depth; ++i)
        x.push_back(
            static_cast<int8_t>(static_cast<int>(rng.Below(256)) - 128));
      std::vector<int8_t> y(x.size());
      std::vector<int8_t> by_table(x.size());
      Softmax8(x.data(), 1, depth, terms, y.data());
      Softmax8(x.data(), 1, depth, table, by_table.data());
      EXPECT_EQ(y, by_table);
      const std::vector<double> wanted = Wanted(x, double{scale});
      for (size_t i = 0; i < x.size(); ++i) {
        EXPECT_NEAR(y[i], std::min(127.0, wanted[i] * 256 - 128), 1.0)
            << scale << " " << depth;
      }
    }
  }
}

// Sums at the top of 32 bits, where the reference's last shift is undefined.
TEST(Softmax, LongRowsOfBytesHaveNoShares) {
  const Softmax8Terms terms(0.1f, 1);
  for (const int64_t depth : {511, 512, 4096, 8191}) {
    const std::vector<uint8_t> x(static_cast<size_t>(depth), 200);
    std::vector<uint8_t> y(x.size(), 77);
    Softmax8(x.data(), 1, depth, terms, y.data());
    for (const uint8_t share : y)
      ASSERT_EQ(share, depth == 511 ? 1 : 0) << depth;
  }
  EXPECT_FALSE(Softmax8Terms::IsPossible(1e-9f, 1));
  EXPECT_TRUE(Softmax8Terms::IsPossible(1e30f, 1));
  EXPECT_EQ(Softmax8Terms(1e30f, 1)(-1), 0);
}

TEST(Softmax, WordsAreThoseOfDoubles) {
  Rng rng(2);
  Softmax16 softmaxes[] = {MakeSoftmax16<double>(), MakeSoftmax16<float>()};
  for (Softmax16& softmax : softmaxes) {
    for (const double scale : {0.00001, 0.0003}) {
      softmax.multiplier = QuantizeMultiplier(scale / (10.0 / 65535.0));
      for (const int64_t depth : {1, 3, 40, 65535}) {
        std::vector<int16_t> x;
        for (int64_t i = 0; i < depth; ++i)
          x.push_back(
              static_cast<int16_t>(static_cast<int>(rng.Below(65536)) - 32768));
        std::vector<int16_t> y(x.size());
        softmax.Run(x.data(), 1, depth, y.data());
        const std::vector<double> wanted = Wanted(x, scale);
        for (size_t i = 0; i < x.size(); ++i) {
          ASSERT_NEAR(y[i], std::min(32767.0, wanted[i] * 32768), 8)
              << scale << " " << depth;
        }
      }
    }
  }
}

}  // namespace
}  // namespace litesmith::kernels
