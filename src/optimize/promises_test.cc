// What recipes promise, and broken promises seen in a file's numbers.
#include "src/optimize/promises.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "src/base/error.h"
#include "src/graph/op_def.h"
#include "src/graph/weights.h"
#include "src/models/models.h"
#include "src/ops/small_graph_test.h"
#include "src/optimize/optimize.h"
#include "src/optimize/step_graph.h"
#include "src/transform/training_ops.h"

namespace litesmith {
namespace {

// What holds of mnist-cnn after a recipe and its parents, on MNIST.
Promises After(const std::string& name) {
  const RecipeTable table;
  const Graph graph = LoadModel("mnist-cnn", 1);
  Promises promises;
  for (const Recipe* recipe : table.Lineage(table.Find(name)))
    promises = RecipePromises(graph, *recipe, 60000, {}, promises);
  return promises;
}

int64_t ZerosOf(std::vector<Promise>* promises) {
  const auto* zeros = FindPromise<ZerosPromise>(promises);
  return zeros == nullptr ? 0 : zeros->at_least;
}

TEST(PromisesTest, RecipesPromiseWhatTheyPreserve) {
  struct Row {
    const char* recipe;
    bool zeros, clusters;
  };
  for (const Row& row : {Row{"none", false, false},
                         {"prune", true, false},
                         {"quant", false, false},
                         {"cluster", false, true},
                         {"cluster_qat", false, false},
                         {"cluster_cqat", false, true},
                         {"prune_qat", false, false},
                         {"prune_pqat", true, false},
                         {"prune_cluster", true, true},
                         {"prune_cluster_qat", false, false},
                         {"prune_cluster_pcqat", true, true}}) {
    Promises promises = After(row.recipe);
    ASSERT_EQ(promises.size(), 2u) << row.recipe;
    EXPECT_EQ(ZerosOf(&promises["conv2d/kernel"]), row.zeros ? 108 - 22 : 0)
        << row.recipe << ": 108 weights at 0.8 keep 22";
    EXPECT_EQ(ZerosOf(&promises["dense/kernel"]), row.zeros ? 20280 - 4056 : 0);
    for (const char* name : {"conv2d/kernel", "dense/kernel"}) {
      const auto* clusters = FindPromise<ClustersPromise>(&promises[name]);
      EXPECT_EQ(clusters == nullptr ? 0 : clusters->at_most,
                row.clusters ? 8 : 0);
    }
  }
}

// A dense layer's int8 weights as they stand in an exported file.
Graph Exported(std::vector<int8_t> values, const Shape& shape, bool per_axis) {
  Graph graph = LoadModel("mnist-cnn", 1);
  for (Tensor& tensor : graph.tensors) {
    if (tensor.name != "dense/kernel") continue;
    tensor.shape = shape;
    tensor.dtype = DType::kInt8;
    tensor.kind = TensorKind::kConstant;
    tensor.data = TensorData(std::as_bytes(std::span(values)));
    const size_t scales = per_axis ? static_cast<size_t>(shape[0]) : 1;
    tensor.quant.scale.assign(scales, 0.5f);
    tensor.quant.zero_point.assign(scales, 0);
  }
  return graph;
}

// The invariant of that name on the dense layer.
Invariant Of(const std::vector<Invariant>& all, const std::string& name) {
  for (const Invariant& each : all) {
    if (each.name == name && each.tensor == "dense/kernel") return each;
  }
  ADD_FAILURE() << "no invariant " << name;
  return {};
}

TEST(PromisesTest, MissingZeroIsSeen) {
  const Promises promises = {{"dense/kernel", {ZerosPromise{4}}}};
  const Graph kept = Exported({0, 0, 0, 0, 5, -7}, {2, 3}, true);
  EXPECT_TRUE(Of(CheckPromises(kept, promises), "zeros").ok);
  const Graph broken = Exported({0, 0, 0, 1, 5, -7}, {2, 3}, true);
  const Invariant zeros = Of(CheckPromises(broken, promises), "zeros");
  EXPECT_FALSE(zeros.ok);
  EXPECT_EQ(zeros.value, 3);
  EXPECT_EQ(zeros.limit, 4);
}

TEST(PromisesTest, GroupWithoutItsZerosIsSeen) {
  const Promises promises = {{"dense/kernel", {GroupsPromise{2, 4}}}};
  // A last group of two keeps both.
  const Graph kept =
      Exported({0, 0, 5, 6, 7, 8, 1, 0, 2, 0, 9, 9}, {2, 6}, true);
  EXPECT_TRUE(Of(CheckPromises(kept, promises), "groups").ok);
  const Graph broken =
      Exported({0, 0, 5, 6, 7, 8, 1, 3, 2, 0, 9, 9}, {2, 6}, true);
  const Invariant groups = Of(CheckPromises(broken, promises), "groups");
  EXPECT_FALSE(groups.ok);
  EXPECT_EQ(groups.value, 1);
}

TEST(PromisesTest, PatternsAndBlocksPromiseTheirZeros) {
  const Graph graph = LoadModel("mnist-cnn", 1);
  const auto zeros = [&](const PruneOptions& prune) {
    RecipeStep step;
    step.technique = &kPruneTechnique;
    step.settings.options = prune;
    // Blocks are for dense layers.
    step.layers = {{"conv*", {[](LayerSettings* s) {
                      s->As<PruneOptions>().block.height = 1;
                    }}}};
    Promises promises = PromisesAfter(graph, step, 2110, {});
    return ZerosOf(&promises["dense/kernel"]);
  };
  EXPECT_EQ(zeros({.pattern = {2, 4}}), 20280 / 2);
  // 507 x 10 blocks of [4, 1] at 0.8: 1,014 are kept.
  EXPECT_EQ(zeros({.frequency = 0, .block = {.height = 4}}), 20280 - 1014 * 4);
}

TEST(PromisesTest, ClusterTooManyIsSeen) {
  const Promises promises = {{"dense/kernel", {ClustersPromise{2}}}};
  // Two values a channel, four in the tensor: the slice is what has one scale.
  const std::vector<int8_t> values = {1, 1, 2, 8, 9, 9};
  EXPECT_TRUE(
      Of(CheckPromises(Exported(values, {2, 3}, true), promises), "clusters")
          .ok);
  const Invariant tensor =
      Of(CheckPromises(Exported(values, {2, 3}, false), promises), "clusters");
  EXPECT_FALSE(tensor.ok);
  EXPECT_EQ(tensor.value, 4);
  const Graph broken = Exported({1, 3, 2, 8, 9, 9}, {2, 3}, true);
  EXPECT_FALSE(Of(CheckPromises(broken, promises), "clusters").ok);
}

TEST(PromisesTest, WeightOutsideTheNarrowRangeIsSeen) {
  const Graph kept = Exported({-127, 127, 0, 1, 2, 3}, {2, 3}, true);
  EXPECT_TRUE(Of(CheckPromises(kept, {}), "narrow_range").ok);
  const Graph broken = Exported({-128, 127, 0, 1, 2, 3}, {2, 3}, true);
  EXPECT_FALSE(Of(CheckPromises(broken, {}), "narrow_range").ok);
  Graph shifted = kept;
  for (Tensor& tensor : shifted.tensors) {
    if (tensor.name == "dense/kernel") tensor.quant.zero_point[1] = 3;
  }
  EXPECT_FALSE(Of(CheckPromises(shifted, {}), "narrow_range").ok)
      << "zero is not exactly representable";
}

TEST(PromisesTest, FloatClustersAreCountedAsTheyWereTrained) {
  Graph graph = LoadModel("mnist-cnn", 1);
  for (Tensor& tensor : graph.tensors) {
    if (tensor.name != "conv2d/kernel") continue;
    const auto w = tensor.MutableAs<float>();
    for (size_t i = 0; i < w.size(); ++i)
      w[i] = static_cast<float>(i / 9) + (i % 2 == 0 ? 0.0f : -0.0f);
  }
  const auto count = [&](bool per_channel) {
    for (const Invariant& i : CheckPromises(
             graph, {{"conv2d/kernel", {ClustersPromise{1, per_channel}}}}))
      if (i.name == "clusters") return i.value;
    return -1.0;
  };
  EXPECT_EQ(count(true), 1);
  EXPECT_EQ(count(false), 12);
}

TEST(PromisesTest, PromisedWeightsThatAreGoneAreAnError) {
  EXPECT_THROW(CheckPromises(LoadModel("mnist-cnn", 1),
                             {{"nowhere/kernel", {ZerosPromise{1}}}}),
               Error);
}

// Channels of a depthwise kernel are its last dimension.
TEST(PromisesTest, SlicesAreTakenAlongTheOpsChannelAxis) {
  Graph graph = LoadModel("mnist-cnn", 1);
  Node& conv = graph.node(Weights(graph)[0].node);
  OpDef op = *conv.op;
  const Operand operands[] = {
      {.name = "input"},
      {.name = "filter", .role = Role::kWeight, .channel_axis = 3},
      {.name = "bias", .role = Role::kBias}};
  op.operands = operands;
  conv.op = &op;
  Tensor& weight = *FindTensor(&graph, "conv2d/kernel");
  weight.shape = {1, 3, 3, 12};
  const auto w = weight.MutableAs<float>();
  for (size_t i = 0; i < w.size(); ++i) w[i] = static_cast<float>(i % 12);
  const auto count = [&](bool per_channel) {
    for (const Invariant& i : CheckPromises(
             graph, {{"conv2d/kernel", {ClustersPromise{1, per_channel}}}}))
      if (i.name == "clusters") return i.value;
    return -1.0;
  };
  EXPECT_EQ(count(true), 1);
  EXPECT_EQ(count(false), 12);
}

}  // namespace
}  // namespace litesmith
