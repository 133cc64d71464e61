#include "tests/conformance/unary.h"

#include <fmt/core.h>

#include <algorithm>

#include "src/ops/registry.h"
#include "tests/conformance/random.h"

namespace litesmith::unary {
namespace {

const std::vector<int32_t> kShape = {5, 7, 11};
// Behind a layer of ResNet-8.
const std::vector<int32_t> kTimedShape = {32, 32, 16};

Quantization FixedQuant(const OpDef& op, DType dtype) {
  const bool wide = dtype == DType::kInt16;
  const FixedScale& fixed = wide ? op.quant.fixed16 : op.quant.fixed8;
  if (dtype == DType::kFloat32) return {};
  return PerTensor(fixed.scale,
                   fixed.zero_point + (dtype == DType::kUInt8 ? 128 : 0));
}

TensorId Size(TensorId x, GraphBuilder* build) {
  const Tensor tensor = build->tensor(x);  // adding tensors moves them
  build->Add(kAbs, "size", {x}, tensor.quant, tensor.dtype);
  return build->last();
}

Graph Build(const Op& op, const Numbers& numbers,
            const std::vector<int32_t>& shape, Rng* rng) {
  GraphBuilder build(rng);
  TensorId x = build.Input("x", numbers.dtype, shape, numbers.x);
  // 8-bit ones have a zero point that allows no other.
  if (op.positive && numbers.dtype == DType::kInt16) x = Size(x, &build);
  Node& node = build.Add(op.op, "y", {x}, numbers.y, numbers.dtype);
  if (op.set != nullptr) op.set(&node, nullptr);
  return build.Finish();
}

// `size` over the steps that the type has.
Quantization DrawQuantOfSize(DType dtype, float size, Rng* rng) {
  return DrawQuant(rng, dtype, size / 1024, size / 100);
}

Graph Draw(const Op& op, const Numbers& numbers, GraphBuilder* build) {
  Rng* rng = build->rng();
  Quantization x_quant;
  Quantization y_quant;
  if (!numbers.x.empty()) {
    x_quant = DrawQuantOfSize(numbers.dtype, op.x_size, rng);
    y_quant = op.op.quant.output == QuantRule::kFixed
                  ? FixedQuant(op.op, numbers.dtype)
                  : DrawQuantOfSize(numbers.dtype, op.y_size, rng);
    if (op.positive && numbers.dtype == DType::kInt8)
      x_quant.zero_point[0] = -128;
  }
  TensorId x = build->Fixed(
      "x", numbers.dtype, DrawShape(rng, litesmith::Draw(rng, 1, 5)), x_quant);
  if (op.positive && numbers.dtype != DType::kInt8) x = Size(x, build);
  Node& node = build->Add(op.op, "y", {x}, y_quant, numbers.dtype);
  if (op.set != nullptr) op.set(&node, rng);
  return build->Finish();
}

}  // namespace

std::vector<Numbers> AllNumbers() {
  return {
      {"f32", DType::kFloat32},
      {"s8", DType::kInt8, PerTensor(0.07f, -3), PerTensor(0.05f, -128)},
      {"s8_same", DType::kInt8, PerTensor(0.07f, 5), PerTensor(0.07f, 5)},
      {"s8_finer", DType::kInt8, PerTensor(0.3f, 100), PerTensor(0.003f, 9)},
      {"u8", DType::kUInt8, PerTensor(0.07f, 117), PerTensor(0.06f, 0)},
      {"s16", DType::kInt16, PerTensor(0.0004f), PerTensor(0.0003f)},
      {"s16_same", DType::kInt16, PerTensor(0.0004f), PerTensor(0.0004f)},
  };
}

std::vector<Numbers> Only(const std::vector<DType>& types,
                          const std::vector<Numbers>& all) {
  std::vector<Numbers> some;
  for (const Numbers& numbers : all) {
    if (std::find(types.begin(), types.end(), numbers.dtype) != types.end())
      some.push_back(numbers);
  }
  return some;
}

std::vector<Numbers> Plain(const std::vector<DType>& types) {
  const Numbers all[] = {{"f32", DType::kFloat32},
                         {"i8", DType::kInt8},
                         {"i16", DType::kInt16},
                         {"i32", DType::kInt32},
                         {"i64", DType::kInt64}};
  return Only(types, {std::begin(all), std::end(all)});
}

std::vector<Numbers> WithOutputsOf(const OpDef& op) {
  std::vector<Numbers> all = {
      {"f32", DType::kFloat32},
      {"s8", DType::kInt8, PerTensor(0.05f, 3)},
      {"s8_coarse", DType::kInt8, PerTensor(0.4f, -100)},
      {"s8_fine", DType::kInt8, PerTensor(0.001f, 0)},
      {"u8", DType::kUInt8, PerTensor(0.05f, 117)},
      {"s16", DType::kInt16, PerTensor(0.0003f)},
      {"s16_coarse", DType::kInt16, PerTensor(0.0031f)},
      {"s16_fine", DType::kInt16, PerTensor(0.000007f)},
      {"s16_pot", DType::kInt16, PerTensor(0x1p-12f)},
      {"s16_pot_coarse", DType::kInt16, PerTensor(0x1p-11f)},
      {"s16_pot_fine", DType::kInt16, PerTensor(0x1p-15f)},
  };
  for (Numbers& numbers : all) numbers.y = FixedQuant(op, numbers.dtype);
  return all;
}

std::string Refusal::Why(const Numbers& numbers) const {
  const bool integers = numbers.dtype != DType::kFloat32;
  const bool plain = integers && numbers.x.empty();
  const bool holds = of == kAllTypes || (of == kIntegers && integers) ||
                     (of == kPlain && plain) ||
                     (of == kInt32 && numbers.dtype == DType::kInt32);
  return holds ? why : "";
}

void FillBesideKinks(Rng* rng, std::span<float> values) {
  for (float& v : values) v = (static_cast<float>(rng->Below(128)) - 63.5f) / 8;
}
void FillPositive(Rng* rng, std::span<float> values) {
  for (float& v : values) v = rng->Uniform(1, 9);
}
void FillQuarters(Rng* rng, std::span<float> values) {
  for (float& v : values) v = (static_cast<float>(rng->Below(65)) - 32) / 4;
}

namespace {

std::string TflmFails(const Op& op, const Numbers& numbers) {
  const std::string why = op.tflm.Why(numbers);
  return numbers.dtype == DType::kUInt8 && why.empty()
             ? fmt::format("its {} has no uint8", op.op.name)
             : why;
}

}  // namespace

Case CaseOf(const Op& op, const std::string& name, const Numbers& numbers,
            const std::vector<int32_t>& shape) {
  Case c;
  c.name = fmt::format("{}_{}", op.name, name);
  c.build = [=](Rng* rng) { return Build(op, numbers, shape, rng); };
  c.fill = op.fill;
  c.litert_fails = op.litert.Why(numbers);
  c.tflm_fails = TflmFails(op, numbers);
  return c;
}

std::vector<Case> Cases(const Op& op) {
  std::vector<Case> cases;
  for (const Numbers& numbers : op.numbers) {
    cases.push_back(CaseOf(op, numbers.name, numbers, kShape));
    if (op.tolerance == kNoGradient || !IsFirstOfType(op.numbers, numbers))
      continue;
    cases.push_back(CaseOf(op, fmt::format("{}_resnet_8", numbers.name),
                           numbers, kTimedShape));
    cases.back().timed = true;
  }
  if (op.tolerance == kNoGradient) return cases;
  cases.push_back(CaseOf(op, "gradient", op.numbers[0], kShape));
  cases.back().gradient = Gradient{.tolerance = op.tolerance};
  return cases;
}

std::vector<RandomKind> Kinds(const Op& op) {
  std::vector<RandomKind> kinds;
  for (const Numbers& numbers : op.numbers) {
    const bool first = std::none_of(
        op.numbers.begin(), op.numbers.end(), [&](const Numbers& other) {
          return &other < &numbers && other.dtype == numbers.dtype &&
                 other.x.empty() == numbers.x.empty();
        });
    if (!first) continue;
    kinds.push_back(
        {numbers.name,
         [=](GraphBuilder* build) { return Draw(op, numbers, build); },
         op.litert.Why(numbers), TflmFails(op, numbers)});
  }
  return kinds;
}

}  // namespace litesmith::unary
