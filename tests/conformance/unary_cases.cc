// The unary ops: every type over values on both sides of their kinks, and
// gradients.
#include <fmt/core.h>

#include "src/ops/registry.h"
#include "tests/conformance/case.h"
#include "tests/conformance/graph_builder.h"

namespace litesmith {
namespace {

struct Numbers {
  const char* name;
  DType dtype;
  Quantization x;
  Quantization y;
};

const Numbers kNumbers[] = {
    {"f32", DType::kFloat32, {}, {}},
    {"s8", DType::kInt8, PerTensor(0.07f, -3), PerTensor(0.05f, -128)},
    {"s8_same", DType::kInt8, PerTensor(0.07f, 5), PerTensor(0.07f, 5)},
    {"s8_finer", DType::kInt8, PerTensor(0.3f, 100), PerTensor(0.002f, 9)},
    {"u8", DType::kUInt8, PerTensor(0.07f, 117), PerTensor(0.06f, 0)},
    {"s16", DType::kInt16, PerTensor(0.0004f), PerTensor(0.0003f)},
    {"s16_same", DType::kInt16, PerTensor(0.0004f), PerTensor(0.0004f)},
};

// Where the output's scale is the op's own.
const Quantization kShares8 = PerTensor(1.0f / 256, -128);
const Quantization kShares16 = PerTensor(1.0f / 32768);

const Numbers kShares[] = {
    {"f32", DType::kFloat32, {}, {}},
    {"s8", DType::kInt8, PerTensor(0.05f, 3), kShares8},
    {"s8_coarse", DType::kInt8, PerTensor(0.4f, -100), kShares8},
    {"s8_fine", DType::kInt8, PerTensor(0.001f, 0), kShares8},
    {"u8", DType::kUInt8, PerTensor(0.05f, 117), PerTensor(1.0f / 256, 0)},
    {"s16", DType::kInt16, PerTensor(0.0003f), kShares16},
    {"s16_coarse", DType::kInt16, PerTensor(0.0031f), kShares16},
    {"s16_fine", DType::kInt16, PerTensor(0.000007f), kShares16},
    {"s16_pot", DType::kInt16, PerTensor(0x1p-12f), kShares16},
    {"s16_pot_fine", DType::kInt16, PerTensor(0x1p-15f), kShares16},
};

const std::vector<int32_t> kShape = {5, 7, 11};
// Behind a layer of ResNet-8.
const std::vector<int32_t> kTimedShape = {32, 32, 16};

Graph Build(const OpDef& op, const Numbers& numbers,
            const std::vector<int32_t>& shape, Rng* rng) {
  GraphBuilder build(rng);
  const TensorId x = build.Input("x", numbers.dtype, shape, numbers.x);
  build.Add(op, "y", {x}, numbers.y, numbers.dtype);
  return build.Finish();
}

// Odd multiples of 1/16 in (-8, 8): no kink is nearer than that.
void FillBesideKinks(Rng* rng, std::span<float> values) {
  for (float& v : values) v = (static_cast<float>(rng->Below(128)) - 63.5f) / 8;
}

std::vector<Case> UnaryCases(const OpDef& op, const std::string& name,
                             std::span<const Numbers> all,
                             const Gradient& gradient) {
  std::vector<Case> cases;
  for (const Numbers& numbers : all) {
    Case c;
    c.name = fmt::format("{}_{}", name, numbers.name);
    c.build = [&](Rng* rng) { return Build(op, numbers, kShape, rng); };
    if (numbers.dtype == DType::kUInt8)
      c.tflm_fails = fmt::format("its {} has no uint8", op.name);
    cases.push_back(c);
    if (!IsFirstOfType(all, numbers)) continue;
    c.name += "_resnet_8";
    c.build = [&](Rng* rng) { return Build(op, numbers, kTimedShape, rng); };
    c.timed = true;
    cases.push_back(std::move(c));
  }
  Case c;
  c.name = fmt::format("{}_gradient", name);
  c.build = [&](Rng* rng) { return Build(op, kNumbers[0], kShape, rng); };
  c.fill = FillBesideKinks;
  c.gradient = gradient;
  cases.push_back(std::move(c));
  return cases;
}

}  // namespace

std::vector<Case> ReluCases() {
  return UnaryCases(kRelu, "relu", kNumbers, {});
}
std::vector<Case> Relu6Cases() {
  return UnaryCases(kRelu6, "relu6", kNumbers, {});
}
std::vector<Case> LogisticCases() {
  return UnaryCases(kLogistic, "logistic", kShares, {.tolerance = 1e-3});
}

}  // namespace litesmith
