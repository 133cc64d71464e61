// LITESMITH_BATCH_NORM: by the batch's moments and by fixed ones, with gamma
// and beta or without, behind a layer and alone.
#include <algorithm>

#include "src/ops/layer/conv_2d.h"
#include "src/ops/layer/depthwise_conv_2d.h"
#include "src/ops/registry.h"
#include "src/ops/train/batch_norm.h"
#include "src/ops/train/train.h"
#include "tests/conformance/case.h"
#include "tests/conformance/fill.h"
#include "tests/conformance/graph_builder.h"

namespace litesmith {
namespace {

// What x goes through before: a shift by channel, or a layer.
enum class Before : uint8_t { kShift, kConv3x3, kConv1x1, kDepthwise, kDense };

struct Row {
  const char* name;
  std::vector<int32_t> shape;
  bool gamma = true;
  bool beta = true;
  bool frozen = false;
  Activation activation = kNone;
  Before before = Before::kShift;
  int32_t outputs = 0;  // of a layer
  // Fake-quantized behind it, finely: gradients are those of differences.
  bool quantized = false;
};

const Row kRows[] = {
    {"image", {4, 3, 5}},
    {"many_channels", {3, 2, 37}},
    {"features", {7}},
    {"sequence", {6, 4}},
    {"without_gamma", {4, 3, 5}, false, true},
    {"without_beta", {4, 3, 5}, true, false},
    {"plain", {9}, false, false},
    {"frozen", {4, 3, 5}, true, true, true},
    {"relu", {4, 3, 5}, true, true, false, activation::kRelu},
    {"relu6", {33}, true, true, false, activation::kRelu6},
    {"conv_3x3", {5, 4, 3}, true, true, false, kNone, Before::kConv3x3, 9},
    {"conv_1x1", {4, 5, 7}, true, true, false, kNone, Before::kConv1x1, 17},
    {"depthwise", {6, 5, 9}, true, true, false, kNone, Before::kDepthwise, 9},
    {"dense", {11}, false, true, false, kNone, Before::kDense, 19},
    {"dense_few", {11}, true, true, false, kNone, Before::kDense, 3},
    {"conv_quant",
     {5, 4, 3},
     true,
     true,
     false,
     kNone,
     Before::kConv3x3,
     9,
     true},
    {"depthwise_quant",
     {6, 5, 9},
     true,
     true,
     false,
     kNone,
     Before::kDepthwise,
     9,
     true},
    {"dense_quant", {11}, true, true, false, kNone, Before::kDense, 19, true},
};

const Row kTimed = {"resnet_8", {32, 32, 16}};

// Something with a gradient must stand before a normalization, and x has none.
void AddBefore(const Row& row, TensorId x, int32_t channels,
               GraphBuilder* build) {
  const auto parameter = [&](const char* name, const Shape& shape) {
    // Exact sums, which no kernel rounds across a step.
    if (row.quantized) return build->Grid(name, shape, 2);
    return build->Random(name, DType::kFloat32, shape, {},
                         TensorKind::kParameter);
  };
  const int32_t in = row.shape.back();
  if (row.before == Before::kShift) {
    build->Add(kAdd, "moved", {x, parameter("shift", {channels})});
  } else if (row.before == Before::kDense) {
    build->Add(kFullyConnected, "layer",
               {x, parameter("weights", {channels, in}),
                parameter("bias", {channels})});
  } else if (row.before == Before::kDepthwise) {
    Node& node = build->Add(kDepthwiseConv2D, "layer",
                            {x, parameter("filter", {1, 3, 3, channels})});
    node.Set<&DepthwiseConv2DAttrs::stride_h>(2);
    node.Set<&DepthwiseConv2DAttrs::stride_w>(1);
  } else {
    const int32_t side = row.before == Before::kConv3x3 ? 3 : 1;
    Node& node = build->Add(kConv2D, "layer",
                            {x, parameter("filter", {channels, side, side, in}),
                             parameter("bias", {channels})});
    node.Set<&Conv2DAttrs::stride_h>(1);
    node.Set<&Conv2DAttrs::stride_w>(1);
  }
}

Graph Build(const Row& row, Rng* rng) {
  GraphBuilder build(rng);
  const int32_t channels = row.outputs > 0 ? row.outputs : row.shape.back();
  std::vector<float> variance(static_cast<size_t>(channels));
  std::generate(variance.begin(), variance.end(),
                [&] { return rng->Uniform(0.5f, 4.0f); });
  const TensorId x = build.Input("x", DType::kFloat32, row.shape);
  const TensorKind moments =
      row.frozen ? TensorKind::kConstant : TensorKind::kState;
  // A frozen layer may still have a gamma that is trained, in our own graphs.
  const auto parameter = [&](const char* name, bool has) {
    return has ? build.Random(name, DType::kFloat32, {channels}, {},
                              TensorKind::kParameter)
               : kNoTensor;
  };
  const TensorId gamma = parameter("gamma", row.gamma);
  const TensorId beta = parameter("beta", row.beta);
  const TensorId mean =
      build.Random("mean", DType::kFloat32, {channels}, {}, moments);
  AddBefore(row, x, channels, &build);
  Node& node = build.Add(
      kBatchNorm, "y",
      {build.last(), gamma, beta, mean,
       build.Values<float>("variance", {channels}, variance, {}, moments)});
  node.Set<&BatchNormAttrs::activation>(row.activation);
  if (row.quantized) {
    const auto end = [&](const char* name, float value) {
      return build.Values<float>(name, {1}, {value}, {}, TensorKind::kState);
    };
    Node& quant = build.Add(kFakeQuant, "quant",
                            {build.last(), end("min", -8), end("max", 9)});
    quant.Set<&FakeQuantAttrs::bits>(16);
  }
  return build.Finish();
}

}  // namespace

std::vector<Case> BatchNormCases() {
  std::vector<Case> cases;
  for (const Row& row : kRows) {
    Case& c = cases.emplace_back();
    c.name = std::string("batch_norm_") + row.name;
    c.build = [&row](Rng* rng) { return Build(row, rng); };
    if (row.quantized) c.fill = GridFill(4);
    // Kinks of an activation are the kernel test's.
    if (row.activation != kNone) continue;
    c.gradient = row.quantized ? Gradient{.step = 1.0f / 16, .tolerance = 0.05}
                               : Gradient{.step = 1.0f / 64, .tolerance = 0.02};
  }
  Case& timed = cases.emplace_back();
  timed.name = std::string("batch_norm_") + kTimed.name;
  timed.build = [](Rng* rng) { return Build(kTimed, rng); };
  timed.timed = true;
  return cases;
}

}  // namespace litesmith
