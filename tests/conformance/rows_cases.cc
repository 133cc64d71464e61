// LOG_SOFTMAX, L2_NORMALIZATION and LOCAL_RESPONSE_NORMALIZATION: every type
// over rows of several lengths, and gradients. SOFTMAX has a file of its own.
#include <fmt/core.h>

#include "src/ops/map/local_response_normalization.h"
#include "src/ops/registry.h"
#include "tests/conformance/case.h"
#include "tests/conformance/graph_builder.h"
#include "tests/conformance/random.h"

namespace litesmith {
namespace {

struct Numbers {
  const char* name;
  DType dtype;
  Quantization x = {};
};

const Numbers kNumbers[] = {
    {"f32", DType::kFloat32},
    {"s8", DType::kInt8, PerTensor(0.05f, -3)},
    {"s8_coarse", DType::kInt8, PerTensor(0.7f, 100)},
    {"s8_fine", DType::kInt8, PerTensor(0.0004f, 0)},
    {"u8", DType::kUInt8, PerTensor(0.05f, 117)},
};

// Without the batch.
struct Shapes {
  const char* name;
  std::vector<int32_t> x;
};

const Shapes kShapes[] = {
    {"row", {10}},
    {"one", {1}},
    {"image", {3, 5, 6}},
    {"long", {300}},
};

Quantization OutputOf(const OpDef& op, DType dtype) {
  if (dtype == DType::kFloat32) return {};
  const FixedScale& fixed = op.quant.fixed8;
  return PerTensor(fixed.scale,
                   fixed.zero_point + (dtype == DType::kUInt8 ? 128 : 0));
}

Graph Build(const OpDef& op, const Numbers& numbers, const Shapes& shapes,
            Rng* rng) {
  GraphBuilder build(rng);
  const TensorId x = build.Input("x", numbers.dtype, shapes.x, numbers.x);
  build.Add(op, "y", {x}, OutputOf(op, numbers.dtype), numbers.dtype);
  return build.Finish();
}

void FillWide(Rng* rng, std::span<float> values) {
  for (float& v : values) v = rng->Uniform(-8, 8);
}

std::string TflmFails(const OpDef& op, DType dtype) {
  return dtype == DType::kUInt8 ? fmt::format("its {} has no uint8", op.name)
                                : "";
}

std::vector<Case> RowCases(const OpDef& op, const std::string& name) {
  std::vector<Case> cases;
  for (const Numbers& numbers : kNumbers) {
    for (const Shapes& shapes : kShapes) {
      Case c;
      c.name = fmt::format("{}_{}_{}", name, numbers.name, shapes.name);
      c.build = [&](Rng* rng) { return Build(op, numbers, shapes, rng); };
      c.fill = FillWide;
      c.timed = &shapes == &kShapes[0] && IsFirstOfType(kNumbers, numbers);
      c.tflm_fails = TflmFails(op, numbers.dtype);
      cases.push_back(std::move(c));
    }
  }
  Case c;
  c.name = fmt::format("{}_gradient", name);
  c.build = [&](Rng* rng) { return Build(op, kNumbers[0], kShapes[2], rng); };
  c.fill = FillWide;
  c.gradient = Gradient{.tolerance = 5e-3};
  cases.push_back(std::move(c));
  return cases;
}

std::vector<RandomKind> RowKinds(const OpDef& op) {
  std::vector<RandomKind> kinds;
  for (const Numbers& numbers : kNumbers) {
    if (!IsFirstOfType(kNumbers, numbers)) continue;
    kinds.push_back(
        {numbers.name,
         [&](GraphBuilder* build) {
           Rng* rng = build->rng();
           const TensorId x = build->Fixed("x", numbers.dtype,
                                           DrawShape(rng, Draw(rng, 1, 4), 12),
                                           DrawQuant(rng, numbers.dtype));
           build->Add(op, "y", {x}, OutputOf(op, numbers.dtype), numbers.dtype);
           return build->Finish();
         },
         "", TflmFails(op, numbers.dtype)});
  }
  return kinds;
}

// ---- LOCAL_RESPONSE_NORMALIZATION -----------------------------------------

Graph AddResponse(const LocalResponseNormalizationAttrs& attrs, TensorId x,
                  GraphBuilder* build) {
  Put(attrs, &build->Add(kLocalResponseNormalization, "y", {x}));
  return build->Finish();
}

const char* const kNoResponse = "it has no LOCAL_RESPONSE_NORMALIZATION";
const char* const kLastNeighbour =
    "BUILTIN_REF leaves out the last neighbour of a channel";

}  // namespace

std::vector<Case> LogSoftmaxCases() {
  return RowCases(kLogSoftmax, "log_softmax");
}
std::vector<RandomKind> LogSoftmaxRandom() { return RowKinds(kLogSoftmax); }

std::vector<Case> L2NormalizationCases() {
  return RowCases(kL2Normalization, "l2_normalization");
}
std::vector<RandomKind> L2NormalizationRandom() {
  return RowKinds(kL2Normalization);
}

std::vector<Case> LocalResponseNormalizationCases() {
  Case near;
  near.name = "local_response_normalization_near";
  near.build = [](Rng* rng) {
    GraphBuilder build(rng);
    const TensorId x = build.Input("x", DType::kFloat32, {3, 4, 7});
    return AddResponse({2, 1, 0.5f, 0.75f}, x, &build);
  };
  near.litert_fails = kLastNeighbour;
  near.tflm_fails = kNoResponse;
  near.own_functions = true;
  Case all = near;
  all.name = "local_response_normalization_all";
  all.build = [](Rng* rng) {
    GraphBuilder build(rng);
    const TensorId x = build.Input("x", DType::kFloat32, {3, 4, 7});
    return AddResponse({7, 0.5f, 0.3f, 0.5f}, x, &build);
  };
  all.litert_fails = "";  // the last neighbour is not there
  Case gradient = near;
  gradient.name = "local_response_normalization_gradient";
  gradient.gradient = Gradient{.step = 1.0f / 64, .tolerance = 5e-3};
  Case timed = near;
  timed.name = "local_response_normalization_resnet_8";
  timed.build = [](Rng* rng) {
    GraphBuilder build(rng);
    const TensorId x = build.Input("x", DType::kFloat32, {32, 32, 16});
    return AddResponse({2, 1, 0.5f, 0.75f}, x, &build);
  };
  timed.timed = true;
  return {near, all, gradient, timed};
}

// With as many neighbours as there are channels: of fewer BUILTIN_REF leaves
// one out.
std::vector<RandomKind> LocalResponseNormalizationRandom() {
  const auto build = [](GraphBuilder* build) {
    Rng* rng = build->rng();
    const TensorId x = build->Fixed("x", DType::kFloat32, DrawShape(rng, 4, 7));
    return AddResponse({Draw(rng, 7, 20), rng->Uniform(0.5f, 2),
                        rng->Uniform(0, 1), rng->Uniform(0, 1)},
                       x, build);
  };
  return {{"f32", build, "", kNoResponse}};
}

}  // namespace litesmith
