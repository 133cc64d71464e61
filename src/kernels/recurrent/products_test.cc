// Stacks of layers against each layer alone, on every target.
#include "src/kernels/recurrent/products.h"

#include <gtest/gtest.h>

#include <random>

#include "src/kernels/common/random_values_test.h"
#include "src/kernels/common/simd_targets_test.h"

namespace litesmith::kernels {
namespace {

constexpr uint32_t kSeed = 20261126;
constexpr int kRows = 5;
constexpr int kOutputs[] = {7, 1, 16};

template <class Y, class X>
std::vector<Y> RunOf(const Products& products, const std::vector<X>& x) {
  PackedBuffer workspace(products.workspace_bytes() + 1);
  std::vector<Y> y(static_cast<size_t>(kRows * products.outputs()));
  products.Run(kRows, x.data(), y.data(), workspace.get());
  return y;
}

// Column by column the results of `parts` one after the other.
template <class Y, class X>
void ExpectStacked(const ProductsSpec& spec, const std::vector<Product>& parts,
                   const std::vector<X>& x, double tolerance) {
  std::vector<std::vector<Y>> alone;
  int all = 0;
  for (const Product& part : parts) {
    alone.push_back(RunOf<Y>(Products(spec, {&part, 1}, false), x));
    all += part.outputs;
  }
  const auto check = [&](bool fast) {
    const auto y = RunOf<Y>(Products(spec, parts, fast), x);
    for (int r = 0; r < kRows; ++r) {
      int at = 0;
      for (size_t p = 0; p < parts.size(); ++p) {
        for (int o = 0; o < parts[p].outputs; ++o, ++at) {
          ASSERT_NEAR(y[static_cast<size_t>(r * all + at)],
                      alone[p][static_cast<size_t>(r * parts[p].outputs + o)],
                      fast ? tolerance : 0);
        }
      }
    }
  };
  check(false);
  ForEachTarget([&] { check(true); });
}

TEST(ProductsTest, AllKindsAreTheirLayers) {
  std::mt19937 rng(kSeed);
  for (const int depth : {1, 9, 40}) {
    const auto reals = Reals(rng, kRows * depth);
    std::vector<std::vector<float>> weights, bias;
    std::vector<std::vector<int8_t>> bytes;
    std::vector<std::vector<int32_t>> sums;
    std::vector<std::vector<int64_t>> wide;
    std::vector<Product> of_floats, hybrid, of_bytes, of_words;
    for (const int n : kOutputs) {
      weights.push_back(Reals(rng, n * depth));
      bias.push_back(Reals(rng, n));
      bytes.push_back(Integers<int8_t>(rng, n * depth, -128, 127));
      sums.push_back(Integers<int32_t>(rng, n, -5000, 5000));
      wide.push_back(Integers<int64_t>(rng, n, -5000000, 5000000));
      const float scale = 0.01f * static_cast<float>(n);
      of_floats.push_back({weights.back().data(), bias.back().data(), n});
      hybrid.push_back({bytes.back().data(), bias.back().data(), n, scale});
      of_bytes.push_back({bytes.back().data(), sums.back().data(), n});
      of_words.push_back({bytes.back().data(), wide.back().data(), n, 1,
                          QuantizeMultiplier(double{scale} / 300)});
    }
    of_floats[1].bias = hybrid[1].bias = of_bytes[1].bias = of_words[1].bias =
        nullptr;
    ProductsSpec spec;
    spec.depth = depth;
    ExpectStacked<float>(spec, of_floats, reals, 1e-5);
    spec.kind = LayerKind::kF32S8;
    ExpectStacked<float>(spec, hybrid, reals, 0);
    spec.asymmetric = true;
    ExpectStacked<float>(spec, hybrid, reals, 0);
    spec.kind = LayerKind::kS8S8;
    spec.x_zero = -7;
    ExpectStacked<int32_t>(spec, of_bytes,
                           Integers<int8_t>(rng, kRows * depth, -128, 127), 0);
    spec.kind = LayerKind::kS16S8;
    ExpectStacked<int16_t>(spec, of_words,
                           Integers<int16_t>(rng, kRows * depth, -32768, 32767),
                           0);
  }
}

}  // namespace
}  // namespace litesmith::kernels
