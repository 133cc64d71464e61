#include "src/optimize/invariants.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "src/base/error.h"
#include "src/models/models.h"
#include "src/ops/train/train.h"
#include "src/optimize/optimize.h"

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

TEST(InvariantsTest, RecipesPromiseWhatTheyPreserve) {
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
    EXPECT_EQ(promises["conv2d/kernel"].zeros, row.zeros ? 108 - 22 : 0)
        << row.recipe << ": 108 weights at 0.8 keep 22";
    EXPECT_EQ(promises["dense/kernel"].zeros, row.zeros ? 20280 - 4056 : 0);
    EXPECT_EQ(promises["conv2d/kernel"].clusters, row.clusters ? 8 : 0);
    EXPECT_EQ(promises["dense/kernel"].clusters, row.clusters ? 8 : 0);
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

TEST(InvariantsTest, MissingZeroIsSeen) {
  const Promises promises = {{"dense/kernel", {.zeros = 4}}};
  const Graph kept = Exported({0, 0, 0, 0, 5, -7}, {2, 3}, true);
  EXPECT_TRUE(Of(CheckInvariants(kept, promises), "zeros").ok);
  const Graph broken = Exported({0, 0, 0, 1, 5, -7}, {2, 3}, true);
  const Invariant zeros = Of(CheckInvariants(broken, promises), "zeros");
  EXPECT_FALSE(zeros.ok);
  EXPECT_EQ(zeros.value, 3);
  EXPECT_EQ(zeros.limit, 4);
}

TEST(InvariantsTest, GroupWithoutItsZerosIsSeen) {
  const Promises promises = {
      {"dense/kernel", {.group_zeros = 2, .group_size = 4}}};
  // A last group of two keeps both.
  const Graph kept =
      Exported({0, 0, 5, 6, 7, 8, 1, 0, 2, 0, 9, 9}, {2, 6}, true);
  EXPECT_TRUE(Of(CheckInvariants(kept, promises), "groups").ok);
  const Graph broken =
      Exported({0, 0, 5, 6, 7, 8, 1, 3, 2, 0, 9, 9}, {2, 6}, true);
  const Invariant groups = Of(CheckInvariants(broken, promises), "groups");
  EXPECT_FALSE(groups.ok);
  EXPECT_EQ(groups.value, 1);
}

TEST(InvariantsTest, PatternsAndBlocksPromiseTheirZeros) {
  const Graph graph = LoadModel("mnist-cnn", 1);
  const auto zeros = [&](const PruneOptions& prune) {
    RecipeStep step;
    step.kind = StepKind::kPrune;
    step.settings.prune = prune;
    // Blocks are for dense layers.
    step.layers = {
        {"conv*", {[](LayerSettings* s) { s->prune.block_height = 1; }}}};
    return PromisesAfter(graph, step, 2110, {})["dense/kernel"].zeros;
  };
  EXPECT_EQ(zeros({.schedule = prune_mask::kZerosInGroups}), 20280 / 2);
  // 507 x 10 blocks of [4, 1] at 0.8: 1,014 are kept.
  EXPECT_EQ(zeros({.frequency = 0, .block_height = 4}), 20280 - 1014 * 4);
}

TEST(InvariantsTest, ClusterTooManyIsSeen) {
  const Promises promises = {{"dense/kernel", {.clusters = 2}}};
  // Two values a channel, four in the tensor: the slice is what has one scale.
  const std::vector<int8_t> values = {1, 1, 2, 8, 9, 9};
  EXPECT_TRUE(
      Of(CheckInvariants(Exported(values, {2, 3}, true), promises), "clusters")
          .ok);
  const Invariant tensor = Of(
      CheckInvariants(Exported(values, {2, 3}, false), promises), "clusters");
  EXPECT_FALSE(tensor.ok);
  EXPECT_EQ(tensor.value, 4);
  const Graph broken = Exported({1, 3, 2, 8, 9, 9}, {2, 3}, true);
  EXPECT_FALSE(Of(CheckInvariants(broken, promises), "clusters").ok);
}

TEST(InvariantsTest, WeightOutsideTheNarrowRangeIsSeen) {
  const Graph kept = Exported({-127, 127, 0, 1, 2, 3}, {2, 3}, true);
  EXPECT_TRUE(Of(CheckInvariants(kept, {}), "narrow_range").ok);
  const Graph broken = Exported({-128, 127, 0, 1, 2, 3}, {2, 3}, true);
  EXPECT_FALSE(Of(CheckInvariants(broken, {}), "narrow_range").ok);
  Graph shifted = kept;
  for (Tensor& tensor : shifted.tensors) {
    if (tensor.name == "dense/kernel") tensor.quant.zero_point[1] = 3;
  }
  EXPECT_FALSE(Of(CheckInvariants(shifted, {}), "narrow_range").ok)
      << "zero is not exactly representable";
}

TEST(InvariantsTest, FloatClustersAreCountedAsTheyWereTrained) {
  Graph graph = LoadModel("mnist-cnn", 1);
  for (Tensor& tensor : graph.tensors) {
    if (tensor.name != "conv2d/kernel") continue;
    const auto w = tensor.MutableAs<float>();
    for (size_t i = 0; i < w.size(); ++i)
      w[i] = static_cast<float>(i / 9) + (i % 2 == 0 ? 0.0f : -0.0f);
  }
  const auto count = [&](bool per_channel) {
    for (const Invariant& i : CheckInvariants(
             graph,
             {{"conv2d/kernel", {.clusters = 1, .per_channel = per_channel}}}))
      if (i.name == "clusters") return i.value;
    return -1.0;
  };
  EXPECT_EQ(count(true), 1);
  EXPECT_EQ(count(false), 12);
}

TEST(InvariantsTest, PromisedWeightsThatAreGoneAreAnError) {
  EXPECT_THROW(CheckInvariants(LoadModel("mnist-cnn", 1),
                               {{"nowhere/kernel", {.zeros = 1}}}),
               Error);
}

}  // namespace
}  // namespace litesmith
