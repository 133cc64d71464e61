// QUANTIZE: float to integers, one integer type to another, ties, both ends of
// the range, and one scale a slice.
#include <fmt/core.h>

#include <set>
#include <string_view>
#include <utility>

#include "src/ops/registry.h"
#include "tests/conformance/case.h"
#include "tests/conformance/fill.h"
#include "tests/conformance/graph_builder.h"
#include "tests/conformance/random.h"

namespace litesmith {
namespace {

// The elements of a sample: not a multiple of any vector, and more than the
// values of a byte.
constexpr int kElements = 307;
// What the dense layer of mnist-cnn reads.
constexpr int kTimedElements = 2028;

struct Row {
  const char* name;
  DType from;
  Quantization from_quant;
  DType to;
  Quantization to_quant;
  bool litert_fails = false;
  bool tflm_fails = false;
};

constexpr DType kF32 = DType::kFloat32;
constexpr DType kS8 = DType::kInt8;
constexpr DType kU8 = DType::kUInt8;
constexpr DType kS16 = DType::kInt16;

// Values of +-1: the scales make some saturate.
const Row kRows[] = {
    {"f32_s8", kF32, {}, kS8, PerTensor(0.0071f, 3)},
    {"f32_s8_zero_low", kF32, {}, kS8, PerTensor(0.0037f, -128)},
    {"f32_s8_zero_high", kF32, {}, kS8, PerTensor(0.0037f, 127)},
    {"f32_u8", kF32, {}, kU8, PerTensor(0.0071f, 131), false, true},
    {"f32_u8_zero_low", kF32, {}, kU8, PerTensor(0.0037f, 0), false, true},
    {"f32_u8_zero_high", kF32, {}, kU8, PerTensor(0.0037f, 255), false, true},
    {"f32_s16", kF32, {}, kS16, PerTensor(0.000029f)},
    {"s8_s8", kS8, PerTensor(0.05f, -7), kS8, PerTensor(0.031f, 12)},
    {"s8_s8_same", kS8, PerTensor(0.05f, -7), kS8, PerTensor(0.05f, -7)},
    {"s8_s8_ties", kS8, PerTensor(0.125f, 3), kS8, PerTensor(0.25f, -3)},
    {"s8_s8_up", kS8, PerTensor(0.5f, 127), kS8, PerTensor(0.011f, -128)},
    {"s8_u8", kS8, PerTensor(0.05f, -7), kU8, PerTensor(0.061f, 100)},
    {"s8_u8_flip", kS8, PerTensor(0.05f, -7), kU8, PerTensor(0.05f, 121)},
    {"s8_s16", kS8, PerTensor(0.05f, -7), kS16, PerTensor(0.0003f)},
    {"s8_s16_up", kS8, PerTensor(0.05f, 5), kS16, PerTensor(0.00005f)},
    {"u8_s8", kU8, PerTensor(0.05f, 128), kS8, PerTensor(0.031f, 12)},
    {"u8_s8_flip", kU8, PerTensor(0.05f, 255), kS8, PerTensor(0.05f, 127)},
    {"u8_u8", kU8, PerTensor(0.05f, 0), kU8, PerTensor(0.09f, 20), false, true},
    {"u8_s16", kU8, PerTensor(0.05f, 77), kS16, PerTensor(0.0003f), false,
     true},
    {"s16_s8", kS16, PerTensor(0.0003f), kS8, PerTensor(0.05f, -7)},
    {"s16_s8_ties", kS16, PerTensor(0.125f), kS8, PerTensor(32.0f, 1)},
    {"s16_u8", kS16, PerTensor(0.0003f), kU8, PerTensor(0.05f, 200), true,
     true},
    {"s16_s16", kS16, PerTensor(0.0003f), kS16, PerTensor(0.00021f)},
    {"s16_s16_ties", kS16, PerTensor(0.25f), kS16, PerTensor(2.0f)},
};

// Every value halfway between two integers, or on one. In float32 the
// quotients are exact.
const Row kTies[] = {
    {"f32_s8_ties", kF32, {}, kS8, PerTensor(0.25f, 5)},
    {"f32_u8_ties", kF32, {}, kU8, PerTensor(0.25f, 99), false, true},
    {"f32_s16_ties", kF32, {}, kS16, PerTensor(0.25f)},
};

Graph Build(const Row& row, int elements, Rng* rng) {
  GraphBuilder build(rng);
  const TensorId x = build.Input("x", row.from, {elements}, row.from_quant);
  build.Add(kQuantize, "y", {x}, row.to_quant, row.to);
  return build.Finish();
}

// x * quantized weights, as a float file of quantization-aware training holds
// them: one scale a row of the weights.
Graph BuildWeights(DType dtype, Rng* rng) {
  constexpr int kOutputs = 10;
  constexpr int kDepth = 12;
  GraphBuilder build(rng);
  const TensorId x = build.Input("x", kF32, {kDepth});
  const TensorId w =
      build.Random("w", kF32, {kOutputs, kDepth}, {}, TensorKind::kParameter);
  Quantization quant = PerAxis(kOutputs, dtype == kS16 ? 3e-5f : 0.0079f);
  if (dtype == kU8) quant.zero_point.assign(kOutputs, 128);
  build.Add(kQuantize, "q", {w}, quant, dtype);
  build.Add(kDequantize, "dq", {build.last()});
  build.Add(kFullyConnected, "y", {x, build.last()});
  return build.Finish();
}

Case MakeCase(const Row& row, bool timed) {
  Case c;
  c.name = fmt::format("quantize_{}{}", row.name, timed ? "_mnist_cnn" : "");
  const int elements = timed ? kTimedElements : kElements;
  c.build = [&row, elements](Rng* rng) { return Build(row, elements, rng); };
  c.timed = timed;
  if (row.litert_fails) c.litert_fails = "its QUANTIZE has no such types";
  if (row.tflm_fails) c.tflm_fails = "its QUANTIZE has no such types";
  return c;
}

}  // namespace

std::vector<Case> QuantizeCases() {
  std::vector<Case> cases;
  const std::set<std::string_view> timed = {"f32_s8",     "f32_u8", "f32_s16",
                                            "s8_s8",      "s8_u8",  "s8_s16",
                                            "s8_u8_flip", "u8_s8",  "s16_s8"};
  for (const Row& row : kRows) {
    cases.push_back(MakeCase(row, false));
    if (timed.count(row.name) != 0) cases.push_back(MakeCase(row, true));
  }
  for (const Row& row : kTies) {
    cases.push_back(MakeCase(row, false));
    cases.back().fill = TiesFill(row.to_quant.scale[0]);
  }
  for (const DType dtype : {kS8, kU8, kS16}) {
    Case c;
    c.name = fmt::format("quantize_weights_{}c", Name(dtype));
    c.build = [dtype](Rng* rng) { return BuildWeights(dtype, rng); };
    c.tflm_fails = "its QUANTIZE wants one scale";
    if (dtype == kS16) {
      c.litert_fails = "its DEQUANTIZE of int16 wants one scale";
    }
    cases.push_back(std::move(c));
  }
  return cases;
}

// From each type to each: scales of the two are near each other, as they are
// between layers.
std::vector<RandomKind> QuantizeRandom() {
  const std::pair<const char*, DType> types[] = {
      {"f32", kF32}, {"s8", kS8}, {"u8", kU8}, {"s16", kS16}};
  std::vector<RandomKind> kinds;
  for (const auto& [from_name, from] : types) {
    for (const auto& [to_name, to] : types) {
      // What no runtime has is among the cases.
      if (to == kF32 || (from == kS16 && to == kU8)) continue;
      const bool of_bytes = to == kU8 && from != kS8;
      kinds.push_back(
          {fmt::format("{}_{}", from_name, to_name),
           [from = from, to = to](GraphBuilder* build) {
             Rng* rng = build->rng();
             const TensorId x =
                 build->Fixed("x", from, DrawShape(rng, Draw(rng, 0, 5)),
                              DrawQuant(rng, from));
             build->Add(kQuantize, "y", {x}, DrawQuant(rng, to), to);
             return build->Finish();
           },
           "",
           of_bytes || (from == kU8 && to == kS16)
               ? "its QUANTIZE has no such types"
               : ""});
    }
  }
  return kinds;
}

}  // namespace litesmith
