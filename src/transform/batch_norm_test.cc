// Batch normalizations that go into a layer, and those that do not.
#include "src/transform/batch_norm.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "src/graph/names.h"
#include "src/ops/layer/conv_2d.h"
#include "src/ops/registry.h"
#include "src/ops/small_graph_test.h"
#include "src/ops/train/batch_norm.h"

namespace litesmith {
namespace {

using Floats = std::vector<float>;

TensorId AddNorm(const std::string& name, TensorId x, const Floats& gamma,
                 Graph* graph) {
  const Shape shape{static_cast<int32_t>(gamma.size())};
  const size_t n = gamma.size();
  Floats beta, mean, variance;
  for (size_t c = 0; c < n; ++c) {
    beta.push_back(0.25f * static_cast<float>(c) - 0.5f);
    mean.push_back(0.5f - 0.125f * static_cast<float>(c));
    variance.push_back(0.5f + static_cast<float>(c));
  }
  const auto add = [&](const char* part, const Floats& values,
                       TensorKind kind) {
    return graph->AddConstant<float>(name + "/" + part, shape, values, kind);
  };
  std::vector<TensorId> inputs = {
      x, add("gamma", gamma, TensorKind::kParameter),
      add("beta", beta, TensorKind::kParameter),
      add("moving_mean", mean, TensorKind::kState),
      add("moving_variance", variance, TensorKind::kState)};
  Node& node = graph->AddNode(kBatchNorm, name, inputs, {name});
  node.Set<&BatchNormAttrs::activation>(activation::kRelu);
  return node.outputs[0];
}

// input -> "conv" 3 of 3x3 without bias -> "norm".
Graph ConvNorm(const Floats& gamma = {1, -2, 0.5f}) {
  Rng rng(3);
  Graph graph;
  const TensorId x = AddImageInput({kDynamic, 5, 5, 2}, &graph);
  const TensorId w =
      AddRandomParameter("conv/kernel", {3, 3, 3, 2}, &rng, &graph);
  Node& conv = graph.AddNode(kConv2D, "conv", {x, w}, {"conv"});
  conv.Set<&Conv2DAttrs::stride_w>(1);
  conv.Set<&Conv2DAttrs::stride_h>(1);
  graph.outputs = {AddNorm("norm", conv.outputs[0], gamma, &graph)};
  graph.output_names = {"norm"};
  InferShapes(&graph);
  return graph;
}

std::vector<std::string> OpsOf(const Graph& graph) {
  std::vector<std::string> ops;
  for (const Node& node : graph.nodes) ops.push_back(node.op->name);
  return ops;
}

using Ops = std::vector<std::string>;

TEST(BatchNormTransformTest, TheLayerBeforeTakesScaleOffsetAndActivation) {
  const Graph before = ConvNorm();
  EXPECT_TRUE(TakesBatchNorm(before, before.nodes[0]));
  const Graph graph = FoldBatchNorms(SplitBatchNorms(before));
  ASSERT_EQ(OpsOf(graph), Ops{"CONV_2D"});
  const Node& conv = graph.nodes[0];
  EXPECT_EQ(conv.Get<&Conv2DAttrs::activation>(), activation::kRelu);
  EXPECT_EQ(graph.outputs, conv.outputs);
  EXPECT_EQ(graph.tensor(conv.outputs[0]).name, "norm");
  const ChannelScale numbers = MovingScale(before, before.nodes[1]);
  const Floats plain = ValuesOf(before, "conv/kernel");
  const Floats scaled = ValuesOf(graph, "conv/kernel");
  for (size_t i = 0; i < plain.size(); ++i)
    EXPECT_FLOAT_EQ(scaled[i],
                    plain[i] * static_cast<float>(numbers.scale[i / 18]));
  const auto bias = graph.tensor(conv.inputs[2]).As<float>();
  for (size_t c = 0; c < bias.size(); ++c)
    EXPECT_FLOAT_EQ(bias[c], static_cast<float>(numbers.offset[c]));
  // What was given stays as it was.
  EXPECT_EQ(ValuesOf(before, "conv/kernel"), plain);
}

// Integers as the quantizer will find them.
std::vector<int> Integers(const Tensor& tensor) {
  const auto values = tensor.As<float>();
  const size_t each = values.size() / tensor.quant.scale.size();
  std::vector<int> integers;
  for (size_t i = 0; i < values.size(); ++i) {
    integers.push_back(static_cast<int>(
        std::lround(values[i] / tensor.quant.scale[i / each])));
  }
  return integers;
}

TEST(BatchNormTransformTest, ALearnedScaleAbsorbsTheNormalization) {
  Graph before = ConvNorm({1.5f, -0.001f, 0});
  Tensor& weights = *FindTensor(&before, "conv/kernel");
  weights.quant = {{0.01f}, {0}, 0};  // one for all: it becomes one per channel
  const auto values = weights.MutableAs<float>();
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = 0.01f * static_cast<float>(static_cast<int>(i % 255) - 127);
  const std::vector<int> was = Integers(weights);
  Graph graph = FoldBatchNorms(before);
  const Tensor& scaled = *FindTensor(&graph, "conv/kernel");
  ASSERT_EQ(scaled.quant.scale.size(), 3u);
  EXPECT_EQ(scaled.quant.axis, 0);
  for (const float scale : scaled.quant.scale) EXPECT_GT(scale, 0);
  const std::vector<int> is = Integers(scaled);
  for (size_t i = 0; i < is.size(); ++i) {
    const int sign = i < 18 ? 1 : i < 36 ? -1 : 0;
    EXPECT_EQ(is[i], sign * was[i]) << i;
  }
}

TEST(BatchNormTransformTest, WhatNoLayerCanTakeBecomesMulAndAdd) {
  const Ops split = {"CONV_2D", "MUL", "ADD"};
  Graph active = ConvNorm();
  active.nodes[0].Set<&Conv2DAttrs::activation>(activation::kRelu6);
  Graph shared = ConvNorm();  // the convolution's output is asked for, too
  shared.outputs.push_back(shared.nodes[0].outputs[0]);
  shared.output_names.push_back("conv");
  Graph learned = ConvNorm();
  learned.tensor(learned.nodes[0].outputs[0]).quant = {{0.1f}, {3}, 0};
  for (const Graph& before : {active, shared, learned}) {
    EXPECT_FALSE(TakesBatchNorm(before, before.nodes[0]));
    const Graph graph = FoldBatchNorms(SplitBatchNorms(before));
    VerifyStructure(graph);
    EXPECT_EQ(OpsOf(graph), split);
    EXPECT_EQ(FusedActivation(graph.nodes[2])->i, activation::kRelu);
    EXPECT_EQ(graph.outputs[0], before.outputs[0]);
    EXPECT_EQ(ValuesOf(graph, "conv/kernel"), ValuesOf(before, "conv/kernel"));
  }
  // Weights that two layers read.
  Graph twice = ConvNorm();
  Node again = twice.nodes[0];
  again.name = "again";
  Tensor out;
  out.name = "again";
  again.outputs = {twice.AddTensor(out)};
  twice.nodes.push_back(again);
  twice.outputs.push_back(again.outputs[0]);
  twice.output_names.push_back("again");
  InferShapes(&twice);
  EXPECT_EQ(OpsOf(FoldBatchNorms(SplitBatchNorms(twice))),
            (Ops{"CONV_2D", "MUL", "ADD", "CONV_2D"}));
}

// input -> "norm" without activation -> "dense" of [3, 2] weights.
Graph NormDense(const Floats& kernel, const Floats& gamma = {2, -3.4f}) {
  Graph graph;
  const TensorId x = AddImageInput({kDynamic, 2}, &graph);
  const TensorId y = AddNorm("norm", x, gamma, &graph);
  graph.nodes[0].Set<&BatchNormAttrs::activation>(kNone);
  const TensorId w = graph.AddConstant<float>("dense/kernel", {3, 2}, kernel,
                                              TensorKind::kParameter);
  graph.outputs =
      graph.AddNode(kFullyConnected, "dense", {y, w}, {"dense"}).outputs;
  graph.output_names = {"dense"};
  InferShapes(&graph);
  return graph;
}

TEST(BatchNormTransformTest, ALayerWithoutPaddingTakesWhatIsBeforeIt) {
  const Floats kernel = {1, 2, 3, 4, 0, 6};
  const Graph before = NormDense(kernel);
  const Graph graph = FoldBatchNorms(SplitBatchNorms(before));
  ASSERT_EQ(OpsOf(graph), Ops{"FULLY_CONNECTED"});
  EXPECT_EQ(graph.nodes[0].inputs[0], graph.inputs[0]);
  const ChannelScale numbers = MovingScale(before, before.nodes[0]);
  const Floats scaled = ValuesOf(graph, "dense/kernel");
  const auto bias = graph.tensor(graph.nodes[0].inputs[2]).As<float>();
  for (size_t o = 0; o < 3; ++o) {
    double sum = 0;
    for (size_t i = 0; i < 2; ++i) {
      const double w = kernel[2 * o + i];
      EXPECT_FLOAT_EQ(scaled[2 * o + i],
                      static_cast<float>(w * numbers.scale[i]));
      sum += w * numbers.offset[i];
    }
    EXPECT_FLOAT_EQ(bias[o], static_cast<float>(sum));
  }
  // Clusters would be lost, and a padded edge is not normalized.
  EXPECT_EQ(
      OpsOf(FoldBatchNorms(SplitBatchNorms(NormDense({1, 2, 1, 2, 1, 2})))),
      (Ops{"MUL", "ADD", "FULLY_CONNECTED"}));
  Graph conv = ConvNorm();
  const TensorId x = conv.inputs[0];
  conv.nodes.pop_back();
  const TensorId y = AddNorm("first", x, {1, 2}, &conv);
  std::swap(conv.nodes[0], conv.nodes[1]);
  conv.nodes[0].Set<&BatchNormAttrs::activation>(kNone);
  conv.nodes[1].inputs[0] = y;
  conv.outputs = conv.nodes[1].outputs;
  InferShapes(&conv);
  EXPECT_EQ(OpsOf(FoldBatchNorms(SplitBatchNorms(conv))),
            (Ops{"MUL", "ADD", "CONV_2D"}));
  conv.nodes[1].Set<&Conv2DAttrs::padding>(kValid);
  InferShapes(&conv);
  EXPECT_EQ(OpsOf(FoldBatchNorms(SplitBatchNorms(conv))), Ops{"CONV_2D"});
}

}  // namespace
}  // namespace litesmith
