// Pools on SIMD against the reference twins, on every target.
#include "src/kernels/pool/simd.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <type_traits>
#include <vector>

#include "src/kernels/common/packed_buffer.h"
#include "src/kernels/common/random_values_test.h"
#include "src/kernels/common/simd_targets_test.h"
#include "src/kernels/pool/reference.h"

namespace litesmith {
namespace {

constexpr uint32_t kSeed = 20261127;

Window RandomWindow(std::mt19937& rng) {
  Window g;
  g.in_c = g.out_c = Pick(rng, {1, 3, 6, 12, 16, 36, 70});
  const bool same = Pick(rng, {0, 1}) != 0;
  do {
    g.in_h = Pick(rng, {1, 2, 5, 8, 30}), g.in_w = Pick(rng, {1, 3, 9, 10});
    g.filter_h = Pick(rng, {1, 2, 3, 8}), g.filter_w = Pick(rng, {1, 2, 3, 9});
    g.stride_h = Pick(rng, {1, 2, 3}), g.stride_w = Pick(rng, {1, 2});
    SetOutput(same, &g);
  } while (g.out_h < 1 || g.out_w < 1);
  return g;
}

template <typename T>
std::vector<T> Values(std::mt19937& rng, int64_t n) {
  if constexpr (std::is_same_v<T, float>) {
    return Reals(rng, n);
  } else {
    // Mostly the ends, whose sums are the largest.
    constexpr int kLow = std::numeric_limits<T>::min();
    constexpr int kHigh = std::numeric_limits<T>::max();
    auto x = Integers<T>(rng, n, kLow, kHigh);
    if (Pick(rng, {0, 1}) != 0) {
      for (T& v : x) v = static_cast<T>(v > (kLow + kHigh) / 2 ? kHigh : kLow);
    }
    return x;
  }
}

template <typename T>
void Check(std::mt19937& rng) {
  const Window g = RandomWindow(rng);
  const int images = Pick(rng, {1, 2});
  const auto x = Values<T>(rng, g.in_size() * images);
  const bool clamps = Pick(rng, {0, 1}) != 0;
  const T lo = clamps ? T{0} : std::numeric_limits<T>::lowest();
  const T hi = clamps ? T{1} : std::numeric_limits<T>::max();
  for (const PoolKind kind : {PoolKind::kMax, PoolKind::kAverage}) {
    std::vector<T> wanted(static_cast<size_t>(g.out_size() * images));
    (kind == PoolKind::kMax
         ? MaxPool2DRef<T>
         : AveragePool2DRef<T>)(g, images, x.data(), lo, hi, wanted.data());
    int targets = 0;
    ForEachTarget([&] {
      if (!FitsPoolSimd<T>(kind, g)) return;
      ++targets;
      PackedBuffer workspace(PoolSimdWorkspace(g));
      std::vector<T> y(wanted.size() + 1, T{1});
      Pool2DSimd<T>(kind, g, images, x.data(), lo, hi, y.data(),
                    workspace.get());
      EXPECT_EQ(y.back(), T{1});
      y.pop_back();
      ASSERT_EQ(y, wanted);
    });
    EXPECT_EQ(targets > 0,
              kind == PoolKind::kMax || !(std::is_same_v<T, float>));
  }
}

TEST(PoolSimdTest, EqualsTheReference) {
  std::mt19937 rng(kSeed);
  for (int n = 0; n < 150; ++n) {
    SCOPED_TRACE(n);
    Check<float>(rng);
    Check<int8_t>(rng);
    Check<uint8_t>(rng);
    Check<int16_t>(rng);
    if (HasFailure()) return;
  }
}

TEST(PoolSimdTest, LeavesSumsThatFloatsDoNotDivide) {
  Window g;
  g.in_h = g.in_w = g.filter_h = g.filter_w = 23;
  EXPECT_FALSE(FitsPoolSimd<int16_t>(PoolKind::kAverage, g));
  EXPECT_EQ(FitsPoolSimd<int8_t>(PoolKind::kAverage, g),
            FitsPoolSimd<int16_t>(PoolKind::kMax, g));
}

// All sums of an int16 window of the largest number that fits.
TEST(PoolSimdTest, QuotientsAreExact) {
  Window g;
  g.in_h = g.filter_h = 1, g.in_w = g.filter_w = 511;
  g.in_c = g.out_c = 64, g.out_h = g.out_w = 1;
  std::mt19937 rng(kSeed);
  for (int n = 0; n < 40; ++n) {
    auto x = Integers<int16_t>(rng, g.in_size(), 0, 1);
    const int16_t most = n % 2 == 0 ? 32766 : -32768;
    for (int16_t& v : x) v = static_cast<int16_t>(v + most);
    std::vector<int16_t> wanted(64);
    AveragePool2DRef<int16_t>(g, 1, x.data(), -32768, 32767, wanted.data());
    ForEachTarget([&] {
      if (!FitsPoolSimd<int16_t>(PoolKind::kAverage, g)) return;
      PackedBuffer workspace(PoolSimdWorkspace(g));
      std::vector<int16_t> y(64);
      Pool2DSimd<int16_t>(PoolKind::kAverage, g, 1, x.data(), -32768, 32767,
                          y.data(), workspace.get());
      ASSERT_EQ(y, wanted);
    });
  }
}

}  // namespace
}  // namespace litesmith
