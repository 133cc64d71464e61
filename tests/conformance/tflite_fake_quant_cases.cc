// FAKE_QUANT as files have it: ranges that hold zero and such that do not.
#include "src/ops/map/fake_quant.h"
#include "src/ops/registry.h"
#include "tests/conformance/case.h"
#include "tests/conformance/graph_builder.h"
#include "tests/conformance/random.h"
#include "tests/conformance/unary.h"

namespace litesmith {
namespace {

Case CaseOf(const char* name, const TfliteFakeQuantAttrs& attrs,
            const std::vector<int32_t>& shape = {5, 20}) {
  Case c;
  c.name = name;
  c.build = [=](Rng* rng) {
    GraphBuilder build(rng);
    const TensorId x = build.Input("x", DType::kFloat32, shape);
    Put(attrs, &build.Add(kTfliteFakeQuant, "y", {x}));
    return build.Finish();
  };
  c.fill = unary::FillBesideKinks;
  if (attrs.narrow_range) c.litert_fails = "its FAKE_QUANT has no narrow range";
  c.tflm_fails = "it has no FAKE_QUANT";
  return c;
}

}  // namespace

std::vector<Case> TfliteFakeQuantCases() {
  // Steps of a sixteenth, on which the values lie.
  Case gradient = CaseOf("tflite_fake_quant_gradient", {-8, 7.9375f, 8});
  gradient.gradient = Gradient{.step = 1.0f / 16};
  Case timed = CaseOf("tflite_fake_quant_resnet_8", {-1, 2, 8}, {32, 32, 16});
  timed.timed = true;
  return {gradient,
          timed,
          CaseOf("tflite_fake_quant", {-1, 2.1f, 8}),
          CaseOf("tflite_fake_quant_positive", {0.5f, 4, 8}),
          CaseOf("tflite_fake_quant_4_bits", {-6, 1, 4}),
          CaseOf("tflite_fake_quant_16_bits", {-3, 3, 16}),
          CaseOf("tflite_fake_quant_narrow", {-1, 2, 8, true})};
}

std::vector<RandomKind> TfliteFakeQuantRandom() {
  const auto build = [](GraphBuilder* build) {
    Rng* rng = build->rng();
    const TensorId x =
        build->Fixed("x", DType::kFloat32, DrawShape(rng, Draw(rng, 1, 5)));
    const float min = rng->Uniform(-1, 0.5f);
    Put(TfliteFakeQuantAttrs{min, min + rng->Uniform(0.1f, 2),
                             Draw(rng, 2, 16)},
        &build->Add(kTfliteFakeQuant, "y", {x}));
    return build->Finish();
  };
  return {{"f32", build, "", "it has no FAKE_QUANT"}};
}

}  // namespace litesmith
