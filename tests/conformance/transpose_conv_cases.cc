// TRANSPOSE_CONV: every signature of types over every geometry, and the corners
// of the arithmetic.
#include <fmt/core.h>

#include <algorithm>
#include <string_view>

#include "src/ops/layer/transpose_conv.h"
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
  int stride_h, stride_w;
  int out_h, out_w;
  Padding padding = kSame;
  Activation activation = kNone;
};

// The image, channels in and out, filter, strides, the output.
constexpr Geometry kGeometries[] = {
    {"doubled", 4, 5, 8, 12, 3, 3, 2, 2, 8, 10, kSame, activation::kRelu},
    {"valid", 3, 4, 3, 17, 3, 2, 2, 3, 7, 11, kValid, activation::kRelu6},
    {"stride1", 5, 4, 10, 3, 3, 3, 1, 1, 5, 4, kSame, activation::kReluN1To1},
    // Outputs that no tap meets.
    {"stride_beyond_filter", 3, 3, 2, 5, 1, 2, 3, 4, 9, 12, kValid},
    {"odd_output", 3, 4, 4, 6, 4, 4, 2, 2, 5, 7},
    // Rows of the spread image are cut off on both sides.
    {"cut", 4, 4, 3, 4, 5, 5, 1, 1, 2, 3},
    {"1x1", 2, 3, 5, 9, 1, 1, 1, 1, 2, 3, kValid},
};

constexpr Geometry kTimed[] = {
    {"decoder", 16, 16, 32, 16, 3, 3, 2, 2, 32, 32, kSame, activation::kRelu},
};

constexpr Geometry kCorners[] = {
    {"", 3, 4, 3, 10, 3, 3, 2, 2, 6, 8},
};

Graph BuildBehind(TensorId x, int images, const Geometry& g,
                  const LayerNumbers& numbers, GraphBuilder* build) {
  const std::vector<TensorId> layer =
      LayerInputs(build, numbers, x, {g.out_c, g.filter_h, g.filter_w, g.in_c});
  const TensorId shape = build->Values<int32_t>(
      "output_shape", {4}, {images, g.out_h, g.out_w, g.out_c});
  std::vector<TensorId> inputs = {shape, layer[1], layer[0]};
  if (layer.size() > 2) inputs.push_back(layer[2]);
  // About a tap for each stride meets an output.
  const int taps = std::max(g.filter_h / g.stride_h, 1) *
                   std::max(g.filter_w / g.stride_w, 1) * g.in_c;
  Node& node = build->Add(kTransposeConv, "y", inputs,
                          OutputQuant(numbers, taps), numbers.types.x);
  Put(TransposeConvAttrs{g.padding, g.stride_w, g.stride_h, g.activation,
                         numbers.types.quantized_bias_type},
      &node);
  return build->Finish();
}

Graph BuildGradient(const Geometry& g, bool bias, Rng* rng) {
  GraphBuilder build(rng);
  const TensorId x =
      build.Input("x", DType::kFloat32, {g.in_h, g.in_w, g.in_c});
  const TensorId shape = build.Values<int32_t>("output_shape", {4},
                                               {1, g.out_h, g.out_w, g.out_c});
  std::vector<TensorId> inputs = {
      shape, build.Grid("filter", {g.out_c, g.filter_h, g.filter_w, g.in_c}, 2),
      x};
  if (bias) inputs.push_back(build.Grid("bias", {g.out_c}, 4, 0.5f));
  TransposeConvAttrs attrs;
  attrs.padding = g.padding;
  attrs.stride_w = g.stride_w;
  attrs.stride_h = g.stride_h;
  attrs.activation = bias ? g.activation : kNone;
  Put(attrs, &build.Add(kTransposeConv, "y", inputs));
  return build.Finish();
}

bool IsCut(const Geometry& g) { return std::string_view(g.name) == "cut"; }

Case MakeCase(const std::string& name, const Geometry& g,
              const LayerNumbers& numbers) {
  Case c;
  c.name = "transpose_conv_" + name;
  c.build = [&g, &numbers](Rng* rng) {
    GraphBuilder build(rng);
    const TensorId x = build.Input(
        "x", numbers.types.x, {g.in_h, g.in_w, g.in_c}, InputQuant(numbers));
    return BuildBehind(x, 1, g, numbers, &build);
  };
  if (!numbers.hybrid()) c.litert_fails = numbers.litert_fails();
  c.tflm_fails = numbers.tflm_fails();
  if (IsCut(g))
    c.litert_fails = "it wants a convolution to make the image of the output";
  if (numbers.types.x == DType::kInt16 && numbers.types.bias == DType::kInt32 &&
      numbers.bias != BiasSize::kNone)
    c.tflm_fails = "it takes the int32 bias for one of int64";
  c.fixed_batch = true;  // the output's shape names it
  return c;
}

