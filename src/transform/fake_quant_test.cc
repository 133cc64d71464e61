// Quantization-aware training put onto a graph: where fake quants stand, what
// their ranges are, and that zeros and clusters are found from the weights.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "src/ops/small_graph_test.h"
#include "src/ops/train/train.h"
#include "src/transform/choice_test.h"
#include "src/transform/training_ops.h"

namespace litesmith {
namespace {

using Floats = std::vector<float>;

Graph Quantized(const Graph& graph, const QatOptions& options = {}) {
  return InsertFakeQuant(graph,
                         [&](const Node&, const Tensor&) { return options; });
}

std::vector<std::string> NodesOf(const Graph& graph) {
  std::vector<std::string> names;
  for (const Node& node : graph.nodes) names.push_back(node.name);
  return names;
}

const Node& NodeOf(const Graph& graph, const std::string& name) {
  for (const Node& node : graph.nodes) {
    if (node.name == name) return node;
  }
  Fail(ErrorKind::kNotFound, "no node '{}'", name);
}

bool Has(const Graph& graph, const std::string& tensor) {
  return std::any_of(graph.tensors.begin(), graph.tensors.end(),
                     [&](const Tensor& t) { return t.name == tensor; });
}

// SmallCnn with these weights of the convolution, [4, 3, 3, 2].
Graph WithConvolution(const Floats& weights) {
  Graph graph = SmallCnn();
  SetValuesOf(&graph, "conv/kernel", weights);
  return graph;
}

// Weights of 4 channels of 18 each: channel c takes the values of `rows[c]` in
// turn; one row is for all.
Floats Clustered(const std::vector<Floats>& rows) {
  Floats weights;
  for (size_t c = 0; c < 4; ++c) {
    const Floats& row = rows[rows.size() == 1 ? 0 : c];
    for (size_t i = 0; i < 18; ++i)
      weights.push_back(row[(i + c) % row.size()]);
  }
  return weights;
}

TEST(InsertFakeQuant, OnInputWeightsAndFusedActivations) {
  const Graph graph = Quantized(SmallCnn());
  VerifyStructure(graph);
  EXPECT_EQ(NodesOf(graph),
            (std::vector<std::string>{
                "input/fake_quant", "conv/kernel/fake_quant", "conv",
                "conv/fake_quant", "pool", "flatten", "dense/kernel/fake_quant",
                "dense", "dense/fake_quant"}));
  EXPECT_TRUE(HasFakeQuant(graph));
  EXPECT_FALSE(HasFakeQuant(SmallCnn()));
  // The graph's output is the last one's.
  EXPECT_EQ(graph.outputs[0], NodeOf(graph, "dense/fake_quant").outputs[0]);
  EXPECT_EQ(
      NodeOf(graph, "input/fake_quant").Get<&FakeQuantAttrs::range_update>(),
      fake_quant::kAllValues);
  const Node& weight = NodeOf(graph, "conv/kernel/fake_quant");
  EXPECT_EQ(weight.Get<&FakeQuantAttrs::range_update>(),
            fake_quant::kLastValue);
  EXPECT_TRUE(weight.Get<&FakeQuantAttrs::narrow_range>());
  const Node& output = NodeOf(graph, "conv/fake_quant");
  EXPECT_EQ(output.Get<&FakeQuantAttrs::range_update>(),
            fake_quant::kMovingAverage);
  EXPECT_FLOAT_EQ(output.Get<&FakeQuantAttrs::rate>(), 0.001f);
  EXPECT_EQ(output.inputs.size(), 3u);  // not debiased
}

TEST(InsertFakeQuant, LayersThatAreNotChosenStayAsTheyAre) {
  const Graph some = InsertFakeQuant(
      SmallCnn(),
      [](const Node& node, const Tensor&) -> std::optional<QatOptions> {
        if (node.name != "dense") return std::nullopt;
        return QatOptions{};
      });
  EXPECT_EQ(NodesOf(some),
            (std::vector<std::string>{"input/fake_quant", "conv", "pool",
                                      "flatten", "dense/kernel/fake_quant",
                                      "dense", "dense/fake_quant"}));
  const Graph none = InsertFakeQuant(
      SmallCnn(), [](const Node&, const Tensor&) -> std::optional<QatOptions> {
        return std::nullopt;
      });
  EXPECT_EQ(Print(none), Print(SmallCnn()));
}

TEST(InsertFakeQuant, RangesOfConvolutionsPerChannelUnlessDisabled) {
  const Graph per_channel = Quantized(SmallCnn());
  EXPECT_EQ(ValuesOf(per_channel, "conv/kernel/fake_quant/min"), Floats(4, -6));
  EXPECT_EQ(ValuesOf(per_channel, "conv/kernel/fake_quant/max"), Floats(4, 6));
  EXPECT_EQ(ValuesOf(per_channel, "dense/kernel/fake_quant/min"), Floats{-6});
  const Graph per_tensor = Quantized(SmallCnn(), {.per_channel = false});
  EXPECT_EQ(ValuesOf(per_tensor, "conv/kernel/fake_quant/max"), Floats{6});
  // One scale in the graph that is converted, too.
  const Graph folded = FoldFakeQuant(per_tensor);
  for (const Tensor& tensor : folded.tensors) {
    if (tensor.name == "conv/kernel") {
      EXPECT_EQ(tensor.quant.scale.size(), 1u);
    }
  }
}

TEST(InsertFakeQuant, DebiasCountsTheBatchesOfEveryOutput) {
  const Graph graph = Quantized(SmallCnn(), {.decay = 0.9, .debias = true});
  VerifyStructure(graph);
  for (const std::string layer : {"conv", "dense"}) {
    const Node& node = NodeOf(graph, layer + "/fake_quant");
    ASSERT_EQ(node.inputs.size(), 4u);
    const Tensor& count = graph.tensor(node.inputs[3]);
    EXPECT_EQ(count.kind, TensorKind::kState);
    EXPECT_EQ(count.As<int32_t>()[0], 0);
    EXPECT_FLOAT_EQ(node.Get<&FakeQuantAttrs::rate>(), 0.1f);
  }
  EXPECT_EQ(NodeOf(graph, "conv/kernel/fake_quant").inputs.size(), 3u);
}

TEST(InsertFakeQuant, RefusalsNameTensorAndRule) {
  for (const double decay : {1.0, -0.5, 2.0}) {
    const std::string error =
        ErrorOf([&] { Quantized(SmallCnn(), {.decay = decay}); });
    EXPECT_NE(error.find("conv/fake_quant"), std::string::npos) << error;
    EXPECT_NE(error.find("(0, 1]"), std::string::npos) << error;
  }
}

TEST(PreserveSparsity, MaskOfTheZerosAndOfItsGradient) {
  const Graph graph =
      Quantized(WithConvolution(Clustered({{0.0f, 0.5f, -0.25f}})),
                {.preserve_sparsity = true});
  VerifyStructure(graph);
  const Node& node = NodeOf(graph, "conv/kernel/prune");
  EXPECT_EQ(node.Get<&PruneMaskAttrs::schedule>(), prune_mask::kFixedMask);
  EXPECT_TRUE(node.Get<&PruneMaskAttrs::mask_gradient>());
  const Floats mask = ValuesOf(graph, "conv/kernel/mask");
  const Floats weights = ValuesOf(graph, "conv/kernel");
  for (size_t i = 0; i < mask.size(); ++i)
    EXPECT_EQ(mask[i], weights[i] == 0 ? 0.0f : 1.0f);
  EXPECT_FALSE(Has(graph, "dense/kernel/mask"));  // no zeros there
}

// The original splits these into centroids of each channel (#1056).
TEST(PreserveClusters, OfTheTensorStayOfTheTensor) {
  const Graph graph =
      Quantized(WithConvolution(Clustered({{-0.5f, -0.25f, 0.0f, 0.25f}})),
                {.preserve_clusters = true});
  VerifyStructure(graph);
  EXPECT_EQ(ValuesOf(graph, "conv/kernel/centroids"),
            (Floats{-0.5f, -0.25f, 0.0f, 0.25f}));
  EXPECT_FALSE(Has(graph, "conv/kernel/cluster_mask"));  // not asked for
  // Weights that are all different are no clusters.
  EXPECT_FALSE(Has(graph, "dense/kernel/centroids"));
}

TEST(PreserveClusters, OfChannelsStayOfChannels) {
  const std::vector<Floats> rows = {
      {0.1f, 0.2f}, {0.3f, -0.4f}, {0.5f, 0.6f}, {-0.7f, 0.8f}};
  Floats want;
  for (Floats row : rows) {
    std::sort(row.begin(), row.end());
    want.insert(want.end(), row.begin(), row.end());
  }
  const Graph graph =
      Quantized(WithConvolution(Clustered(rows)), {.preserve_clusters = true});
  VerifyStructure(graph);
  EXPECT_EQ(ValuesOf(graph, "conv/kernel/centroids"), want);
}

TEST(PreserveClusters, AZeroThatChannelsShareDoesNotMakeThemOne) {
  const std::vector<Floats> rows = {
      {0.0f, 0.2f}, {0.0f, -0.4f}, {0.0f, 0.6f}, {0.0f, 0.8f}};
  const Graph graph =
      Quantized(WithConvolution(Clustered(rows)),
                {.preserve_sparsity = true, .preserve_clusters = true});
  EXPECT_EQ(ValuesOf(graph, "conv/kernel/centroids"),
            (Floats{0, 0.2f, -0.4f, 0, 0, 0.6f, 0, 0.8f}));
  EXPECT_TRUE(Has(graph, "conv/kernel/cluster_mask"));
}

// The original zeroes the smallest centroid of such a channel (#979).
TEST(PreserveClusters, AChannelWithoutZerosKeepsItsSmallestCentroid) {
  const std::vector<Floats> rows = {
      {0.0f, 0.2f}, {0.01f, -0.4f}, {0.0f, 0.6f}, {-0.02f, 0.8f}};
  const Floats weights = Clustered(rows);
  Graph graph =
      Quantized(WithConvolution(weights),
                {.preserve_sparsity = true, .preserve_clusters = true});
  EXPECT_EQ(ValuesOf(graph, "conv/kernel/centroids"),
            (Floats{0, 0.2f, -0.4f, 0.01f, 0, 0.6f, -0.02f, 0.8f}));
  // The update before a step.
  const Node node = NodeOf(graph, "conv/kernel/cluster");
  std::vector<void*> inputs;
  for (const TensorId id : node.inputs)
    inputs.push_back(graph.tensor(id).data.MutableData());
  node.op->training->update({graph, node, inputs.data(), 1});
  EXPECT_EQ(ValuesOf(StripTrainingOps(graph), "conv/kernel"), weights);
}

// PCQAT of a layer that was pruned but not clustered is PQAT.
TEST(PreserveClusters, ZerosCountWhereThereAreNoClusters) {
  Graph small = SmallCnn();
  Floats weights = ValuesOf(small, "dense/kernel");
  weights[5] = 0;
  SetValuesOf(&small, "dense/kernel", weights);
  const Graph graph =
      Quantized(small, {.preserve_sparsity = true, .preserve_clusters = true});
  VerifyStructure(graph);
  EXPECT_FALSE(Has(graph, "dense/kernel/centroids"));
  EXPECT_EQ(ValuesOf(graph, "dense/kernel/mask")[5], 0.0f);
}

}  // namespace
}  // namespace litesmith
