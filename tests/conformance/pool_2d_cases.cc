// The pools: every type over every geometry, and gradients.
#include <fmt/core.h>

#include "src/ops/pool/pool_2d.h"
#include "src/ops/registry.h"
#include "tests/conformance/case.h"
#include "tests/conformance/fill.h"
#include "tests/conformance/graph_builder.h"
#include "tests/conformance/random.h"

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
    // More places than a byte has.
    {"whole_large_image", 18, 17, 3, 18, 17, 1, 1, kValid, activation::kRelu},
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

void SetAttributes(const Geometry& g, Node* node) {
  Put(Pool2DAttrs{g.padding, g.stride_w, g.stride_h, g.filter_w, g.filter_h,
                  g.activation},
      node);
}

Graph Build(const OpDef& op, const Geometry& g, const Numbers& numbers,
            Rng* rng) {
  GraphBuilder build(rng);
  const TensorId x = build.Input("x", numbers.dtype,
                                 {g.in_h, g.in_w, g.channels}, numbers.quant);
  SetAttributes(g, &build.Add(op, "y", {x}, numbers.quant, numbers.dtype));
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
    if (&op == &kL2Pool2D && numbers.dtype != DType::kFloat32) continue;
    for (const Geometry& g : kGeometries) add(numbers, g, false);
    if (!IsFirstOfType(kNumbers, numbers)) continue;
    for (const Geometry& g : kTimed) add(numbers, g, true);
  }
  if (!op.differentiable()) return cases;
  for (const Geometry& g : kGeometries) {
    // Roots may lie anywhere beside an activation's kink.
    if (&op == &kL2Pool2D && g.activation != kNone) continue;
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

Geometry DrawGeometry(Rng* rng) {
  Geometry g{};
  g.channels = Draw(rng, 1, 9);
  g.filter_h = Draw(rng, 1, 4), g.filter_w = Draw(rng, 1, 4);
  g.stride_h = Draw(rng, 1, 3), g.stride_w = Draw(rng, 1, 3);
  g.padding = Coin(rng) ? kSame : kValid;
  g.activation = DrawActivation(rng);
  g.in_h = Draw(rng, 1, 8) + (g.padding == kValid ? g.filter_h - 1 : 0);
  g.in_w = Draw(rng, 1, 8) + (g.padding == kValid ? g.filter_w - 1 : 0);
  return g;
}

RandomKind Random(const OpDef& op, const char* name, DType dtype) {
  RandomKind kind{
      .name = name, .build = {}, .litert_fails = {}, .tflm_fails = {}};
  kind.build = [&op, dtype](GraphBuilder* build) {
    Rng* rng = build->rng();
    const Geometry g = DrawGeometry(rng);
    const Quantization quant = DrawQuant(rng, dtype, 0.02f);
    const TensorId x = build->Fixed(
        "x", dtype, {Draw(rng, 1, 2), g.in_h, g.in_w, g.channels}, quant);
    SetAttributes(g, &build->Add(op, "y", {x}, quant, dtype));
    return build->Finish();
  };
  if (dtype == DType::kUInt8) kind.tflm_fails = "it has no uint8";
  return kind;
}

std::vector<RandomKind> PoolRandom(const OpDef& op) {
  return {Random(op, "f32", DType::kFloat32), Random(op, "s8", DType::kInt8),
          Random(op, "u8", DType::kUInt8), Random(op, "s16", DType::kInt16)};
}

}  // namespace

std::vector<RandomKind> MaxPool2DRandom() { return PoolRandom(kMaxPool2D); }
std::vector<RandomKind> AveragePool2DRandom() {
  return PoolRandom(kAveragePool2D);
}
std::vector<RandomKind> L2Pool2DRandom() {
  return {Random(kL2Pool2D, "f32", DType::kFloat32)};
}

std::vector<Case> MaxPool2DCases() {
  return PoolCases(kMaxPool2D, "max_pool_2d", {.step = 1.0f / 512});
}

std::vector<Case> AveragePool2DCases() {
  return PoolCases(kAveragePool2D, "average_pool_2d",
                   {.step = 1.0f / 512, .tolerance = 1e-3});
}

std::vector<Case> L2Pool2DCases() {
  return PoolCases(kL2Pool2D, "l2_pool_2d",
                   {.step = 1.0f / 64, .tolerance = 1e-2});
}

}  // namespace litesmith
