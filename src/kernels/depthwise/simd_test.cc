// The SIMD depthwise convolution against its reference twin, on every target.
#include "src/kernels/depthwise/simd.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "src/kernels/common/padded_image.h"
#include "src/kernels/common/random_values_test.h"
#include "src/kernels/common/simd_targets_test.h"
#include "src/kernels/depthwise/reference.h"

namespace litesmith {
namespace {

constexpr uint32_t kSeed = 20261126;
constexpr int kCases = 150;

struct Case {
  Window window;
  int images = 1;
  bool bias = true;
  bool relu = false;
};

Case RandomCase(std::mt19937& rng) {
  const auto pick = [&](std::initializer_list<int> of) {
    return Pick(rng, of);
  };
  Case c;
  Window& g = c.window;
  g.in_c = pick({1, 1, 3, 4, 8, 16, 17, 32, 33, 64});
  g.filter_c = 1;
  g.out_c = g.in_c * pick({1, 1, 1, 2, 3, 8});
  g.in_h = pick({1, 2, 5, 7, 9});
  g.in_w = pick({1, 3, 6, 8, 11});
  const bool same = pick({0, 1}) != 0;
  do {
    g.filter_h = pick({1, 2, 3, 5});
    g.filter_w = pick({1, 2, 3, 4});
    g.stride_h = pick({1, 2, 3});
    g.stride_w = pick({1, 2});
    g.dilation_h = pick({1, 1, 2});
    g.dilation_w = pick({1, 1, 3});
    SetOutput(same, &g);
  } while (g.out_h < 1 || g.out_w < 1);
  c.images = pick({1, 2, 3});
  c.bias = pick({0, 1, 1}) != 0;
  c.relu = pick({0, 1}) != 0;
  return c;
}

int64_t Weights(const Window& g) {
  return int64_t{g.filter_h} * g.filter_w * g.out_c;
}

// Calls body for each target that has vectors.
template <typename Body>
void ForEachVectorTarget(const DepthwiseSpec& spec, const Body& body) {
  int targets = 0;
  ForEachTarget([&] {
    if (PackDepthwise(spec) == nullptr) return;
    ++targets;
    body();
  });
  EXPECT_GT(targets, 0);
}

// Runs the packed layer; what is behind the output must stay, and the workspace
// may hold anything.
template <typename X, typename Y>
std::vector<Y> RunPacked(const DepthwiseSpec& spec, const Case& c,
                         const std::vector<X>& x) {
  const auto packed = PackDepthwise(spec);
  PackedBuffer workspace(packed->workspace_bytes);
  if (packed->workspace_bytes > 0)
    std::memset(workspace.get(), 0xee, packed->workspace_bytes);
  const auto count = static_cast<size_t>(spec.window.out_size() * c.images);
  std::vector<Y> y(count + 64, Y{77});
  RunDepthwise(*packed, c.images, x.data(), y.data(), workspace.get());
  for (size_t i = count; i < y.size(); ++i) EXPECT_EQ(y[i], Y{77}) << i - count;
  y.resize(count);
  return y;
}

// Some multipliers need a left shift, some a signed rounding.
Requantizer RandomRequantizer(std::mt19937& rng, const Case& c, bool wide) {
  Requantizer r;
  r.method = wide ? RequantMethod::kMbqm64 : RequantMethod::kMbqm;
  r.zero_point = wide ? 0 : 5;
  r.hi = wide ? 32767 : 127;
  r.lo = c.relu ? r.zero_point : -r.hi - 1;
  const double most = Pick(rng, {0, 1}) != 0 ? 0.02 : 0.9;
  std::uniform_real_distribution<double> real(most / 100, most);
  for (int o = 0; o < c.window.out_c; ++o)
    r.multipliers.push_back(QuantizeMultiplier(real(rng)));
  return r;
}

template <typename T>
void CheckIntegers(std::mt19937& rng, const Case& c) {
  constexpr bool kWide = sizeof(T) == 2;
  const Window& g = c.window;
  const auto x =
      Integers<T>(rng, g.in_size() * c.images, std::numeric_limits<T>::min(),
                  std::numeric_limits<T>::max());
  const auto weights = Integers<int8_t>(rng, Weights(g), -127, 127);
  const auto bias = Integers<int32_t>(rng, g.out_c, -20000, 20000);
  DepthwiseSpec spec;
  spec.kind = kWide ? LayerKind::kS16S8 : LayerKind::kS8S8;
  spec.window = g;
  spec.weights = weights.data();
  spec.x_zero = kWide ? 0 : -7;
  spec.requantizer = RandomRequantizer(rng, c, kWide);
  if (c.bias) spec.bias.assign(bias.begin(), bias.end());
  std::vector<T> wanted(static_cast<size_t>(g.out_size() * c.images));
  DepthwiseIntegerRef(g, c.images, x.data(), weights.data(),
                      {.wide = c.bias ? spec.bias.data() : nullptr},
                      {spec.x_zero}, spec.requantizer, wanted.data());
  ForEachVectorTarget(
      spec, [&] { EXPECT_EQ((RunPacked<T, T>(spec, c, x)), wanted); });
}

DepthwiseSpec FloatSpec(const Case& c, const std::vector<float>& bias) {
  DepthwiseSpec spec;
  spec.window = c.window;
  spec.lo = c.relu ? 0.0f : std::numeric_limits<float>::lowest();
  spec.hi = c.relu ? 6.0f : std::numeric_limits<float>::max();
  if (c.bias) spec.float_bias = bias;
  return spec;
}

void CheckFloats(std::mt19937& rng, const Case& c) {
  const Window& g = c.window;
  const auto x = Reals(rng, g.in_size() * c.images);
  const auto weights = Reals(rng, Weights(g));
  const auto bias = Reals(rng, g.out_c);
  DepthwiseSpec spec = FloatSpec(c, bias);
  spec.weights = weights.data();
  std::vector<float> wanted(static_cast<size_t>(g.out_size() * c.images));
  DepthwiseF32F32Ref(g, c.images, x.data(), weights.data(),
                     c.bias ? bias.data() : nullptr, spec.lo, spec.hi,
                     wanted.data());
  ForEachVectorTarget(spec, [&] {
    const auto y = RunPacked<float, float>(spec, c, x);
    ASSERT_EQ(y.size(), wanted.size());
    for (size_t i = 0; i < y.size(); ++i)
      ASSERT_NEAR(y[i], wanted[i], 1e-5f) << i;
    spec.exact = true;
    EXPECT_EQ((RunPacked<float, float>(spec, c, x)), wanted);
    spec.exact = false;
  });
}

void CheckHybrid(std::mt19937& rng, const Case& c) {
  const Window& g = c.window;
  const auto x = Reals(rng, g.in_size() * c.images);
  const auto weights = Integers<int8_t>(rng, Weights(g), -127, 127);
  const auto bias = Reals(rng, g.out_c);
  DepthwiseSpec spec = FloatSpec(c, bias);
  spec.kind = LayerKind::kF32S8;
  spec.weights = weights.data();
  spec.scales = Reals(rng, g.out_c);
  std::vector<int8_t> quantized(static_cast<size_t>(g.in_size()));
  std::vector<float> wanted(static_cast<size_t>(g.out_size() * c.images));
  DepthwiseF32S8Ref(g, c.images, x.data(), weights.data(),
                    c.bias ? bias.data() : nullptr, spec.scales, spec.lo,
                    spec.hi, quantized.data(), wanted.data());
  ForEachVectorTarget(
      spec, [&] { EXPECT_EQ((RunPacked<float, float>(spec, c, x)), wanted); });
}

template <typename Check>
void ForRandomCases(const Check& check) {
  ::testing::Test::RecordProperty("seed", static_cast<int>(kSeed));
  std::mt19937 rng(kSeed);
  for (int i = 0; i < kCases; ++i) {
    SCOPED_TRACE(i);
    check(rng, RandomCase(rng));
    if (::testing::Test::HasFailure()) return;
  }
}

TEST(DepthwiseSimdTest, Floats) { ForRandomCases(CheckFloats); }
TEST(DepthwiseSimdTest, Int8) { ForRandomCases(CheckIntegers<int8_t>); }
TEST(DepthwiseSimdTest, Int16) { ForRandomCases(CheckIntegers<int16_t>); }
TEST(DepthwiseSimdTest, Hybrid) { ForRandomCases(CheckHybrid); }

TEST(DepthwiseSimdTest, RefusesWhatVectorsCannotHold) {
  std::mt19937 rng(kSeed);
  Case c;
  Window& g = c.window;
  g.in_h = g.in_w = g.in_c = g.out_c = g.filter_c = g.out_h = g.out_w = 1;
  const int8_t weights[1] = {1};
  DepthwiseSpec spec;
  spec.kind = LayerKind::kS16S8;
  spec.window = g;
  spec.weights = weights;
  spec.requantizer = RandomRequantizer(rng, c, true);
  spec.bias = {int64_t{1} << 30};
  EXPECT_NE(PackDepthwise(spec), nullptr);
  spec.bias = {int64_t{1} << 31};
  EXPECT_EQ(PackDepthwise(spec), nullptr);
  // Padding that a large dilation asks for.
  spec.bias = {0};
  spec.window.filter_h = spec.window.filter_w = 2;
  spec.window.dilation_h = spec.window.dilation_w = 65535;
  const std::vector<int8_t> four(4, 1);
  spec.weights = four.data();
  EXPECT_GT(PaddedImageOf(spec.window, spec.window.out_c).elements,
            kLargestPaddedImage);
  EXPECT_EQ(PackDepthwise(spec), nullptr);
}

}  // namespace
}  // namespace litesmith
