// MAX_POOL_2D: every type over every geometry, and gradients.
#include <fmt/core.h>

#include "src/ops/pool/pool_2d.h"
#include "src/ops/registry.h"
#include "tests/conformance/case.h"
#include "tests/conformance/fill.h"
#include "tests/conformance/graph_builder.h"

namespace litesmith {
namespace {

struct Geometry {
  const char* name;
  int in_h, in_w, channels;
  int filter_h, filter_w;
  int stride_h, stride_w;
  Padding padding;
  Activation activation = kNone;
};

constexpr Geometry kGeometries[] = {
    {"2x2", 8, 6, 12, 2, 2, 2, 2, kValid},
    {"2x2_odd", 7, 9, 1, 2, 2, 2, 2, kValid},
    {"2x2_odd_same", 7, 5, 10, 2, 2, 2, 2, kSame, kRelu6},
    {"3x3_overlapping", 7, 9, 3, 3, 3, 2, 2, kSame, kRelu},
    {"3x2_stride_1x3", 6, 8, 17, 3, 2, 1, 3, kValid, kReluN1To1},
    {"beyond_image", 3, 4, 8, 5, 7, 2, 2, kSame},
    {"stride_beyond_filter", 9, 8, 16, 1, 2, 4, 3, kValid},
    {"whole_image", 5, 4, 32, 5, 4, 1, 1, kValid},
};

struct Numbers {
  const char* name;
  DType dtype;
  Quantization quant;
};

const Numbers kNumbers[] = {
    {"f32", DType::kFloat32, {}},
    {"s8", DType::kInt8, PerTensor(0.07f, -3)},
    {"s8_zero_low", DType::kInt8, PerTensor(0.07f, -128)},
    {"s8_zero_high", DType::kInt8, PerTensor(0.07f, 127)},
    {"u8", DType::kUInt8, PerTensor(0.07f, 117)},
    {"s16", DType::kInt16, PerTensor(0.0004f)},
};

Graph Build(const Geometry& g, const Numbers& numbers, Rng* rng) {
  GraphBuilder build(rng);
  const TensorId x = build.Input("x", numbers.dtype,
                                 {g.in_h, g.in_w, g.channels}, numbers.quant);
  Node& node = build.Add(kMaxPool2D, "y", {x}, numbers.quant, numbers.dtype);
  node.Set<&Pool2DAttrs::padding>(g.padding);
  node.Set<&Pool2DAttrs::stride_h>(g.stride_h);
  node.Set<&Pool2DAttrs::stride_w>(g.stride_w);
  node.Set<&Pool2DAttrs::filter_h>(g.filter_h);
  node.Set<&Pool2DAttrs::filter_w>(g.filter_w);
  node.Set<&Pool2DAttrs::activation>(g.activation);
  return build.Finish();
}

}  // namespace

std::vector<Case> MaxPool2DCases() {
  std::vector<Case> cases;
  for (const Numbers& numbers : kNumbers) {
    for (const Geometry& g : kGeometries) {
      Case c;
      c.name = fmt::format("max_pool_2d_{}_{}", numbers.name, g.name);
      c.build = [&g, &numbers](Rng* rng) { return Build(g, numbers, rng); };
      if (numbers.dtype == DType::kUInt8) {
        c.tflm_fails = "its MAX_POOL_2D has no uint8";
      }
      cases.push_back(std::move(c));
    }
  }
  for (const Geometry& g : kGeometries) {
    Case c;
    c.name = fmt::format("max_pool_2d_gradient_{}", g.name);
    c.build = [&g](Rng* rng) { return Build(g, kNumbers[0], rng); };
    // No two values, nor a value and a kink of an activation, are nearer than
    // 1/128 to each other: a step of 1/512 changes no maximum's place.
    c.fill = DistinctFill();
    c.gradient = Gradient{.step = 1.0f / 512};
    cases.push_back(std::move(c));
  }
  return cases;
}

}  // namespace litesmith
