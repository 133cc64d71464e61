// The vector requantization against the scalar one. A 1x1 convolution with
// weights of zero makes accumulators of its biases: any value in any channel.
#include "src/kernels/common/requantize_pack.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "src/kernels/common/simd_targets_test.h"
#include "src/kernels/conv/simd.h"

namespace litesmith {
namespace {

constexpr uint32_t kSeed = 20260923;

// What every accumulator becomes, channel by channel, with channel o's
// multiplier.
template <typename T>
std::vector<T> Requantize(const std::vector<int64_t>& accumulators,
                          const Requantizer& requantizer) {
  const std::vector<int8_t> weights(accumulators.size());
  ConvSpec spec;
  spec.kind = sizeof(T) == 1 ? LayerKind::kS8S8 : LayerKind::kS16S8;
  spec.window = {.in_h = 1, .in_w = 1, .in_c = 1};
  spec.window.filter_c = spec.window.out_h = spec.window.out_w = 1;
  spec.window.out_c = static_cast<int>(accumulators.size());
  spec.weights = weights.data();
  spec.bias = accumulators;
  spec.requantizer = requantizer;
  const auto packed = PackConv2D(spec);
  if (packed == nullptr) return {};
  PackedBuffer workspace(packed->workspace_bytes);
  const T x[1] = {};
  std::vector<T> y(accumulators.size());
  RunConv2D(*packed, 1, x, y.data(), workspace.get());
  return y;
}

// Accumulators around every step of the scalar function and around zero, and
// some in between.
std::vector<int64_t> Interesting(std::mt19937& rng, double real) {
  const double most = std::min(400 / real, 2147483000.0);
  std::vector<int64_t> all;
  std::uniform_real_distribution<double> any(-most, most);
  for (int i = 0; i < 500; ++i) all.push_back(std::llround(any(rng)));
  for (int y = -300; y <= 300; ++y) {
    for (int d = -3; d <= 3; ++d) {
      const double at = (y + 0.5) / real;
      if (std::abs(at) < most) all.push_back(std::llround(at) + d);
    }
  }
  for (int d = -20; d <= 20; ++d) all.push_back(d);
  // The largest there are; the result is clamped.
  for (int d = 1; d <= 3; ++d) {
    all.push_back(INT32_MAX - d);
    all.push_back(d - INT32_MAX);
  }
  return all;
}

template <typename T>
void Check(RequantMethod method, const std::vector<double>& reals) {
  std::mt19937 rng(kSeed);
  ::testing::Test::RecordProperty("seed", static_cast<int>(kSeed));
  for (const bool relu : {false, true}) {
    std::vector<int64_t> accumulators;
    Requantizer r;
    r.method = method;
    // int16 has no zero point.
    r.zero_point = sizeof(T) == 1 ? (relu ? -128 : 7) : 0;
    r.lo = relu ? r.zero_point : std::numeric_limits<T>::min();
    r.hi = std::numeric_limits<T>::max();
    for (const double real : reals) {
      const FixedMultiplier m = QuantizeMultiplier(real);
      for (const int64_t acc : Interesting(rng, real)) {
        // What would wrap if it were shifted left is refused.
        if (std::abs(std::ldexp(static_cast<double>(acc),
                                std::max(m.shift + 1, 0))) >= 0x1p31) {
          continue;
        }
        accumulators.push_back(acc);
        r.multipliers.push_back(m);
      }
    }
    std::vector<T> wanted;
    for (size_t i = 0; i < accumulators.size(); ++i) {
      wanted.push_back(
          static_cast<T>(r.Apply(accumulators[i], static_cast<int>(i))));
    }
    int runs = 0;
    ForEachTarget([&] {
      const auto got = Requantize<T>(accumulators, r);
      if (got.empty()) return;
      ++runs;
      for (size_t i = 0; i < wanted.size(); ++i) {
        ASSERT_EQ(got[i], wanted[i])
            << accumulators[i] << " times " << r.multipliers[i].value
            << " shift " << r.multipliers[i].shift;
      }
    });
    EXPECT_GT(runs, 0);
  }
}

// Powers of two and their neighbours make ties in both roundings.
const std::vector<double> kRightShifts = {
    0.003, 0.0071, 0.4999, 1.0 / 256, 1.0 / 1024, 3.0 / 4096,
    0.25,  0.375,  5e-4,   1e-5,      0x1p-20,    0x1p-9 * 1.0000001};

TEST(RequantizePackTest, MbqmOfBytes) {
  Check<int8_t>(RequantMethod::kMbqm, kRightShifts);
}
TEST(RequantizePackTest, MbqmOfBytesWithLeftShifts) {
  Check<int8_t>(RequantMethod::kMbqm, {0.5, 0.75, 1, 1.5, 37, 0.01, 1000});
}
TEST(RequantizePackTest, MbqmOfInt16) {
  Check<int16_t>(RequantMethod::kMbqm, kRightShifts);
}
TEST(RequantizePackTest, Mbqm64) {
  Check<int16_t>(RequantMethod::kMbqm64, kRightShifts);
  Check<int16_t>(RequantMethod::kMbqm64, {0.5, 1, 3.7, 100, 0.01});
}

TEST(RequantizePackTest, RefusesWhatWraps) {
  Requantizer r;
  r.multipliers = {QuantizeMultiplier(3)};
  PackedRequantizer packed;
  const int64_t small[] = {(int64_t{1} << 28) - 1};
  const int64_t large[] = {int64_t{1} << 28};
  EXPECT_TRUE(PackRequantizer(r, small, 4, 1, &packed));
  EXPECT_EQ(packed.form, RequantForm::kLeft);
  EXPECT_FALSE(PackRequantizer(r, large, 4, 1, &packed));
  // A multiplier of nothing but shift.
  r.multipliers = {{.value = 1 << 30, .shift = -31}};
  EXPECT_FALSE(PackRequantizer(r, small, 4, 1, &packed));
}

}  // namespace
}  // namespace litesmith
