// The SIMD convolution against its reference twin, on every target.
#include "src/kernels/conv/simd.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "src/kernels/common/random_values_test.h"
#include "src/kernels/common/simd_targets_test.h"
#include "src/kernels/conv/amx.h"
#include "src/kernels/conv/reference.h"
#include "src/kernels/pool/reference.h"

namespace litesmith {
namespace {

constexpr uint32_t kSeed = 20260921;

struct Case {
  Window window;
  int images = 1;
  bool pool = false;
  bool bias = true;
  bool relu = false;
  bool per_channel = true;
};

// One-channel images and few channels, pooled: what the gray kernel is for.
Case GrayCase(std::mt19937& rng) {
  Case c;
  Window& g = c.window;
  g.in_c = g.filter_c = 1;
  g.out_c = Pick(rng, {1, 2, 3, 5, 6, 10, 12, 20, 24});
  g.in_h = Pick(rng, {6, 7, 12, 28});
  g.in_w = Pick(rng, {6, 9, 13, 28});
  g.filter_h = g.filter_w = Pick(rng, {3, 5});
  SetOutput(Pick(rng, {0, 1}) != 0, &g);
  c.images = Pick(rng, {1, 2, 3});
  c.pool = true;
  c.bias = Pick(rng, {0, 1, 1}) != 0;
  c.relu = Pick(rng, {0, 1}) != 0;
  c.per_channel = Pick(rng, {0, 1}) != 0;
  return c;
}

// What winograd.h is for.
Case SquareCase(std::mt19937& rng) {
  Case c;
  Window& g = c.window;
  g.in_c = g.filter_c = Pick(rng, {8, 16, 32, 48});
  g.out_c = Pick(rng, {8, 16, 24, 32});
  g.in_h = Pick(rng, {4, 6, 7, 9, 12});
  g.in_w = Pick(rng, {5, 6, 8, 13});
  g.filter_h = g.filter_w = 3;
  SetOutput(Pick(rng, {0, 1}) != 0, &g);
  c.images = Pick(rng, {1, 2});
  c.bias = Pick(rng, {0, 1, 1}) != 0;
  c.relu = Pick(rng, {0, 1}) != 0;
  c.per_channel = Pick(rng, {0, 1}) != 0;
  return c;
}

// What amx.h is for.
Case MatrixCase(std::mt19937& rng) {
  Case c;
  Window& g = c.window;
  g.in_c = g.filter_c = Pick(rng, {15, 16, 24, 32, 64, 96});
  g.out_c = Pick(rng, {16, 32, 48});
  g.in_h = Pick(rng, {4, 6, 7, 9});
  g.in_w = Pick(rng, {5, 6, 8, 13, 16, 19, 33});
  g.filter_h = g.filter_w = Pick(rng, {1, 3, 3, 4});
  g.stride_h = g.stride_w = Pick(rng, {1, 1, 2});
  SetOutput(Pick(rng, {0, 1}) != 0, &g);
  c.images = Pick(rng, {1, 2});
  c.bias = Pick(rng, {0, 1, 1}) != 0;
  c.relu = Pick(rng, {0, 1}) != 0;
  c.per_channel = Pick(rng, {0, 1}) != 0;
  return c;
}

Case RandomCase(std::mt19937& rng) {
  const auto pick = [&](std::initializer_list<int> of) {
    return Pick(rng, of);
  };
  const int kind = pick({0, 1, 2, 3, 4});
  if (kind == 0) return GrayCase(rng);
  if (kind == 1) return SquareCase(rng);
  Case c;
  Window& g = c.window;
  g.in_c = g.filter_c = pick({1, 3, 8, 10, 12, 16, 33});
  g.out_c = pick({1, 3, 8, 10, 12, 16, 33});
  g.in_h = pick({1, 2, 5, 7, 9, 12});
  g.in_w = pick({1, 3, 6, 8, 11, 28});
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
  c.pool = g.out_h >= 2 && g.out_w >= 2 && pick({0, 1}) != 0;
  c.bias = pick({0, 1, 1}) != 0;
  c.relu = pick({0, 1}) != 0;
  c.per_channel = pick({0, 1}) != 0;
  return c;
}

// The pool of the reference result, if the case has one.
template <typename T>
std::vector<T> Pooled(const Case& c, const std::vector<T>& y) {
  if (!c.pool) return y;
  const Window& g = c.window;
  Window p;
  p.in_h = g.out_h, p.in_w = g.out_w, p.in_c = p.out_c = g.out_c;
  p.filter_h = p.filter_w = p.stride_h = p.stride_w = 2;
  p.out_h = g.out_h / 2, p.out_w = g.out_w / 2;
  std::vector<T> out(static_cast<size_t>(p.out_size() * c.images));
  MaxPool2DRef<T>(p, c.images, y.data(), std::numeric_limits<T>::lowest(),
                  std::numeric_limits<T>::max(), out.data());
  return out;
}

// How many of the packed were for the gray kernel, over all targets; NEON's
// vectors are too short for it in floats.
int gray_packed = 0;
constexpr int kLeastGray = HWY_ARCH_X86 ? 0 : -1;

// Runs the packed convolution; bytes behind the output must stay.
template <typename In, typename T>
std::vector<T> RunPacked(const ConvSpec& spec, const Case& c,
                         const std::vector<In>& x, size_t size) {
  const auto packed = PackConv2D(spec);
  if (packed == nullptr) {
    ADD_FAILURE() << "not packed";
    return {};
  }
  gray_packed += packed->gray;
  PackedBuffer workspace(packed->workspace_bytes + 1);
  std::vector<T> y(size + 70, T{77});
  RunConv2D(*packed, c.images, x.data(), y.data(), workspace.get());
  for (size_t i = size; i < y.size(); ++i) EXPECT_EQ(y[i], T{77});
  y.resize(size);
  return y;
}

Requantizer RandomRequantizer(std::mt19937& rng, const Case& c,
                              RequantMethod method, double typical) {
  Requantizer r;
  r.method = method;
  std::uniform_real_distribution<double> spread(-3, 0.5);
  double real = typical;
  for (int o = 0; o < c.window.out_c; ++o) {
    if (o == 0 || c.per_channel) real = typical * std::exp2(spread(rng));
    r.multipliers.push_back(QuantizeMultiplier(real));
  }
  return r;
}

class Conv2DSimdTest : public ::testing::Test {
 protected:
  Conv2DSimdTest() {
    RecordProperty("seed", static_cast<int>(kSeed));
    gray_packed = 0;
  }
  // That this is no test of nothing: most cases were packed on most targets.
  void TearDown() override {
    if (hwy::SupportedTargets() & (hwy::SupportedTargets() - 1)) {
      EXPECT_GT(packed_, wanted_packed_);
      if (wanted_packed_ > 0) {
        EXPECT_GT(gray_packed, kLeastGray);
      }
    }
  }
  std::mt19937 rng_{kSeed};
  int packed_ = 0;
  int wanted_packed_ = -1;
};

TEST_F(Conv2DSimdTest, F32IsNearReferenceOrExact) {
  wanted_packed_ = 149;
  for (int n = 0; n < 150; ++n) {
    const Case c = RandomCase(rng_);
    const Window& g = c.window;
    const auto x = Reals(rng_, g.in_size() * c.images);
    const auto w = Reals(rng_, g.taps() * g.out_c);
    const auto bias = Reals(rng_, g.out_c);
    ConvSpec spec;
    spec.window = g;
    spec.pool_2x2 = c.pool;
    spec.weights = w.data();
    if (c.bias) spec.float_bias = bias;
    spec.lo = c.relu ? 0 : -3e38f;
    spec.hi = c.relu ? 6 : 3e38f;
    std::vector<float> y(static_cast<size_t>(g.out_size() * c.images));
    Conv2DF32F32Ref(g, c.images, x.data(), w.data(),
                    c.bias ? bias.data() : nullptr, spec.lo, spec.hi, y.data());
    const auto wanted = Pooled(c, y);
    ForEachTarget([&] {
      if (PackConv2D(spec) == nullptr) return;
      ++packed_;
      const auto got = RunPacked<float, float>(spec, c, x, wanted.size());
      for (size_t i = 0; i < wanted.size(); ++i) {
        ASSERT_NEAR(got[i], wanted[i], 1e-4) << "case " << n << " at " << i;
      }
      ConvSpec exact = spec;
      exact.exact = true;
      ASSERT_EQ((RunPacked<float, float>(exact, c, x, wanted.size())), wanted)
          << "case " << n;
    });
  }
}

// A convolution of bytes, number n of a test, and what the reference gives.
struct Bytes {
  Bytes(std::mt19937& rng, const Case& c, int n)
      : x(Integers<int8_t>(rng, c.window.in_size() * c.images, -128, 127)),
        w(Integers<int8_t>(rng, c.window.taps() * c.window.out_c, -127, 127)) {
    const Window& g = c.window;
    const auto bias = Integers<int32_t>(rng, g.out_c, -20000, 20000);
    spec.kind = LayerKind::kS8S8;
    spec.window = g;
    spec.pool_2x2 = c.pool;
    spec.weights = w.data();
    if (c.bias) spec.bias.assign(bias.begin(), bias.end());
    spec.x_zero = std::uniform_int_distribution<int>(-128, 127)(rng);
    // Now and then multipliers above 1, which shift left.
    spec.requantizer = RandomRequantizer(rng, c, RequantMethod::kMbqm,
                                         n % 7 == 0 && !c.pool ? 2.0 : 0.004);
    spec.requantizer.zero_point =
        std::uniform_int_distribution<int>(-128, 127)(rng);
    spec.requantizer.lo = c.relu ? spec.requantizer.zero_point : -128;
    spec.requantizer.hi = 127;
    std::vector<int8_t> y(static_cast<size_t>(g.out_size() * c.images));
    Conv2DIntegerRef(g, c.images, x.data(), w.data(),
                     {.narrow = c.bias ? bias.data() : nullptr}, {spec.x_zero},
                     spec.requantizer, y.data());
    wanted = Pooled(c, y);
  }
  std::vector<int8_t> x, w, wanted;
  ConvSpec spec;
};

TEST_F(Conv2DSimdTest, S8S8EqualsReference) {
  wanted_packed_ = 199;
  for (int n = 0; n < 200; ++n) {
    const Case c = RandomCase(rng_);
    Bytes bytes(rng_, c, n);
    bytes.spec.matrix_unit = false;
    ForEachTarget([&] {
      if (PackConv2D(bytes.spec) == nullptr) return;
      ++packed_;
      ASSERT_EQ((RunPacked<int8_t, int8_t>(bytes.spec, c, bytes.x,
                                           bytes.wanted.size())),
                bytes.wanted)
          << "case " << n;
    });
  }
}

TEST_F(Conv2DSimdTest, S16S8EqualsReference) {
  wanted_packed_ = 150;
  for (int n = 0; n < 200; ++n) {
    const Case c = RandomCase(rng_);
    const Window& g = c.window;
    const auto x =
        Integers<int16_t>(rng_, g.in_size() * c.images, -32768, 32767);
    const auto w = Integers<int8_t>(rng_, g.taps() * g.out_c, -127, 127);
    const auto bias = Integers<int32_t>(rng_, g.out_c, -2000000, 2000000);
    ConvSpec spec;
    spec.kind = LayerKind::kS16S8;
    spec.window = g;
    spec.pool_2x2 = c.pool;
    spec.weights = w.data();
    if (c.bias) spec.bias.assign(bias.begin(), bias.end());
    spec.requantizer = RandomRequantizer(
        rng_, c, n % 2 == 0 ? RequantMethod::kMbqm64 : RequantMethod::kMbqm,
        n % 9 == 0 ? 0.9 : 0.003);
    spec.requantizer.lo = c.relu ? 0 : -32768;
    spec.requantizer.hi = 32767;
    std::vector<int16_t> y(static_cast<size_t>(g.out_size() * c.images));
    const std::vector<int64_t> bias64(bias.begin(), bias.end());
    Conv2DIntegerRef(g, c.images, x.data(), w.data(),
                     {.wide = c.bias ? bias64.data() : nullptr}, {},
                     spec.requantizer, y.data());
    const auto wanted = Pooled(c, y);
    ForEachTarget([&] {
      if (PackConv2D(spec) == nullptr) return;
      ++packed_;
      ASSERT_EQ((RunPacked<int16_t, int16_t>(spec, c, x, wanted.size())),
                wanted)
          << "case " << n;
    });
  }
}

// The same of a hybrid convolution.
struct Hybrid {
  Hybrid(std::mt19937& rng, const Case& c)
      : x(Reals(rng, c.window.in_size() * c.images)),
        w(Integers<int8_t>(rng, c.window.taps() * c.window.out_c, -127, 127)) {
    const Window& g = c.window;
    const auto bias = Reals(rng, g.out_c);
    spec.kind = LayerKind::kF32S8;
    spec.window = g;
    spec.pool_2x2 = c.pool;
    spec.weights = w.data();
    if (c.bias) spec.float_bias = bias;
    spec.lo = c.relu ? 0 : -3e38f;
    spec.hi = 3e38f;
    spec.per_channel = c.per_channel;
    spec.scales = Reals(rng, g.out_c);
    for (float& s : spec.scales) s = c.per_channel ? std::abs(s) : 0.01f;
    std::vector<int8_t> quantized(static_cast<size_t>(g.in_size()));
    std::vector<float> y(static_cast<size_t>(g.out_size() * c.images));
    Conv2DF32S8Ref(g, c.images, x.data(), w.data(),
                   c.bias ? bias.data() : nullptr, spec.scales,
                   spec.per_channel, spec.lo, spec.hi, quantized.data(),
                   y.data());
    wanted = Pooled(c, y);
  }
  std::vector<float> x;
  std::vector<int8_t> w;
  std::vector<float> wanted;
  ConvSpec spec;
};

TEST_F(Conv2DSimdTest, HybridEqualsReference) {
  wanted_packed_ = 149;
  for (int n = 0; n < 150; ++n) {
    const Case c = RandomCase(rng_);
    Hybrid hybrid(rng_, c);
    hybrid.spec.matrix_unit = false;
    ForEachTarget([&] {
      if (PackConv2D(hybrid.spec) == nullptr) return;
      ++packed_;
      ASSERT_EQ((RunPacked<float, float>(hybrid.spec, c, hybrid.x,
                                         hybrid.wanted.size())),
                hybrid.wanted)
          << "case " << n;
    });
  }
}

// Bytes and hybrids by amx.h.
TEST_F(Conv2DSimdTest, TheMatrixUnitEqualsReference) {
  if ((HWY_TARGETS & HWY_AVX3) == 0 || !HasAmx()) {
    GTEST_SKIP() << "NOT TESTED: this machine has no AMX of bytes, its system "
                    "does not allow it, or this build is without AVX3";
  }
  int by_amx = 0;
  const auto check = [&](const auto& conv, const Case& c, int n) {
    using T = typename std::decay_t<decltype(conv.x)>::value_type;
    ForEachTarget([&] {
      const auto packed = PackConv2D(conv.spec);
      if (packed == nullptr || packed->amx_words == 0) return;
      ++by_amx;
      ASSERT_EQ((RunPacked<T, T>(conv.spec, c, conv.x, conv.wanted.size())),
                conv.wanted)
          << "case " << n;
    });
  };
  for (int n = 0; n < 60; ++n) {
    const Case c = MatrixCase(rng_);
    check(Bytes(rng_, c, n), c, n);
    check(Hybrid(rng_, c), c, n);
  }
  EXPECT_GT(by_amx, 40);
}

TEST_F(Conv2DSimdTest, RefusesWhatLeaves32Bits) {
  ConvSpec spec;
  spec.kind = LayerKind::kS16S8;
  spec.window = {.in_h = 9, .in_w = 9, .in_c = 33};
  Window& g = spec.window;
  g.filter_c = 33, g.filter_h = g.filter_w = 5;
  g.out_c = 1, g.out_h = g.out_w = 5;
  const std::vector<int8_t> w(static_cast<size_t>(g.taps()), 127);
  spec.weights = w.data();
  spec.requantizer.method = RequantMethod::kMbqm64;
  spec.requantizer.multipliers = {QuantizeMultiplier(1e-5)};
  EXPECT_EQ(PackConv2D(spec), nullptr);
}

}  // namespace
}  // namespace litesmith