Geometry DrawGeometry(Rng* rng) {
  Geometry g{};
  g.in_h = Draw(rng, 1, 5), g.in_w = Draw(rng, 1, 5);
  g.in_c = Draw(rng, 1, 9), g.out_c = Draw(rng, 1, 9);
  g.filter_h = Draw(rng, 1, 4), g.filter_w = Draw(rng, 1, 4);
  g.stride_h = Draw(rng, 1, 3), g.stride_w = Draw(rng, 1, 3);
  g.padding = Coin(rng) ? kSame : kValid;
  g.activation = DrawActivation(rng);
  // What a convolution of this padding would shrink to the image.
  const auto size = [&](int in, int filter, int stride) {
    const int most = g.padding == kSame
                         ? in * stride
                         : (in - 1) * stride + filter + stride - 1;
    const int least =
        g.padding == kSame ? (in - 1) * stride + 1 : (in - 1) * stride + filter;
    return Draw(rng, least, most);
  };
  g.out_h = size(g.in_h, g.filter_h, g.stride_h);
  g.out_w = size(g.in_w, g.filter_w, g.stride_w);
  return g;
}

RandomKind Random(const char* name, const LayerTypes& types) {
  RandomKind kind{
      .name = name, .build = {}, .litert_fails = {}, .tflm_fails = {}};
  kind.build = [name, types](GraphBuilder* build) {
    const Geometry g = DrawGeometry(build->rng());
    LayerNumbers numbers = DrawNumbers(build->rng(), name, types);
    if (Coin(build->rng())) numbers.bias = BiasSize::kNone;
    const int images = Draw(build->rng(), 1, 2);
    const TensorId x = build->Fixed(
        "x", types.x, {images, g.in_h, g.in_w, g.in_c}, InputQuant(numbers));
    return BuildBehind(x, images, g, numbers, build);
  };
  kind.tflm_fails = LayerNumbers{.name = name, .types = types}.tflm_fails();
  return kind;
}

}  // namespace

std::vector<RandomKind> TransposeConvRandom() {
  return {Random("f32", kF32Types), Random("s8", kS8Types),
          Random("u8", kU8Types), Random("s16", kS16Types),
          Random("f32s8", kHybridTypes)};
}

std::vector<Case> TransposeConvCases() {
  std::vector<Case> cases;
  for (const LayerNumbers& numbers : UsualNumbers()) {
    for (const Geometry& g : kGeometries) {
      // Of one type: LiteRT refuses it.
      if (IsCut(g) && numbers.types.x != DType::kInt8) continue;
      cases.push_back(
          MakeCase(fmt::format("{}_{}", numbers.name, g.name), g, numbers));
    }
    if (!numbers.timed()) continue;
    for (const Geometry& g : kTimed) {
      cases.push_back(
          MakeCase(fmt::format("{}_{}", numbers.name, g.name), g, numbers));
      cases.back().timed = true;
    }
  }
  for (const LayerNumbers& numbers : CornerNumbers()) {
    if (numbers.of_dense_alone()) continue;
    for (const Geometry& g : kCorners) {
      cases.push_back(
          MakeCase(fmt::format("{}{}", numbers.name, g.name), g, numbers));
    }
  }
  const auto add_gradient = [&](const std::string& name, const Geometry& g,
                                bool bias) {
    Case& c = cases.emplace_back();
    c.name = "transpose_conv_gradient_" + name;
    c.build = [&g, bias](Rng* rng) { return BuildGradient(g, bias, rng); };
    c.fill = GridFill(2);
    c.gradient = Gradient();
    c.fixed_batch = true;
    if (IsCut(g))
      c.litert_fails = "it wants a convolution to make the image of the output";
  };
  for (const Geometry& g : kGeometries) add_gradient(g.name, g, true);
  add_gradient("no_bias", kGeometries[0], false);
  return cases;
}

}  // namespace litesmith
