// DEQUANTIZE: activations of every integer type, and constants as they stand
// in front of float layers: float16, and int8 with one scale a slice.
#include <fmt/core.h>

#include <utility>

#include "src/ops/registry.h"
#include "tests/conformance/case.h"
#include "tests/conformance/graph_builder.h"
#include "tests/conformance/random.h"

namespace litesmith {
namespace {

struct Row {
  const char* name;
  DType dtype;
  std::vector<int32_t> x;  // without the batch
  Quantization quant;
  const char* litert_fails = "";
  const char* tflm_fails = "";
};

constexpr char kNoType[] = "its DEQUANTIZE has no such type";
constexpr char kFirstScale[] = "its DEQUANTIZE takes the first scale for all";

// A scale that is not a power of two, so that products are rounded.
const Row kRows[] = {
    {"s8", DType::kInt8, {307}, PerTensor(0.0371f, -3)},
    {"s8_zero_low", DType::kInt8, {300}, PerTensor(0.0371f, -128)},
    {"s8_zero_high", DType::kInt8, {300}, PerTensor(0.0371f, 127)},
    {"u8", DType::kUInt8, {307}, PerTensor(0.0371f, 117)},
    {"s16", DType::kInt16, {1001}, PerTensor(0.00037f)},
    {"s32", DType::kInt32, {101}, PerTensor(1.37e-7f), kNoType, kNoType},
    {"f16", DType::kFloat16, {101}, {}, "", kNoType},
    {"s8c_last_axis",
     DType::kInt8,
     {4, 5, 12},
     PerAxis(12, 0.0371f, 3),
     "",
     kFirstScale},
    {"s8c_middle_axis",
     DType::kInt8,
     {4, 5, 3},
     PerAxis(5, 0.0371f, 2),
     "",
     kFirstScale},
};

// What the dense layer of mnist-cnn reads.
const std::vector<int32_t> kTimedShape = {2028};

Graph Build(const Row& row, const std::vector<int32_t>& shape, Rng* rng) {
  GraphBuilder build(rng);
  const TensorId x = build.Input("x", row.dtype, shape, row.quant);
  build.Add(kDequantize, "y", {x});
  return build.Finish();
}

Graph BuildWeights(DType dtype, bool per_axis, Rng* rng) {
  constexpr int kOutputs = 10;
  constexpr int kDepth = 12;
  GraphBuilder build(rng);
  const TensorId x = build.Input("x", DType::kFloat32, {kDepth});
  Quantization quant;
  if (dtype != DType::kFloat16) {
    quant = per_axis ? PerAxis(kOutputs, 0.0079f) : PerTensor(0.0079f);
  }
  const TensorId w = build.Random("w", dtype, {kOutputs, kDepth}, quant);
  build.Add(kDequantize, "dq", {w});
  build.Add(kFullyConnected, "y", {x, build.last()});
  return build.Finish();
}

}  // namespace

std::vector<Case> DequantizeCases() {
  std::vector<Case> cases;
  for (const Row& row : kRows) {
    Case c;
    c.name = fmt::format("dequantize_{}", row.name);
    c.build = [&row](Rng* rng) { return Build(row, row.x, rng); };
    c.litert_fails = row.litert_fails;
    c.tflm_fails = row.tflm_fails;
    cases.push_back(c);
    if (!IsFirstOfType(kRows, row)) continue;
    c.name += "_mnist_cnn";
    c.build = [&row](Rng* rng) { return Build(row, kTimedShape, rng); };
    c.timed = true;
    cases.push_back(std::move(c));
  }
  const auto add = [&](const char* name, DType dtype, bool per_axis,
                       const char* tflm_fails) {
    Case c;
    c.name = fmt::format("dequantize_weights_{}", name);
    c.build = [=](Rng* rng) { return BuildWeights(dtype, per_axis, rng); };
    c.tflm_fails = tflm_fails;
    cases.push_back(std::move(c));
  };
  add("f16", DType::kFloat16, false, kNoType);
  add("s8", DType::kInt8, false, "");
  add("s8c", DType::kInt8, true, kFirstScale);
  return cases;
}

std::vector<RandomKind> DequantizeRandom() {
  const std::pair<const char*, DType> types[] = {
      {"s8", DType::kInt8}, {"u8", DType::kUInt8}, {"s16", DType::kInt16}};
  std::vector<RandomKind> kinds;
  for (const auto& [name, dtype] : types) {
    kinds.push_back({name,
                     [dtype = dtype](GraphBuilder* build) {
                       Rng* rng = build->rng();
                       const TensorId x = build->Fixed(
                           "x", dtype, DrawShape(rng, Draw(rng, 0, 5)),
                           DrawQuant(rng, dtype));
                       build->Add(kDequantize, "y", {x});
                       return build->Finish();
                     },
                     "", ""});
  }
  return kinds;
}

}  // namespace litesmith
