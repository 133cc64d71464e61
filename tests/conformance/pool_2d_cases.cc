// The pools: every type over every geometry, and gradients.
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
    {"2x2_odd_same", 7, 5, 10, 2, 2, 2, 2, kSame, activation::kRelu6},
    {"3x3_overlapping", 7, 9, 3, 3, 3, 2, 2, kSame, activation::kRelu},
    {"3x2_stride_1x3", 6, 8, 17, 3, 2, 1, 3, kValid, activation::kReluN1To1},
    {"beyond_image", 3, 4, 8, 5, 7, 2, 2, kSame},
    {"stride_beyond_filter", 9, 8, 16, 1, 2, 4, 3, kValid},
    {"whole_image", 5, 4, 32, 5, 4, 1, 1, kValid},
};

constexpr Geometry kTimed[] = {
    {"mnist_cnn", 26, 26, 12, 2, 2, 2, 2, kValid},
    {"resnet_8", 8, 8, 64, 8, 8, 8, 8, kValid},
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

Graph Build(const OpDef& op, const Geometry& g, const Numbers& numbers,
            Rng* rng) {
  GraphBuilder build(rng);
  const TensorId x = build.Input("x", numbers.dtype,
                                 {g.in_h, g.in_w, g.channels}, numbers.quant);
  Node& node = build.Add(op, "y", {x}, numbers.quant, numbers.dtype);
  Put(Pool2DAttrs{g.padding, g.stride_w, g.stride_h, g.filter_w, g.filter_h,
                  g.activation},
      &node);
  return build.Finish();
}

// `gradient` of values that `fill` draws.
std::vector<Case> PoolCases(const OpDef& op, const std::string& name,
                            const Gradient& gradient) {
  std::vector<Case> cases;
  const auto add = [&](const Numbers& numbers, const Geometry& g, bool timed) {
    Case c;
    c.name = fmt::format("{}_{}_{}", name, numbers.name, g.name);
    c.build = [&](Rng* rng) { return Build(op, g, numbers, rng); };
    if (numbers.dtype == DType::kUInt8) {
      c.tflm_fails = fmt::format("its {} has no uint8", op.name);
    }
    c.timed = timed;
    cases.push_back(std::move(c));
  };
  for (const Numbers& numbers : kNumbers) {
    for (const Geometry& g : kGeometries) add(numbers, g, false);
    if (!IsFirstOfType(kNumbers, numbers)) continue;
    for (const Geometry& g : kTimed) add(numbers, g, true);
  }
  for (const Geometry& g : kGeometries) {
    Case c;
    c.name = fmt::format("{}_gradient_{}", name, g.name);
    c.build = [&](Rng* rng) { return Build(op, g, kNumbers[0], rng); };
    // No two values, nor a value and a kink of an activation, are nearer than
    // 1/128 to each other: a step of 1/512 changes no maximum's place.
    c.fill = DistinctFill();
    c.gradient = gradient;
    cases.push_back(std::move(c));
  }
  return cases;
}

}  // namespace

std::vector<Case> MaxPool2DCases() {
  return PoolCases(kMaxPool2D, "max_pool_2d", {.step = 1.0f / 512});
}

std::vector<Case> AveragePool2DCases() {
  return PoolCases(kAveragePool2D, "average_pool_2d",
                   {.step = 1.0f / 512, .tolerance = 1e-3});
}

}  // namespace litesmith
