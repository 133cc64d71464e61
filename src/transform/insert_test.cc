// Pruning and clustering put onto a graph: where, what, and for which options
// not.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "src/ops/small_graph_test.h"
#include "src/transform/choice_test.h"
#include "src/transform/training_ops.h"

namespace litesmith {
namespace {

// Names of the nodes in order.
std::vector<std::string> NamesOfNodes(const Graph& graph) {
  std::vector<std::string> names;
  for (const Node& node : graph.nodes) names.push_back(node.name);
  return names;
}

template <typename Options>
LayerChoice<Options> Everywhere(const Options& options) {
  return [options](const Node&, const Tensor&) { return options; };
}

template <typename Options>
LayerChoice<Options> OnlyAt(const std::string& layer, const Options& options) {
  return [layer, options](const Node& node,
                          const Tensor&) -> std::optional<Options> {
    if (node.name != layer) return std::nullopt;
    return options;
  };
}

PruneOptions Constant(float sparsity) {
  PruneOptions options;
  options.schedule = prune_mask::kConstant;
  options.final_sparsity = sparsity;
  return options;
}

// What prevents these options at this layer.
std::string PruneError(const std::string& layer, const PruneOptions& options) {
  return ErrorOf([&] { InsertPruning(SmallCnn(), OnlyAt(layer, options)); });
}

std::string ClusterError(const std::string& layer,
                         const ClusterOptions& options) {
  return ErrorOf([&] { InsertClustering(SmallCnn(), OnlyAt(layer, options)); });
}

void ExpectHas(const std::string& text, std::vector<std::string> parts) {
  for (const std::string& part : parts)
    EXPECT_NE(text.find(part), std::string::npos) << part << " in: " << text;
}

TEST(InsertPruning, StandsBetweenWeightsAndLayer) {
  const Graph graph = InsertPruning(SmallCnn(), Everywhere(Constant(0.5f)));
  VerifyStructure(graph);
  EXPECT_EQ(
      NamesOfNodes(graph),
      (std::vector<std::string>{"conv/kernel/prune", "conv", "pool", "flatten",
                                "dense/kernel/prune", "dense"}));
  EXPECT_EQ(graph.node(1).inputs[1], graph.node(0).outputs[0]);
  EXPECT_EQ(ValuesOf(graph, "conv/kernel/mask"), std::vector<float>(72, 1.0f));
}

TEST(InsertPruning, LeavesTheOtherLayersAndTheGivenGraphAlone) {
  const Graph before = SmallCnn();
  const Graph graph = InsertPruning(before, OnlyAt("dense", Constant(0.5f)));
  EXPECT_EQ(NamesOfNodes(graph),
            (std::vector<std::string>{"conv", "pool", "flatten",
                                      "dense/kernel/prune", "dense"}));
  EXPECT_EQ(Print(before), Print(SmallCnn()));
}

TEST(InsertPruning, RefusalsNameTensorAndRule) {
  ExpectHas(PruneError("conv", Constant(1.0f)),
            {"invalid argument", "conv/kernel", "[0, 1)"});
  ExpectHas(PruneError("dense", Constant(-0.1f)),
            {"invalid argument", "dense/kernel", "[0, 1)"});
  PruneOptions options;  // a polynomial without an end
  ExpectHas(PruneError("conv", options),
            {"invalid argument", "conv/kernel", "polynomial decay"});
  options = Constant(0.5f);
  options.frequency = 0;
  ExpectHas(PruneError("conv", options),
            {"invalid argument", "conv/kernel", "frequency of 0"});
  options = Constant(0.5f);
  options.block.width = 4;
  ExpectHas(PruneError("conv", options),
            {"unsupported", "conv/kernel", "[out, in]"});
  EXPECT_EQ(PruneError("dense", options), "");
  options = Constant(0.5f);
  options.pattern = {4, 4};
  ExpectHas(PruneError("dense", options),
            {"invalid argument", "dense/kernel", "4 zeros in every 4"});
  options.pattern = {0, 4};
  ExpectHas(PruneError("dense", options),
            {"invalid argument", "dense/kernel", "0 zeros in every 4"});
  options = Constant(0.5f);
  options.schedule = 9;
  ExpectHas(PruneError("dense", options),
            {"invalid argument", "dense/kernel", "schedule 9"});
}

TEST(InsertClustering, CentroidsOfTheTensorOrOfEachChannel) {
  ClusterOptions options;
  options.clusters = 4;
  options.per_channel = CentroidsPerChannel::kAll;
  const Graph graph = InsertClustering(SmallCnn(), OnlyAt("conv", options));
  VerifyStructure(graph);
  EXPECT_EQ(NamesOfNodes(graph)[0], "conv/kernel/cluster");
  EXPECT_EQ(ValuesOf(graph, "conv/kernel/centroids").size(), 16u);
  options.per_channel = CentroidsPerChannel::kNone;
  const Graph whole = InsertClustering(SmallCnn(), Everywhere(options));
  EXPECT_EQ(ValuesOf(whole, "conv/kernel/centroids").size(), 4u);
  EXPECT_EQ(ValuesOf(whole, "dense/kernel/centroids").size(), 4u);
}

TEST(InsertClustering, SameSeedSameCentroids) {
  ClusterOptions options;
  const auto centroids = [&](uint64_t seed) {
    options.seed = seed;
    return ValuesOf(InsertClustering(SmallCnn(), Everywhere(options)),
                    "dense/kernel/centroids");
  };
  EXPECT_EQ(centroids(9), centroids(9));
  EXPECT_NE(centroids(9), centroids(10));
}

TEST(InsertClustering, AsManyWeightsAsClustersAreNotClustered) {
  ClusterOptions options;
  options.clusters = 48;  // dense has 48 weights, conv 72
  const Graph graph = InsertClustering(SmallCnn(), Everywhere(options));
  EXPECT_EQ(NamesOfNodes(graph)[0], "conv/kernel/cluster");
  EXPECT_EQ(graph.nodes.size(), SmallCnn().nodes.size() + 1);
}

// As the original's, the mask is of the clustered weights: a weight that zero
// is nearest to counts as removed.
TEST(InsertClustering, MaskOfPreservedSparsity) {
  Graph graph = SmallCnn();
  std::vector<float> weights(48, 0.0f);
  for (size_t i = 0; i < 24; ++i) weights[i] = i % 2 == 0 ? 0.5f : -0.5f;
  weights[0] = 1e-4f;
  SetValuesOf(&graph, "dense/kernel", weights);
  ClusterOptions options;
  options.clusters = 3;
  options.preserve_sparsity = true;
  options.seed = 10;  // does not draw the small weight
  const Graph clustered = InsertClustering(graph, OnlyAt("dense", options));
  ASSERT_EQ(ValuesOf(clustered, "dense/kernel/centroids"),
            (std::vector<float>{-0.5f, 0.0f, 0.5f}));
  std::vector<float> mask(48, 0.0f);
  std::fill(mask.begin() + 1, mask.begin() + 24, 1.0f);
  EXPECT_EQ(ValuesOf(clustered, "dense/kernel/cluster_mask"), mask);
}

TEST(InsertClustering, RefusalsNameTensorAndRule) {
  ClusterOptions options;
  options.clusters = 1;
  ExpectHas(ClusterError("conv", options),
            {"invalid argument", "conv/kernel", "2 to 65536"});
  options.clusters = 2;
  EXPECT_EQ(ClusterError("conv", options), "");
  options.preserve_sparsity = true;
  ExpectHas(ClusterError("conv", options),
            {"invalid argument", "conv/kernel", "3 to 65536", "sparsity"});
  options.clusters = 65537;
  ExpectHas(ClusterError("dense", options),
            {"invalid argument", "dense/kernel", "65537 clusters"});
}

// Several passes, one edge: each goes behind what is there.
// As TFMOT has it: the ranges of layers are of what they give, in front of a
// dropout.
TEST(Insert, DropoutsStayBehindTheFakeQuantsOfTheirLayers) {
  Graph graph = SmallCnn();
  AddDropoutBehind("conv", 0.5f, &graph);
  AddDropoutBehind("dense", 0.5f, &graph);
  const Graph aware = InsertFakeQuant(graph, Everywhere(QatOptions()));
  VerifyStructure(aware);
  EXPECT_EQ(
      NamesOfNodes(aware),
      (std::vector<std::string>{"input/fake_quant", "conv/kernel/fake_quant",
                                "conv", "conv/fake_quant", "conv_dropout",
                                "pool", "flatten", "dense/kernel/fake_quant",
                                "dense", "dense/fake_quant", "dense_dropout"}));
  EXPECT_EQ(Print(StripTrainingOps(aware)), Print(graph));
  const Graph folded = FoldFakeQuant(aware);
  EXPECT_EQ(NamesOfNodes(folded),
            (std::vector<std::string>{"conv", "pool", "flatten", "dense"}));
  EXPECT_FALSE(folded.tensor(folded.outputs[0]).quant.empty());
  EXPECT_TRUE(HasTrainingOps(aware));
  EXPECT_FALSE(HasTrainingOps(graph));
}

TEST(Insert, FrozenWeightsAreQuantizedButNeitherPrunedNorClustered) {
  Graph graph = SmallCnn();
  Freeze("conv", &graph);
  SetValuesOf(&graph, "conv/kernel", std::vector<float>(72, 0.0f));
  EXPECT_EQ(NamesOfNodes(InsertPruning(graph, Everywhere(Constant(0.5f)))),
            (std::vector<std::string>{"conv", "pool", "flatten",
                                      "dense/kernel/prune", "dense"}));
  ClusterOptions cluster;
  cluster.clusters = 4;
  EXPECT_EQ(NamesOfNodes(InsertClustering(graph, Everywhere(cluster))),
            (std::vector<std::string>{"conv", "pool", "flatten",
                                      "dense/kernel/cluster", "dense"}));
  const QatOptions qat{.preserve_sparsity = true, .preserve_clusters = true};
  const Graph aware = InsertFakeQuant(graph, Everywhere(qat));
  EXPECT_EQ(NamesOfNodes(aware),
            (std::vector<std::string>{
                "input/fake_quant", "conv/kernel/fake_quant", "conv",
                "conv/fake_quant", "pool", "flatten", "dense/kernel/fake_quant",
                "dense", "dense/fake_quant"}));
}

// Two layers on one weight: one mask, one set of centroids, one range.
TEST(Insert, WeightsThatTwoLayersShareAreTreatedOnce) {
  Graph graph = SmallCnn();
  const Node dense = graph.nodes.back();
  graph.AddNode(kFullyConnected, "twin", dense.inputs, {"twin"});
  graph.outputs.push_back(graph.nodes.back().outputs[0]);
  InferShapes(&graph);
  Graph all = InsertPruning(graph, OnlyAt("dense", Constant(0.5f)));
  all = InsertClustering(all, OnlyAt("dense", ClusterOptions{}));
  all = InsertFakeQuant(all, Everywhere(QatOptions{}), QatOptions{});
  VerifyStructure(all);
  EXPECT_EQ(NamesOfNodes(all),
            (std::vector<std::string>{
                "input/fake_quant", "conv/kernel/fake_quant", "conv",
                "conv/fake_quant", "pool", "flatten", "dense/kernel/prune",
                "dense/kernel/cluster", "dense/kernel/fake_quant", "dense",
                "dense/fake_quant", "twin", "twin/fake_quant"}));
  EXPECT_EQ(all.node(11).inputs[1], all.node(8).outputs[0]);
  EXPECT_EQ(Print(StripTrainingOps(all)), Print(graph));
}

// As a depthwise convolution's weights lie: [1, height, width, channels].
TEST(Insert, ChannelsAreWhereTheOpSaysTheyAre) {
  OpDef op = *SmallCnn().nodes[0].op;
  const Operand operands[] = {
      {.name = "input"},
      {.name = "filter", .role = Role::kWeight, .channel_axis = 3},
      {.name = "bias", .role = Role::kBias}};
  op.operands = operands;
  op.infer = [](Graph*, const Node&) {};
  Graph graph = SmallCnn();
  graph.nodes[0].op = &op;
  FindTensor(&graph, "conv/kernel")->shape = {1, 3, 3, 8};
  std::vector<float> weights;
  for (int i = 0; i < 72; ++i)
    weights.push_back(static_cast<float>(i % 8 + 1) * (i % 3 == 0 ? 0.5f : 1));
  SetValuesOf(&graph, "conv/kernel", weights);
  ClusterOptions cluster{.clusters = 2,
                         .per_channel = CentroidsPerChannel::kConvolutions};
  const Graph clustered = InsertClustering(graph, OnlyAt("conv", cluster));
  Graph copy = clustered;
  EXPECT_EQ(FindTensor(&copy, "conv/kernel/centroids")->shape,
            (Shape{1, 1, 1, 8, 2}));
  // Every channel has two values, which are its centroids.
  EXPECT_EQ(ValuesOf(StripTrainingOps(clustered), "conv/kernel"), weights);
  Graph aware = InsertFakeQuant(
      graph, OnlyAt("conv", QatOptions{.preserve_clusters = true}));
  EXPECT_EQ(FindTensor(&aware, "conv/kernel/fake_quant/max")->shape,
            (Shape{1, 1, 1, 8}));
  EXPECT_EQ(FindTensor(&aware, "conv/kernel/centroids")->shape,
            (Shape{1, 1, 1, 8, 2}));
  const Graph folded = FoldFakeQuant(aware);
  copy = folded;
  EXPECT_EQ(FindTensor(&copy, "conv/kernel")->quant.axis, 3);
  EXPECT_EQ(FindTensor(&copy, "conv/kernel")->quant.scale.size(), 8u);
}

// ADD and the like have no weights; their integers have a range all the same.
TEST(Insert, OpsWithARangeOfTheirOwnGetAFakeQuantWithoutWeights) {
  OpDef op = *SmallCnn().nodes[1].op;  // pooling, which has its input's range
  op.quant.output = QuantRule::kOwn;
  Graph graph = SmallCnn();
  graph.nodes[1].op = &op;
  const Graph aware =
      InsertFakeQuant(graph, Everywhere(QatOptions{}), QatOptions{});
  EXPECT_EQ(NamesOfNodes(aware),
            (std::vector<std::string>{
                "input/fake_quant", "conv/kernel/fake_quant", "conv",
                "conv/fake_quant", "pool", "pool/fake_quant", "flatten",
                "dense/kernel/fake_quant", "dense", "dense/fake_quant"}));
}

TEST(Insert, TrainingOpsStackInTheOrderTheyAreInserted) {
  Graph graph = InsertPruning(SmallCnn(), OnlyAt("dense", Constant(0.5f)));
  graph = InsertClustering(graph, OnlyAt("dense", ClusterOptions{}));
  VerifyStructure(graph);
  EXPECT_EQ(
      NamesOfNodes(graph),
      (std::vector<std::string>{"conv", "pool", "flatten", "dense/kernel/prune",
                                "dense/kernel/cluster", "dense"}));
  EXPECT_EQ(graph.node(4).inputs[0], graph.node(3).outputs[0]);
}

// A grid's step makes zero of a small variance, and infinity of that.
TEST(HasOwnRange, NotWhatIsInverted) {
  Graph graph;
  const TensorId x = AddImageInput({kDynamic, 4}, &graph);
  const TensorId y = graph.AddNode(kAbs, "size", {x}, {"size"}).outputs[0];
  const TensorId z = graph.AddNode(kAbs, "again", {y}, {"again"}).outputs[0];
  graph.AddNode(kRsqrt, "inverse", {z}, {"inverse"});
  EXPECT_TRUE(HasOwnRange(graph, graph.nodes[0]));
  EXPECT_FALSE(HasOwnRange(graph, graph.nodes[1]));
  EXPECT_TRUE(HasOwnRange(graph, graph.nodes[2]));
  graph.AddNode(kDiv, "ratio", {x, y}, {"ratio"});
  EXPECT_FALSE(HasOwnRange(graph, graph.nodes[0]));
}

}  // namespace
}  // namespace litesmith
