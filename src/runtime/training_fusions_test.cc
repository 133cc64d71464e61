// Kernels of several nodes in a training plan against those of the same nodes
// one by one.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "src/ops/fusions.h"
#include "src/ops/layer/depthwise_conv_2d.h"
#include "src/ops/layer/layer.h"
#include "src/ops/train/batch_norm.h"
#include "src/runtime/bind.h"
#include "src/runtime/plan_fixture_test.h"
#include "src/runtime/training_plan.h"

namespace litesmith {
namespace {

// A layer, its normalization and its fake quantization, twice: the second reads
// what the first need not keep. Where normalizations are outputs, too, fake
// quantizations are kernels of their own.
Graph Quantized(const OpDef& second, bool apart) {
  Rng rng(4);
  Graph graph;
  TensorId x = AddImageInput({kDynamic, 6, 6, 2}, &graph);
  std::vector<TensorId> normalized;
  const auto values = [&](const std::string& name, int n, float value,
                          TensorKind kind) {
    const std::vector<float> all(static_cast<size_t>(n), value);
    return graph.AddConstant<float>(name, {n}, all, kind);
  };
  const auto layer = [&](const OpDef& op, const Shape& weights, int channels) {
    const std::string n = std::to_string(graph.nodes.size());
    const TensorId w = AddRandomParameter(n + "/w", weights, &rng, &graph);
    Node& node = graph.AddNode(op, n, {x, w}, {n});
    if (&op == &kConv2D) {
      node.Set<&Conv2DAttrs::stride_h>(1);
      node.Set<&Conv2DAttrs::stride_w>(1);
    } else {
      node.Set<&DepthwiseConv2DAttrs::stride_h>(1);
      node.Set<&DepthwiseConv2DAttrs::stride_w>(1);
    }
    x = node.outputs[0];
    const std::vector<TensorId> of_norm = {
        x, values(n + "/gamma", channels, 1.5f, TensorKind::kParameter),
        values(n + "/beta", channels, 0.25f, TensorKind::kParameter),
        values(n + "/mean", channels, 0, TensorKind::kState),
        values(n + "/variance", channels, 1, TensorKind::kState)};
    Node& norm = graph.AddNode(kBatchNorm, n + "/norm", of_norm, {n + "/norm"});
    norm.Set<&BatchNormAttrs::activation>(activation::kRelu6);
    normalized.push_back(norm.outputs[0]);
    const int32_t steps[] = {0};
    Node& quant = graph.AddNode(
        kFakeQuant, n + "/quant",
        {normalized.back(), values(n + "/min", 1, 0, TensorKind::kState),
         values(n + "/max", 1, 1, TensorKind::kState),
         graph.AddConstant<int32_t>(n + "/count", {1}, steps,
                                    TensorKind::kState)},
        {n + "/quant"});
    quant.Set<&FakeQuantAttrs::range_update>(fake_quant::kMovingAverage);
    x = quant.outputs[0];
  };
  layer(kConv2D, {5, 3, 3, 2}, 5);
  if (&second == &kConv2D) layer(kConv2D, {16, 1, 1, 5}, 16);
  if (&second == &kDepthwiseConv2D) layer(kDepthwiseConv2D, {1, 3, 3, 5}, 5);
  graph.outputs = {x};
  if (apart)
    graph.outputs.insert(graph.outputs.end(), normalized.begin(),
                         normalized.end());
  InferShapes(&graph);
  return graph;
}

size_t Kernels(const Graph& graph) {
  BindOptions options;
  options.batch = 4;
  options.training = true;
  const BoundGraph bound = BindGraph(graph, options);
  return PrepareKernels(bound.graph, bound.facts, Purpose::kTrain).size();
}

TEST(TrainingFusions, AFakeQuantizationBehindANormalizationKeepsItsBits) {
  for (const OpDef* second : {&kConv2D, &kDepthwiseConv2D}) {
    SCOPED_TRACE(second->name);
    EXPECT_EQ(Kernels(Quantized(*second, true)), 4u);
    EXPECT_EQ(Kernels(Quantized(*second, false)), 2u);
    Fixture apart(Quantized(*second, true), 29);
    Fixture fused(Quantized(*second, false), 29, 3);
    for (const int batch : {29, 13, 1}) {
      apart.Step(batch);
      fused.Step(batch);
      EXPECT_EQ(apart.y, fused.y);
      EXPECT_TRUE(std::ranges::equal(apart.plan().gradients(),
                                     fused.plan().gradients()));
      EXPECT_TRUE(
          std::ranges::equal(apart.plan().states(), fused.plan().states()));
    }
  }
}

}  // namespace
}  // namespace litesmith
