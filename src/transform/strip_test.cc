// Training ops taken off again: into a plain float graph, or into weights on
// the grid and tensors that carry their scales.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "src/ops/small_graph_test.h"
#include "src/transform/choice_test.h"
#include "src/transform/training_ops.h"

namespace litesmith {
namespace {

using Floats = std::vector<float>;

template <typename Options>
LayerChoice<Options> OnEveryLayer(const Options& options) {
  return [options](const Node&, const Tensor&) { return options; };
}

// Runs every node's update of a step on the graph's own data.
void Update(Graph* graph, int64_t step) {
  for (const Node& node : graph->nodes) {
    if (node.op->training == nullptr || node.op->training->update == nullptr)
      continue;
    std::vector<void*> inputs;
    for (const TensorId id : node.inputs) {
      Tensor& tensor = graph->tensor(id);
      inputs.push_back(tensor.has_data() ? tensor.data.MutableData() : nullptr);
    }
    node.op->training->update({*graph, node, inputs.data(), step});
  }
}

const Tensor& TensorOf(const Graph& graph, const std::string& name) {
  for (const Tensor& tensor : graph.tensors) {
    if (tensor.name == name) return tensor;
  }
  Fail(ErrorKind::kNotFound, "no tensor '{}'", name);
}

TEST(StripTrainingOps, FreshOpsLeaveTheGraphAsItWas) {
  Graph graph = InsertPruning(
      SmallCnn(),
      OnEveryLayer(PruneOptions{.schedule = prune_mask::kConstant}));
  graph = InsertFakeQuant(graph, OnEveryLayer(QatOptions{}));
  const Graph stripped = StripTrainingOps(graph);
  VerifyStructure(stripped);
  EXPECT_EQ(Print(stripped), Print(SmallCnn()));
  EXPECT_EQ(ValuesOf(stripped, "conv/kernel"),
            ValuesOf(SmallCnn(), "conv/kernel"));
}

TEST(StripTrainingOps, PrunedWeightsAreZeroWhateverTheOptimizerDid) {
  PruneOptions options;
  options.schedule = prune_mask::kConstant;
  options.final_sparsity = 0.75f;
  options.begin_step = 1;
  Graph graph = InsertPruning(SmallCnn(), OnEveryLayer(options));
  Update(&graph, 1);
  // An optimizer step moves every weight, also the pruned ones.
  Floats weights = ValuesOf(graph, "dense/kernel");
  for (float& w : weights) w -= 1e-3f;
  SetValuesOf(&graph, "dense/kernel", weights);
  const Floats stripped = ValuesOf(StripTrainingOps(graph), "dense/kernel");
  EXPECT_EQ(std::count(stripped.begin(), stripped.end(), 0.0f), 36);
  EXPECT_TRUE(std::none_of(stripped.begin(), stripped.end(),
                           [](float w) { return w == 0 && std::signbit(w); }));
}

TEST(StripTrainingOps, ClusteredWeightsAreTheirNearestCentroids) {
  ClusterOptions options;
  options.clusters = 5;
  options.per_channel = CentroidsPerChannel::kAll;
  const Graph graph = InsertClustering(SmallCnn(), OnEveryLayer(options));
  const Graph stripped = StripTrainingOps(graph);
  VerifyStructure(stripped);
  EXPECT_EQ(Print(stripped), Print(SmallCnn()));
  const Floats weights = ValuesOf(stripped, "conv/kernel");
  const Floats centroids = ValuesOf(graph, "conv/kernel/centroids");
  for (size_t c = 0; c < 4; ++c) {
    const std::set<float> distinct(weights.begin() + 18 * c,
                                   weights.begin() + 18 * (c + 1));
    const std::set<float> own(centroids.begin() + 5 * c,
                              centroids.begin() + 5 * (c + 1));
    EXPECT_LE(distinct.size(), 5u);
    EXPECT_TRUE(std::includes(own.begin(), own.end(), distinct.begin(),
                              distinct.end()));
  }
}

// Pruned and clustered by two ops on one edge.
TEST(StripTrainingOps, FoldsAnEdgeFromTheWeightsOn) {
  PruneOptions prune;
  prune.schedule = prune_mask::kConstant;
  prune.final_sparsity = 0.5f;
  prune.begin_step = 1;
  Graph graph = InsertPruning(SmallCnn(), OnEveryLayer(prune));
  Update(&graph, 1);
  ClusterOptions cluster;
  cluster.clusters = 4;
  cluster.preserve_sparsity = true;
  graph = InsertClustering(graph, OnEveryLayer(cluster));
  const Floats weights = ValuesOf(StripTrainingOps(graph), "dense/kernel");
  EXPECT_GE(std::count(weights.begin(), weights.end(), 0.0f), 24);
  EXPECT_LE(std::set<float>(weights.begin(), weights.end()).size(), 4u);
}

TEST(FoldFakeQuant, WeightsLieOnTheGridOfTheScaleThatTheyCarry) {
  for (const bool per_channel : {true, false}) {
    Graph graph = InsertFakeQuant(
        SmallCnn(), OnEveryLayer(QatOptions{.per_channel = per_channel}));
    Update(&graph, 1);
    const Graph folded = FoldFakeQuant(graph);
    VerifyStructure(folded);
    EXPECT_FALSE(HasFakeQuant(folded));
    const Tensor& weight = TensorOf(folded, "conv/kernel");
    const auto values = weight.As<float>();
    const size_t scales = weight.quant.scale.size();
    ASSERT_EQ(scales, per_channel ? 4u : 1u);
    for (size_t i = 0; i < values.size(); ++i) {
      const float scale = weight.quant.scale[i * scales / values.size()];
      const float steps = values[i] / scale;
      EXPECT_NEAR(steps, std::round(steps), 1e-4);
      EXPECT_LE(std::abs(steps), 127.001f);
    }
    EXPECT_EQ(weight.quant.zero_point, std::vector<int64_t>(scales, 0));
    // The largest weight of a slice is at the end of its grid.
    EXPECT_FLOAT_EQ(
        weight.quant.scale[0] * 127,
        std::abs(*std::max_element(
            values.begin(), values.begin() + 72 / scales,
            [](float a, float b) { return std::abs(a) < std::abs(b); })));
  }
}

TEST(FoldFakeQuant, ActivationsCarryScaleAndZeroPoint) {
  Graph graph = InsertFakeQuant(SmallCnn(), OnEveryLayer(QatOptions{}));
  SetValuesOf(&graph, "conv/fake_quant/min", Floats{-1.0f});
  SetValuesOf(&graph, "conv/fake_quant/max", Floats{3.0f});
  const Graph folded = FoldFakeQuant(graph);
  const Quantization& quant = TensorOf(folded, "conv").quant;
  ASSERT_EQ(quant.scale.size(), 1u);
  EXPECT_FLOAT_EQ(quant.scale[0], 4.0f / 255);
  EXPECT_EQ(quant.zero_point[0], 64 - 128);  // round(63.75)
  // Never trained: the input's range is 0 to 0, which still has a scale.
  EXPECT_GT(TensorOf(folded, "input").quant.scale[0], 0.0f);
}

TEST(FoldFakeQuant, AChannelOfZerosKeepsAUsableScale) {
  Graph graph = SmallCnn();
  Floats weights = ValuesOf(graph, "conv/kernel");
  std::fill_n(weights.begin(), 18, 0.0f);
  SetValuesOf(&graph, "conv/kernel", weights);
  graph = InsertFakeQuant(graph, OnEveryLayer(QatOptions{}));
  Update(&graph, 1);
  const Tensor weight = TensorOf(FoldFakeQuant(graph), "conv/kernel");
  EXPECT_GT(weight.quant.scale[0], 0.0f);
  EXPECT_EQ(weight.quant.zero_point[0], 0);
  for (int i = 0; i < 18; ++i) EXPECT_EQ(weight.As<float>()[i], 0.0f);
}

}  // namespace
}  // namespace litesmith
