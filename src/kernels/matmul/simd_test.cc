// Products of matrices on SIMD against their reference twins, on every target:
// all bits, as floats are summed in the same order.
#include "src/kernels/matmul/simd.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <vector>

#include "src/kernels/common/random_values_test.h"
#include "src/kernels/common/simd_targets_test.h"

namespace litesmith {
namespace {

constexpr uint32_t kSeed = 20261126;
constexpr int kCases = 120;

MatMulShape DrawShape(std::mt19937& rng) {
  return {.rows = Pick(rng, {1, 2, 4, 7, 13}),
          .depth = Pick(rng, {1, 2, 3, 8, 17, 64}),
          .columns = Pick(rng, {1, 3, 8, 16, 31, 33, 70}),
          .x_transposed = Pick(rng, {0, 1}) != 0,
          .y_transposed = Pick(rng, {0, 1}) != 0};
}

// Whether it was packed on any target.
template <typename T, typename Pack>
bool Check(const MatMulShape& s, const Pack& pack, const std::vector<T>& x,
           const std::vector<T>& y, const std::vector<T>& wanted) {
  bool any = false;
  ForEachTarget([&] {
    const auto packed = pack();
    if (packed == nullptr) return;
    any = true;
    PackedBuffer workspace(packed->workspace_bytes);
    std::memset(workspace.get(), 0xee, packed->workspace_bytes);
    std::vector<T> out(wanted.size() + 64, T{77});
    packed->run(*packed, s, x.data(), y.data(), out.data(), workspace.get());
    for (size_t i = wanted.size(); i < out.size(); ++i)
      EXPECT_EQ(out[i], T{77});
    out.resize(wanted.size());
    EXPECT_EQ(out, wanted);
  });
  return any;
}

TEST(MatMulSimdTest, FloatsEqualReference) {
  RecordProperty("seed", static_cast<int>(kSeed));
  std::mt19937 rng(kSeed);
  for (int i = 0; i < kCases; ++i) {
    SCOPED_TRACE(i);
    const MatMulShape s = DrawShape(rng);
    const auto x = Reals(rng, s.rows * s.depth);
    const auto y = Reals(rng, s.depth * s.columns);
    std::vector<float> wanted(static_cast<size_t>(s.rows * s.columns));
    MatMulF32Ref(s, x.data(), y.data(), wanted.data());
    EXPECT_TRUE(Check(
        s, [&] { return PackMatMulF32(s); }, x, y, wanted));
  }
}

TEST(MatMulSimdTest, BytesEqualReference) {
  RecordProperty("seed", static_cast<int>(kSeed));
  std::mt19937 rng(kSeed);
  for (int i = 0; i < kCases; ++i) {
    SCOPED_TRACE(i);
    const MatMulShape s = DrawShape(rng);
    const auto x = Integers<int8_t>(rng, s.rows * s.depth, -128, 127);
    const auto y = Integers<int8_t>(rng, s.depth * s.columns, -128, 127);
    const LayerZeros zeros = {Pick(rng, {-128, 0, 127}),
                              Pick(rng, {-128, 3, 127})};
    Requantizer r;
    r.multipliers = {
        QuantizeMultiplier(i % 5 == 0 ? 1.7 : 0.002 * (i % 7 + 1))};
    r.zero_point = Pick(rng, {-128, 9});
    r.lo = -128, r.hi = 127;
    std::vector<int8_t> wanted(static_cast<size_t>(s.rows * s.columns));
    MatMulIntegerRef(s, x.data(), y.data(), zeros, r, wanted.data());
    EXPECT_TRUE(Check(
        s, [&] { return PackMatMulS8(s, zeros, r); }, x, y, wanted));
  }
}

TEST(MatMulSimdTest, RefusesWhatLeaves32Bits) {
  Requantizer r;
  r.multipliers = {QuantizeMultiplier(0.01)};
  EXPECT_EQ(PackMatMulS8({.rows = 1, .depth = 33100, .columns = 1}, {}, r),
            nullptr);
}

}  // namespace
}  // namespace litesmith
