// Convolutions with groups and transposed ones on SIMD against their reference
// twins, on every target: all bits, as floats are summed in the same order.
#include "src/kernels/conv/grouped.h"

#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "src/kernels/common/random_values_test.h"
#include "src/kernels/common/simd_targets_test.h"
#include "src/kernels/conv/reference.h"
#include "src/kernels/conv/transposed.h"

namespace litesmith {
namespace {

constexpr uint32_t kSeed = 20261126;
constexpr int kCases = 60;
constexpr int kImages = 2;

Window GroupedWindow(std::mt19937& rng) {
  Window g;
  const int groups = Pick(rng, {2, 3, 4});
  g.filter_c = Pick(rng, {1, 2, 5, 8});
  g.in_c = groups * g.filter_c;
  g.out_c = groups * Pick(rng, {1, 3, 8, 17});
  g.in_h = Pick(rng, {4, 5, 9});
  g.in_w = Pick(rng, {4, 6, 7});
  g.filter_h = Pick(rng, {1, 2, 3});
  g.filter_w = Pick(rng, {1, 3});
  g.stride_h = Pick(rng, {1, 2});
  g.dilation_w = Pick(rng, {1, 1, 2});
  SetOutput(Pick(rng, {0, 1}) != 0 || g.in_w < 5, &g);
  return g;
}

Window TransposedWindow(std::mt19937& rng) {
  Window g;
  g.in_c = g.filter_c = Pick(rng, {1, 3, 8, 10});
  g.out_c = Pick(rng, {1, 4, 16, 19});
  g.in_h = Pick(rng, {1, 3, 5});
  g.in_w = Pick(rng, {1, 4, 6});
  g.filter_h = Pick(rng, {1, 2, 3, 5});
  g.filter_w = Pick(rng, {1, 3, 4});
  g.stride_h = Pick(rng, {1, 2, 3});
  g.stride_w = Pick(rng, {1, 2, 4});
  g.out_h = Pick(rng, {1, 5, 8, 11});
  g.out_w = Pick(rng, {2, 7, 12});
  g.pad_top = std::uniform_int_distribution<int>(0, g.filter_h - 1)(rng);
  g.pad_left = std::uniform_int_distribution<int>(0, g.filter_w - 1)(rng);
  return g;
}

// The two kinds under one name.
struct Grouped {
  static auto Draw(std::mt19937& rng) { return GroupedWindow(rng); }
  static auto Pack(const ConvSpec& spec) { return PackGroupedConv2D(spec); }
  template <typename X>
  static void Reference(const ConvSpec& spec, const X* x, LayerBias bias,
                        X* y) {
    Conv2DIntegerRef(spec.window, kImages, x,
                     static_cast<const int8_t*>(spec.weights), bias,
                     {spec.x_zero}, spec.requantizer, y);
  }
  static constexpr auto Floats = Conv2DF32F32Ref;
};
struct Transposed {
  static auto Draw(std::mt19937& rng) { return TransposedWindow(rng); }
  static auto Pack(const ConvSpec& spec) { return PackTransposeConv(spec); }
  template <typename X>
  static void Reference(const ConvSpec& spec, const X* x, LayerBias bias,
                        X* y) {
    TransposeConvIntegerRef(spec.window, kImages, x,
                            static_cast<const int8_t*>(spec.weights), bias,
                            {spec.x_zero}, spec.requantizer, y);
  }
  static constexpr auto Floats = TransposeConvF32F32Ref;
};

// Compares on every target; returns how many times it was packed.
template <class Kind, typename X, typename Y>
int Check(const ConvSpec& spec, const std::vector<X>& x,
          const std::vector<Y>& wanted) {
  int packed_times = 0;
  ForEachTarget([&] {
    const auto packed = Kind::Pack(spec);
    if (packed == nullptr) return;
    ++packed_times;
    PackedBuffer workspace(packed->workspace_bytes + 1);
    std::memset(workspace.get(), 0xee, packed->workspace_bytes);
    std::vector<Y> y(wanted.size() + 64, Y{77});
    RunConv2D(*packed, kImages, x.data(), y.data(), workspace.get());
    for (size_t i = wanted.size(); i < y.size(); ++i) EXPECT_EQ(y[i], Y{77});
    y.resize(wanted.size());
    EXPECT_EQ(y, wanted);
  });
  return packed_times;
}

template <class Kind, typename X>
int CheckIntegers(std::mt19937& rng) {
  constexpr bool kWide = sizeof(X) == 2;
  ConvSpec spec;
  spec.kind = kWide ? LayerKind::kS16S8 : LayerKind::kS8S8;
  spec.window = Kind::Draw(rng);
  const Window& g = spec.window;
  const auto x =
      Integers<X>(rng, g.in_size() * kImages, std::numeric_limits<X>::min(),
                  std::numeric_limits<X>::max());
  const auto w = Integers<int8_t>(rng, g.taps() * g.out_c, -127, 127);
  const auto bias = Integers<int64_t>(rng, g.out_c, -20000, 20000);
  spec.weights = w.data();
  spec.bias = bias;
  spec.x_zero = kWide ? 0 : Pick(rng, {-128, -3, 127});
  Requantizer& r = spec.requantizer;
  r.method = kWide ? RequantMethod::kMbqm64 : RequantMethod::kMbqm;
  r.zero_point = kWide ? 0 : -5;
  r.lo = std::numeric_limits<X>::min(), r.hi = std::numeric_limits<X>::max();
  std::uniform_real_distribution<double> real(1e-4, 0.01);
  for (int o = 0; o < g.out_c; ++o)
    r.multipliers.push_back(QuantizeMultiplier(real(rng)));
  std::vector<X> wanted(static_cast<size_t>(g.out_size() * kImages));
  Kind::Reference(spec, x.data(), {.wide = bias.data()}, wanted.data());
  return Check<Kind>(spec, x, wanted);
}

template <class Kind>
int CheckFloats(std::mt19937& rng) {
  ConvSpec spec;
  spec.window = Kind::Draw(rng);
  spec.exact = true;
  const Window& g = spec.window;
  const auto x = Reals(rng, g.in_size() * kImages);
  const auto w = Reals(rng, g.taps() * g.out_c);
  spec.weights = w.data();
  spec.float_bias = Reals(rng, g.out_c);
  spec.lo = -0.8f, spec.hi = 3e38f;
  std::vector<float> wanted(static_cast<size_t>(g.out_size() * kImages));
  Kind::Floats(g, kImages, x.data(), w.data(), spec.float_bias.data(), spec.lo,
               spec.hi, wanted.data());
  return Check<Kind>(spec, x, wanted);
}

// A transposed one whose padding cuts off whole taps is left to the reference.
template <class Kind>
void CheckKind() {
  ::testing::Test::RecordProperty("seed", static_cast<int>(kSeed));
  std::mt19937 rng(kSeed);
  int packed = 0;
  for (int i = 0; i < kCases; ++i) {
    SCOPED_TRACE(i);
    packed += CheckFloats<Kind>(rng) > 0;
    packed += CheckIntegers<Kind, int8_t>(rng) > 0;
    packed += CheckIntegers<Kind, int16_t>(rng) > 0;
    if (::testing::Test::HasFailure()) return;
  }
  EXPECT_GT(packed, kCases);
}

TEST(GroupedConvTest, EqualsReference) { CheckKind<Grouped>(); }
TEST(TransposedConvTest, EqualsReference) { CheckKind<Transposed>(); }

TEST(TransposedConvTest, LeavesHugeStridesToTheReference) {
  ConvSpec spec;
  Window& g = spec.window;
  g.in_h = g.in_w = g.in_c = g.filter_c = g.out_c = 1;
  g.stride_h = g.stride_w = 60000;
  g.out_h = g.out_w = 3;
  const float w = 1;
  spec.weights = &w;
  EXPECT_EQ(PackTransposeConv(spec), nullptr);
}

}  // namespace
}  // namespace litesmith
