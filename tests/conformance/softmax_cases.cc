// SOFTMAX: every type over rows of several lengths, betas, and gradients.
#include <fmt/core.h>

#include "src/ops/map/softmax.h"
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
  float beta = 1;
};

const Quantization kS8 = PerTensor(1.0f / 256, -128);
const Quantization kS16 = PerTensor(1.0f / 32768);

const Numbers kNumbers[] = {
    {"f32", DType::kFloat32, {}, {}},
    {"f32_beta", DType::kFloat32, {}, {}, 0.3f},
    {"f32_uniform", DType::kFloat32, {}, {}, 0},
    {"s8", DType::kInt8, PerTensor(0.05f, -3), kS8},
    {"s8_coarse", DType::kInt8, PerTensor(0.7f, 100), kS8},
    {"s8_fine", DType::kInt8, PerTensor(0.0004f, 0), kS8},
    {"s8_beta", DType::kInt8, PerTensor(0.05f, 0), kS8, 2.5f},
    {"u8", DType::kUInt8, PerTensor(0.05f, 117), PerTensor(1.0f / 256, 0)},
    {"s16", DType::kInt16, PerTensor(0.0003f), kS16},
    {"s16_coarse", DType::kInt16, PerTensor(0.003f), kS16},
    {"s16_fine", DType::kInt16, PerTensor(0.00001f), kS16},
    {"s16_beta", DType::kInt16, PerTensor(0.0003f), kS16, 0.7f},
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

Graph Build(const Shapes& shapes, const Numbers& numbers, Rng* rng) {
  GraphBuilder build(rng);
  const TensorId x = build.Input("x", numbers.dtype, shapes.x, numbers.x);
  Node& node = build.Add(kSoftmax, "y", {x}, numbers.y, numbers.dtype);
  Put(SoftmaxAttrs{numbers.beta}, &node);
  return build.Finish();
}

void FillWide(Rng* rng, std::span<float> values) {
  for (float& v : values) v = rng->Uniform(-8, 8);
}

}  // namespace

std::vector<Case> SoftmaxCases() {
  std::vector<Case> cases;
  for (const Numbers& numbers : kNumbers) {
    for (const Shapes& shapes : kShapes) {
      Case c;
      c.name = fmt::format("softmax_{}_{}", numbers.name, shapes.name);
      c.build = [&](Rng* rng) { return Build(shapes, numbers, rng); };
      c.fill = FillWide;
      // Ten classes: as networks end.
      c.timed = &shapes == &kShapes[0] && IsFirstOfType(kNumbers, numbers);
      if (numbers.dtype == DType::kUInt8)
        c.tflm_fails = "its SOFTMAX has no uint8";
      cases.push_back(std::move(c));
    }
  }
  for (const Numbers* numbers : {&kNumbers[0], &kNumbers[1]}) {
    for (const Shapes* shapes : {&kShapes[0], &kShapes[2]}) {
      Case c;
      c.name =
          fmt::format("softmax_gradient_{}_{}", numbers->name, shapes->name);
      c.build = [=](Rng* rng) { return Build(*shapes, *numbers, rng); };
      c.gradient = Gradient{.tolerance = 1e-3};
      cases.push_back(std::move(c));
    }
  }
  return cases;
}

}  // namespace litesmith
