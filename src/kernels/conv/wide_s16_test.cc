// Convolutions of int16 whose sums leave 32 bits against the reference twin, on
// every target.
#include "src/kernels/conv/wide_s16.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "src/kernels/common/random_values_test.h"
#include "src/kernels/common/simd_targets_test.h"
#include "src/kernels/conv/reference.h"

namespace litesmith {
namespace {

constexpr uint32_t kSeed = 20261127;

ConvSpec RandomSpec(std::mt19937& rng) {
  ConvSpec spec;
  spec.kind = LayerKind::kS16S8;
  Window& g = spec.window;
  g.in_c = g.filter_c = Pick(rng, {1, 3, 16, 129, 200});
  g.out_c = Pick(rng, {1, 3, 16, 21});
  g.in_h = Pick(rng, {1, 4, 7}), g.in_w = Pick(rng, {1, 3, 6});
  const bool same = Pick(rng, {0, 1}) != 0;
  do {
    g.filter_h = Pick(rng, {1, 2, 3}), g.filter_w = Pick(rng, {1, 2, 3});
    g.stride_h = Pick(rng, {1, 2}), g.stride_w = Pick(rng, {1, 2});
    g.dilation_h = Pick(rng, {1, 1, 2}), g.dilation_w = Pick(rng, {1, 1, 2});
    SetOutput(same, &g);
  } while (g.out_h < 1 || g.out_w < 1);
  return spec;
}

TEST(WideConv2DTest, EqualsTheReference) {
  std::mt19937 rng(kSeed);
  int cut = 0;
  for (int n = 0; n < 150; ++n) {
    SCOPED_TRACE(n);
    ConvSpec spec = RandomSpec(rng);
    const Window& g = spec.window;
    const int images = Pick(rng, {1, 2});
    // The largest sums of all, too.
    const int least = n % 3 == 0 ? 127 : -127;
    const auto w = Integers<int8_t>(rng, g.taps() * g.out_c, least, 127);
    const auto x =
        n % 6 == 0
            ? std::vector<int16_t>(static_cast<size_t>(g.in_size() * images),
                                   -32768)
            : Integers<int16_t>(rng, g.in_size() * images, -32768, 32767);
    spec.weights = w.data();
    if (n % 4 != 0) {
      spec.bias = Integers<int64_t>(rng, g.out_c, -2000000000, 2000000000);
      spec.bias[0] *= 1000;
    }
    spec.requantizer.method = RequantMethod::kMbqm64;
    spec.requantizer.lo = Pick(rng, {-32768, 0});
    spec.requantizer.hi = 32767;
    for (int o = 0; o < g.out_c; ++o) {
      spec.requantizer.multipliers.push_back(QuantizeMultiplier(
          std::uniform_real_distribution<double>(1e-7, 1e-4)(rng)));
    }
    std::vector<int16_t> wanted(static_cast<size_t>(g.out_size() * images));
    Conv2DIntegerRef(g, images, x.data(), w.data(),
                     {.wide = spec.bias.empty() ? nullptr : spec.bias.data()},
                     {}, spec.requantizer, wanted.data());
    int targets = 0;
    ForEachTarget([&] {
      const auto packed = PackWideConv2D(spec);
      if (packed == nullptr) return;
      ++targets;
      cut += packed->part_ends.size() > 1 ? 1 : 0;
      PackedBuffer workspace(packed->workspace_bytes);
      std::vector<int16_t> y(wanted.size() + 1, 77);
      RunConv2D(*packed, images, x.data(), y.data(), workspace.get());
      EXPECT_EQ(y.back(), 77);
      y.pop_back();
      ASSERT_EQ(y, wanted);
    });
    EXPECT_GT(targets, 0);
  }
  EXPECT_GT(cut, 8);  // of one target, where there are no others
}

TEST(WideConv2DTest, RefusesWhatItCannotHold) {
  std::mt19937 rng(kSeed);
  ConvSpec spec = RandomSpec(rng);
  const Window& g = spec.window;
  const auto w = Integers<int8_t>(rng, g.taps() * g.out_c, -127, 127);
  spec.weights = w.data();
  spec.requantizer.method = RequantMethod::kMbqm64;
  spec.requantizer.multipliers.assign(static_cast<size_t>(g.out_c),
                                      QuantizeMultiplier(1e-5));
  const auto packs = [&] { return PackWideConv2D(spec) != nullptr; };
  ASSERT_TRUE(packs());
  spec.bias.assign(static_cast<size_t>(g.out_c), int64_t{1} << 46);
  EXPECT_FALSE(packs());
  spec.bias.clear();
  spec.pool_2x2 = true;
  EXPECT_FALSE(packs());
  spec.pool_2x2 = false;
  spec.requantizer.method = RequantMethod::kMbqm;
  EXPECT_FALSE(packs());
}

}  // namespace
}  // namespace litesmith
