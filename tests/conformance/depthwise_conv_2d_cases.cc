// DEPTHWISE_CONV_2D: every signature of types over every geometry, the corners
// of the arithmetic, and gradients.
#include <fmt/core.h>

#include "src/ops/layer/depthwise_conv_2d.h"
#include "src/ops/registry.h"
#include "tests/conformance/case.h"
#include "tests/conformance/fill.h"
#include "tests/conformance/layer_numbers.h"
#include "tests/conformance/random.h"

namespace litesmith {
namespace {

using Attrs = DepthwiseConv2DAttrs;
constexpr int kChannelAxis = 3;

struct Geometry {
  const char* name;
  int in_h, in_w, in_c, multiplier;
  int filter_h, filter_w;
  int stride_h = 1, stride_w = 1;
  int dilation_h = 1, dilation_w = 1;
  Padding padding = kSame;
  Activation activation = kNone;

  int out_c() const { return in_c * multiplier; }
  int taps() const { return filter_h * filter_w; }
};

// The image, its channels, the multiplier, filter, strides, dilations.
constexpr Geometry kGeometries[] = {
    {"1x1", 5, 6, 12, 1, 1, 1},
    {"same", 7, 8, 16, 1, 3, 3, 1, 1, 1, 1, kSame, activation::kRelu},
    {"valid", 7, 8, 16, 1, 3, 3, 1, 1, 1, 1, kValid, activation::kRelu6},
    {"stride2", 8, 9, 10, 1, 3, 3, 2, 2, 1, 1, kSame, activation::kReluN1To1},
    {"stride_1x3", 7, 11, 4, 1, 2, 3, 1, 3, 1, 1, kValid},
    {"stride_beyond_filter", 8, 7, 3, 1, 1, 2, 3, 4, 1, 1, kValid,
     activation::kRelu},
    {"dilated", 10, 9, 5, 1, 3, 3, 1, 1, 2, 3, kSame, activation::kRelu},
    {"dilated_valid", 11, 10, 2, 1, 3, 2, 1, 1, 3, 2, kValid,
     activation::kRelu6},
    {"gray", 9, 8, 1, 8, 4, 3, 2, 2, 1, 1, kSame, activation::kRelu},
    {"gray_valid", 6, 7, 1, 33, 3, 3, 1, 1, 1, 1, kValid},
    {"one_to_one", 6, 5, 1, 1, 3, 3},
    {"two_each", 6, 5, 5, 2, 3, 3, 1, 1, 1, 1, kSame, activation::kRelu6},
    {"three_each", 5, 6, 4, 3, 2, 3, 2, 1, 1, 1, kValid},
    {"whole_image", 4, 5, 12, 1, 4, 5, 1, 1, 1, 1, kValid},
    {"filter_beyond_image", 4, 3, 3, 1, 7, 5},
    {"33", 5, 5, 33, 1, 3, 3},
    {"64", 4, 3, 64, 1, 3, 3, 1, 1, 1, 1, kSame, activation::kRelu},
};

constexpr Geometry kTimed[] = {
    {"ds_cnn", 25, 5, 64, 1, 3, 3, 1, 1, 1, 1, kSame, activation::kRelu},
};

// For the corners of the arithmetic.
constexpr Geometry kCorners[] = {
    {"", 6, 7, 10, 1, 3, 3},
    {"_relu6", 9, 7, 11, 2, 3, 2, 2, 1, 1, 1, kValid, activation::kRelu6},
};

Shape FilterShape(const Geometry& g) {
  return {1, g.filter_h, g.filter_w, g.out_c()};
}

void SetAttributes(const Geometry& g, Node* node) {
  Put(Attrs{.padding = g.padding,
            .stride_w = g.stride_w,
            .stride_h = g.stride_h,
            .depth_multiplier = g.multiplier,
            .activation = g.activation,
            .dilation_w = g.dilation_w,
            .dilation_h = g.dilation_h},
      node);
}

Graph BuildBehind(TensorId x, const Geometry& g, const LayerNumbers& numbers,
                  GraphBuilder* build) {
  const std::vector<TensorId> inputs =
      LayerInputs(build, numbers, x, FilterShape(g), kChannelAxis);
  SetAttributes(g,
                &build->Add(kDepthwiseConv2D, "y", inputs,
                            OutputQuant(numbers, g.taps()), numbers.types.x));
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
  if (numbers.hybrid() && !numbers.per_axis && g.out_c() > 1)
    c.litert_fails = "its hybrid DEPTHWISE_CONV_2D reads a scale a channel";
  return c;
}

// As CONV_2D's: integer values, and a bias halfway between two integers, so
// that no output is nearer than 1/2 to a kink of an activation.
Graph BuildGradient(const Geometry& g, bool bias, Rng* rng) {
  GraphBuilder build(rng);
  const TensorId x =
      build.Input("x", DType::kFloat32, {g.in_h, g.in_w, g.in_c});
  std::vector<TensorId> inputs = {x, build.Grid("filter", FilterShape(g), 2)};
  if (bias) inputs.push_back(build.Grid("bias", {g.out_c()}, 4, 0.5f));
  SetAttributes(g, &build.Add(kDepthwiseConv2D, "y", inputs));
  return build.Finish();
}

// A bias of int16 activations is int64.
bool IsPossible(const LayerNumbers& numbers) {
  return !numbers.of_dense_alone() && (numbers.types.x != DType::kInt16 ||
                                       numbers.types.bias == DType::kInt64);
}

Geometry DrawGeometry(Rng* rng) {
  Geometry g{};
  g.in_c = Draw(rng, 1, 9);
  g.multiplier = Coin(rng) ? 1 : Draw(rng, 1, 3);
  DrawWindow(rng, &g);
  return g;
}

RandomKind Random(const char* name, const LayerTypes& types) {
  RandomKind kind{
      .name = name, .build = {}, .litert_fails = {}, .tflm_fails = {}};
  kind.build = [name, types](GraphBuilder* build) {
    const Geometry g = DrawGeometry(build->rng());
    LayerNumbers numbers = DrawNumbers(build->rng(), name, types);
    // LiteRT's hybrid one reads a scale a channel.
    if (numbers.hybrid()) numbers.per_axis = true;
    const TensorId x = build->Fixed(
        "x", types.x, {Draw(build->rng(), 1, 2), g.in_h, g.in_w, g.in_c},
        InputQuant(numbers));
    return BuildBehind(x, g, numbers, build);
  };
  kind.tflm_fails = LayerNumbers{.name = name, .types = types}.tflm_fails();
  return kind;
}

}  // namespace

std::vector<RandomKind> DepthwiseConv2DRandom() {
  return {Random("f32", kF32Types), Random("s8", kS8Types),
          Random("u8", kU8Types), Random("s16", kS16Types),
          Random("f32s8", kHybridTypes)};
}

std::vector<Case> DepthwiseConv2DCases() {
  std::vector<Case> cases;
  for (const LayerNumbers& numbers : UsualNumbers()) {
    if (!IsPossible(numbers)) continue;
    for (const Geometry& g : kGeometries) {
      cases.push_back(
          MakeCase(fmt::format("depthwise_conv_2d_{}_{}", numbers.name, g.name),
                   g, numbers));
    }
    if (!numbers.timed()) continue;
    for (const Geometry& g : kTimed) {
      cases.push_back(
          MakeCase(fmt::format("depthwise_conv_2d_{}_{}", numbers.name, g.name),
                   g, numbers));
      cases.back().timed = true;
    }
  }
  for (const LayerNumbers& numbers : CornerNumbers()) {
    if (!IsPossible(numbers)) continue;
    for (const Geometry& g : kCorners) {
      cases.push_back(
          MakeCase(fmt::format("depthwise_conv_2d_{}{}", numbers.name, g.name),
                   g, numbers));
    }
  }
  // An image of zeros has no range to be quantized to.
  for (const LayerNumbers& numbers : UsualNumbers()) {
    if (!numbers.hybrid()) continue;
    const Geometry& g = kCorners[0];
    cases.push_back(MakeCase(
        fmt::format("depthwise_conv_2d_{}_zeros", numbers.name), g, numbers));
    cases.back().fill = ZeroRunsFill(g.in_h * g.in_w * g.in_c);
  }
  const auto add_gradient = [&](const char* name, const Geometry& g,
                                bool bias) {
    Case c;
    c.name = fmt::format("depthwise_conv_2d_gradient_{}", name);
    c.build = [&g, bias](Rng* rng) { return BuildGradient(g, bias, rng); };
    c.fill = GridFill(2);
    c.gradient = Gradient();
    cases.push_back(std::move(c));
  };
  for (const Geometry& g : kGeometries) add_gradient(g.name, g, true);
  add_gradient("no_bias", kCorners[0], false);
  return cases;
}

}  // namespace litesmith
