// CONV_2D: every signature of types over every geometry, the corners of the
// arithmetic, and gradients.
#include <fmt/core.h>

#include "src/ops/layer/conv_2d.h"
#include "src/ops/registry.h"
#include "tests/conformance/case.h"
#include "tests/conformance/fill.h"
#include "tests/conformance/layer_numbers.h"
#include "tests/conformance/random.h"

namespace litesmith {
namespace {

struct Geometry {
  const char* name;
  int in_h, in_w, in_c, out_c;
  int filter_h, filter_w;
  int stride_h = 1, stride_w = 1;
  int dilation_h = 1, dilation_w = 1;
  Padding padding = kSame;
  Activation activation = kNone;
  int groups = 1;
};

// The image, channels in and out, filter, strides, dilations.
constexpr Geometry kGeometries[] = {
    {"1x1", 5, 6, 12, 17, 1, 1},
    {"gray", 9, 9, 1, 12, 3, 3, 1, 1, 1, 1, kValid, activation::kRelu},
    {"same", 7, 8, 3, 10, 3, 3, 1, 1, 1, 1, kSame, activation::kRelu6},
    {"stride2", 8, 9, 10, 16, 3, 3, 2, 2, 1, 1, kSame, activation::kReluN1To1},
    {"stride_1x3", 7, 11, 4, 3, 2, 3, 1, 3, 1, 1, kValid},
    {"stride_beyond_filter", 8, 7, 3, 5, 1, 2, 3, 4, 1, 1, kValid,
     activation::kRelu},
    {"dilated", 10, 9, 3, 8, 3, 3, 1, 1, 2, 3, kSame, activation::kRelu},
    {"dilated_valid", 11, 10, 2, 5, 3, 2, 1, 1, 3, 2, kValid,
     activation::kRelu6},
    {"whole_image", 4, 5, 12, 32, 4, 5, 1, 1, 1, 1, kValid},
    {"filter_beyond_image", 4, 3, 2, 4, 7, 5},
    {"33_to_64", 5, 5, 33, 64, 3, 3},
    {"16_to_16", 6, 6, 16, 16, 3, 3, 1, 1, 1, 1, kSame, activation::kRelu},
    {"17_to_1", 6, 7, 17, 1, 2, 2},
    {"groups", 6, 6, 4, 6, 3, 3, 1, 1, 1, 1, kSame, kNone, 2},
    {"depthwise", 6, 5, 8, 16, 3, 3, 2, 2, 1, 1, kSame, activation::kRelu, 8},
};

constexpr Geometry kTimed[] = {
    {"mnist_cnn", 28, 28, 1, 12, 3, 3, 1, 1, 1, 1, kValid, activation::kRelu},
    {"resnet_8_3x3_3_to_16", 32, 32, 3, 16, 3, 3, 1, 1, 1, 1, kSame,
     activation::kRelu},
    {"resnet_8_3x3_16", 32, 32, 16, 16, 3, 3, 1, 1, 1, 1, kSame,
     activation::kRelu},
    {"resnet_8_3x3_16_to_32", 32, 32, 16, 32, 3, 3, 2, 2, 1, 1, kSame,
     activation::kRelu},
    {"resnet_8_1x1_16_to_32", 32, 32, 16, 32, 1, 1, 2, 2},
    {"resnet_8_3x3_32", 16, 16, 32, 32, 3, 3},
    {"resnet_8_3x3_64", 8, 8, 64, 64, 3, 3},
    {"ds_cnn_10x4", 49, 10, 1, 64, 10, 4, 2, 2, 1, 1, kSame, activation::kRelu},
    {"ds_cnn_1x1", 25, 5, 64, 64, 1, 1, 1, 1, 1, 1, kSame, activation::kRelu},
};

// For the corners of the arithmetic.
constexpr Geometry kCorners[] = {
    {"", 6, 7, 3, 10, 3, 3},
    {"_relu6", 9, 7, 10, 11, 3, 2, 2, 1, 1, 1, kValid, activation::kRelu6},
};

Shape FilterShape(const Geometry& g) {
  return {g.out_c, g.filter_h, g.filter_w, g.in_c / g.groups};
}

void SetAttributes(const Geometry& g, Node* node) {
  node->Set<&Conv2DAttrs::padding>(g.padding);
  node->Set<&Conv2DAttrs::stride_h>(g.stride_h);
  node->Set<&Conv2DAttrs::stride_w>(g.stride_w);
  node->Set<&Conv2DAttrs::dilation_h>(g.dilation_h);
  node->Set<&Conv2DAttrs::dilation_w>(g.dilation_w);
  node->Set<&Conv2DAttrs::activation>(g.activation);
}

Graph BuildBehind(TensorId x, const Geometry& g, const LayerNumbers& numbers,
                  GraphBuilder* build) {
  const Shape filter = FilterShape(g);
  const std::vector<TensorId> inputs = LayerInputs(build, numbers, x, filter);
  Node& node = build->Add(kConv2D, "y", inputs,
                          OutputQuant(numbers, filter.NumElementsPerSample()),
                          numbers.types.x);
  SetAttributes(g, &node);
  node.Set<&Conv2DAttrs::quantized_bias_type>(
      numbers.types.quantized_bias_type);
  return build->Finish();
}

Graph Build(const Geometry& g, const LayerNumbers& numbers, Rng* rng) {
  GraphBuilder build(rng);
  const TensorId x = build.Input("x", numbers.types.x, {g.in_h, g.in_w, g.in_c},
                                 InputQuant(numbers));
  return BuildBehind(x, g, numbers, &build);
}

Case MakeCase(const std::string& name, const Geometry& g,
              const LayerNumbers& numbers) {
  Case c;
  c.name = name;
  c.build = [&g, &numbers](Rng* rng) { return Build(g, numbers, rng); };
  c.litert_fails = numbers.litert_fails();
  c.tflm_fails = numbers.tflm_fails();
  if (numbers.bias == BiasSize::kNone && numbers.integer()) {
    c.litert_fails = "its CONV_2D wants a bias";
  } else if (numbers.hybrid() && !numbers.per_axis && g.groups > 1) {
    c.litert_fails = "its hybrid grouped CONV_2D wants a scale a channel";
  }
  return c;
}

// Integer values, and a bias halfway between two integers, so that no output is
// nearer than 1/2 to a kink of an activation (0, 6, -1 or 1). One step of 1/16
// of any value moves an output by at most 2/16.
Graph BuildGradient(const Geometry& g, bool bias, Rng* rng) {
  GraphBuilder build(rng);
  const TensorId x =
      build.Input("x", DType::kFloat32, {g.in_h, g.in_w, g.in_c});
  std::vector<TensorId> inputs = {x, build.Grid("filter", FilterShape(g), 2)};
  if (bias) inputs.push_back(build.Grid("bias", {g.out_c}, 4, 0.5f));
  SetAttributes(g, &build.Add(kConv2D, "y", inputs));
  return build.Finish();
}

Geometry DrawGeometry(Rng* rng) {
  Geometry g{};
  g.groups = Draw(rng, 0, 3) == 0 ? Draw(rng, 2, 3) : 1;
  g.in_c = g.groups * Draw(rng, 1, 5);
  g.out_c = g.groups * Draw(rng, 1, 6);
  DrawWindow(rng, &g);
  return g;
}

RandomKind Random(const char* name, const LayerTypes& types) {
  RandomKind kind{
      .name = name, .build = {}, .litert_fails = {}, .tflm_fails = {}};
  kind.build = [name, types](GraphBuilder* build) {
    Geometry g = DrawGeometry(build->rng());
    const LayerNumbers numbers = DrawNumbers(build->rng(), name, types);
    // LiteRT's has no groups for uint8, nor for one hybrid scale.
    const bool one = !numbers.per_axis && numbers.hybrid();
    if (g.groups > 1 && (one || types.x == DType::kUInt8))
      g.in_c /= g.groups, g.groups = 1;
    const TensorId x = build->Fixed(
        "x", types.x, {Draw(build->rng(), 1, 2), g.in_h, g.in_w, g.in_c},
        InputQuant(numbers));
    return BuildBehind(x, g, numbers, build);
  };
  kind.tflm_fails = LayerNumbers{.name = name, .types = types}.tflm_fails();
  return kind;
}

}  // namespace

std::vector<RandomKind> Conv2DRandom() {
  return {Random("f32", kF32Types), Random("s8", kS8Types),
          Random("u8", kU8Types), Random("s16", kS16Types),
          Random("f32s8", kHybridTypes)};
}

std::vector<Case> Conv2DCases() {
  std::vector<Case> cases;
  for (const LayerNumbers& numbers : UsualNumbers()) {
    for (const Geometry& g : kGeometries) {
      cases.push_back(MakeCase(
          fmt::format("conv_2d_{}_{}", numbers.name, g.name), g, numbers));
    }
    if (!numbers.timed()) continue;
    for (const Geometry& g : kTimed) {
      cases.push_back(MakeCase(
          fmt::format("conv_2d_{}_{}", numbers.name, g.name), g, numbers));
      cases.back().timed = true;
    }
  }
  for (const LayerNumbers& numbers : CornerNumbers()) {
    if (numbers.of_dense_alone()) continue;
    for (const Geometry& g : kCorners) {
      cases.push_back(MakeCase(
          fmt::format("conv_2d_{}{}", numbers.name, g.name), g, numbers));
    }
  }
  // An image of zeros has no range to be quantized to.
  for (const LayerNumbers& numbers : UsualNumbers()) {
    if (!numbers.hybrid()) continue;
    const Geometry& g = kCorners[0];
    cases.push_back(
        MakeCase(fmt::format("conv_2d_{}_zeros", numbers.name), g, numbers));
    cases.back().fill = ZeroRunsFill(g.in_h * g.in_w * g.in_c);
  }
  const auto add_gradient = [&](const char* name, const Geometry& g,
                                bool bias) -> Case& {
    Case c;
    c.name = fmt::format("conv_2d_gradient_{}", name);
    c.build = [&g, bias](Rng* rng) { return BuildGradient(g, bias, rng); };
    c.fill = GridFill(2);
    c.gradient = Gradient();
    return cases.emplace_back(std::move(c));
  };
  for (const Geometry& g : kGeometries) add_gradient(g.name, g, true);
  add_gradient("no_bias", kCorners[0], false);
  return cases;
}

}  // namespace litesmith
