// Whole lineages on small graphs: weights that two layers share stay shared and
// keep what is promised, the teacher is the float model that a lineage starts
// from, small tensors are left, and TFMOT's way is an option.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "src/base/rng.h"
#include "src/data/memory_dataset.h"
#include "src/formats/tflite/tflite.h"
#include "src/ops/layer/fully_connected.h"
#include "src/ops/registry.h"
#include "src/ops/small_graph_test.h"
#include "src/optimize/coverage.h"
#include "src/optimize/optimize.h"
#include "src/optimize/recipe_toml.h"
#include "src/optimize/step_graph.h"
#include "src/quant/convert.h"
#include "src/train/schedules.h"
#include "src/transform/training_ops.h"

namespace litesmith {
namespace {

constexpr int32_t kFeatures = 16;

TensorId AddDense(TensorId x, TensorId w, const std::string& name, int32_t out,
                  activation::Activation act, Graph* graph) {
  const std::vector<float> zeros(static_cast<size_t>(out), 0.0f);
  const TensorId b = graph->AddConstant<float>(name + "/bias", {out}, zeros,
                                               TensorKind::kParameter);
  Node& node = graph->AddNode(kFullyConnected, name, {x, w, b}, {name});
  node.Set<&FullyConnectedAttrs::activation>(act);
  return node.outputs[0];
}

// [N,16] -> "first" -> "second", which reads the first's weights -> "head", 3
// logits of 24 weights.
Graph SharedLayers() {
  Rng rng(3);
  Graph graph;
  const TensorId x = AddImageInput({kDynamic, kFeatures}, &graph);
  const TensorId shared =
      AddRandomParameter("shared/kernel", {kFeatures, kFeatures}, &rng, &graph);
  const TensorId first =
      AddDense(x, shared, "first", kFeatures, activation::kRelu, &graph);
  const TensorId second =
      AddDense(first, shared, "second", kFeatures, activation::kRelu, &graph);
  const TensorId narrow =
      AddRandomParameter("narrow/kernel", {8, kFeatures}, &rng, &graph);
  const TensorId eight =
      AddDense(second, narrow, "narrow", 8, activation::kRelu, &graph);
  const TensorId head = AddRandomParameter("head/kernel", {3, 8}, &rng, &graph);
  graph.outputs = {AddDense(eight, head, "head", 3, kNone, &graph)};
  graph.output_names = {"logits"};
  InferShapes(&graph);
  return graph;
}

DatasetPtr LineageData() {
  Rng rng(5);
  std::vector<uint8_t> bytes;
  std::vector<uint8_t> labels;
  for (int i = 0; i < 96; ++i) {
    labels.push_back(static_cast<uint8_t>(rng.Below(3)));
    for (int32_t p = 0; p < kFeatures; ++p)
      bytes.push_back(
          static_cast<uint8_t>(60 * labels.back() + rng.Below(120)));
  }
  return LabelledBytes({kFeatures}, 3, std::move(bytes), std::move(labels));
}

TrainOptions Short() {
  TrainOptions options;
  options.epochs = 3;
  options.batch = 16;
  options.threads = 1;
  options.learning_rate = 0.01f;
  return options;
}

std::vector<float> Kernel(const Graph& graph, const std::string& name) {
  return ValuesOf(StripTrainingOps(graph), name);
}

// Of a file: the weights of the layer whose output this is.
TensorId WeightsOf(const Graph& graph, const std::string& output) {
  for (const Node& node : graph.nodes) {
    if (node.op == &kFullyConnected &&
        graph.tensor(node.outputs[0]).name.find(output) != std::string::npos)
      return node.inputs[1];
  }
  ADD_FAILURE() << "no layer gives " << output;
  return 0;
}

TEST(LineageTest, SharedWeightsStayOneTensorThatKeepsItsPromises) {
  const Graph model = SharedLayers();
  const RecipeTable table;
  const auto data = LineageData();
  const OptimizeResult result = Optimize(
      model, table, table.Find("prune_cluster_pcqat"), *data, Short(), nullptr);
  EXPECT_NE(Kernel(result.graph, "shared/kernel"),
            ValuesOf(model, "shared/kernel"));
  EXPECT_EQ(result.promises.at("shared/kernel").size(), 2u);
  const Graph file =
      ReadTflite(WriteTflite(Convert(result.graph, FindScheme("int8"),
                                     Calibrate(result.graph, *data, 20))),
                 "test.tflite");
  EXPECT_EQ(WeightsOf(file, "first"), WeightsOf(file, "second"));
  for (const Graph& graph : {StripTrainingOps(result.graph), file}) {
    for (const Invariant& i : CheckPromises(graph, result.promises))
      EXPECT_TRUE(i.ok) << i.name << " of " << i.tensor << ": " << i.value;
  }
}

// [N,4] of rows -> "table", 10 rows of 8 -> the mean -> "head", 3 logits.
Graph Embedding() {
  Rng rng(4);
  Graph graph;
  Tensor ids;
  ids.name = "ids";
  ids.kind = TensorKind::kInput;
  ids.dtype = DType::kInt32;
  ids.shape = {kDynamic, 4};
  const TensorId x = graph.AddTensor(std::move(ids));
  graph.inputs = {x};
  graph.input_names = {"ids"};
  const TensorId table = AddRandomParameter("table", {10, 8}, &rng, &graph);
  const TensorId rows =
      graph.AddNode(kGather, "rows", {table, x}, {"rows"}).outputs[0];
  const TensorId axis =
      graph.AddConstant<int32_t>("axis", {1}, std::vector<int32_t>{1});
  const TensorId mean =
      graph.AddNode(kMean, "mean", {rows, axis}, {"mean"}).outputs[0];
  const TensorId head = AddRandomParameter("head/kernel", {3, 8}, &rng, &graph);
  graph.outputs = {AddDense(mean, head, "head", 3, kNone, &graph)};
  graph.output_names = {"logits"};
  InferShapes(&graph);
  return graph;
}

TEST(LineageTest, ATableOfAnEmbeddingKeepsItsPromisesInFiles) {
  Rng rng(6);
  std::vector<uint8_t> rows;
  std::vector<uint8_t> labels;
  for (int i = 0; i < 96; ++i) {
    labels.push_back(static_cast<uint8_t>(rng.Below(3)));
    for (int p = 0; p < 4; ++p)
      rows.push_back(static_cast<uint8_t>(3 * labels.back() + rng.Below(3)));
  }
  const Field ids = {"ids", {4}, DType::kUInt8, {}};
  const Field label = {"label", {}, DType::kUInt8, {}};
  const MemoryDataset data(std::vector<Column>{{ids, std::move(rows)}},
                           std::vector<Column>{{label, std::move(labels)}}, 3);
  const RecipeTable table;
  const OptimizeResult result =
      Optimize(Embedding(), table, table.Find("prune_cluster_pcqat"), data,
               Short(), nullptr);
  EXPECT_EQ(result.promises.at("table").size(), 2u);
  for (const char* method : {"fp32", "fp16", "dynamic", "int8", "int16x8"}) {
    const Graph file =
        ReadTflite(WriteTflite(Convert(result.graph, FindScheme(method),
                                       Calibrate(result.graph, data, 20))),
                   "test.tflite");
    int found = 0;
    for (const Invariant& i : CheckPromises(file, result.promises)) {
      EXPECT_TRUE(i.ok) << method << ": " << i.name << " of " << i.tensor
                        << ": " << i.value;
      if (i.tensor == "table") ++found;
    }
    EXPECT_EQ(found, 2) << method;
  }
}

TEST(LineageTest, TheTeacherIsTheFloatModelOfAllSteps) {
  const Graph model = SharedLayers();
  const RecipeTable table;
  const auto data = LineageData();
  TrainOptions options = Short();
  options.distill_weight = 0.9f;
  const Recipe& recipe = table.Find("prune_pqat");
  const OptimizeResult whole =
      Optimize(model, table, recipe, *data, options, nullptr);
  options.stage = FirstStage(table, table.Find("prune"));
  const Graph pruned =
      RunSteps(model, model, table.Find("prune"), *data, options, nullptr)
          .graph;
  options.stage = FirstStage(table, recipe);
  const auto taught_by = [&](const Graph& teacher) {
    return Kernel(
        RunSteps(pruned, teacher, recipe, *data, options, nullptr).graph,
        "shared/kernel");
  };
  EXPECT_EQ(Kernel(whole.graph, "shared/kernel"), taught_by(model));
  EXPECT_NE(Kernel(whole.graph, "shared/kernel"), taught_by(pruned));
}

TEST(LineageTest, WhatIsTooSmallToGainIsLeftUnlessARuleNamesIt) {
  const Graph model = SharedLayers();
  RecipeTable table;
  const auto left = [&](const Recipe& recipe) {
    std::string text;
    for (const CoverageRow& row :
         CoverageOf(model, table, recipe, 96, Short())) {
      if (!row.left.empty()) text += row.weights + ": " + row.left + "\n";
    }
    return text;
  };
  EXPECT_EQ(left(table.Find("prune_cluster")),
            "head/kernel: prune: fewer than 32 weights: nothing to gain; "
            "cluster: fewer than 32 weights: nothing to gain\n");
  EXPECT_EQ(left(table.Find("quant")), "");
  const std::vector<Recipe> named = ParseRecipes(
      "[recipe.all]\nsteps = [{ type = \"prune\", layers = [\n"
      "  { match = \"head\", sparsity = 0.5 }] }]\n",
      "my.toml");
  EXPECT_EQ(left(named.at(0)), "");
}

// Ranges of activations before the first step.
TEST(LineageTest, RangesStartFromSamplesUnlessTfmotsWayIsAsked) {
  const Graph model = SharedLayers();
  const RecipeTable table;
  const auto data = LineageData();
  TrainOptions options = Short();
  options.epochs = 0;
  const auto range = [&] {
    return ValuesOf(
        RunSteps(model, model, table.Find("quant"), *data, options, nullptr)
            .graph,
        "first/fake_quant/max");
  };
  EXPECT_NE(range(), std::vector<float>{6});
  options.tfmot = true;
  EXPECT_EQ(range(), std::vector<float>{6});
}

TEST(LineageTest, NormalizationsFreezeByTheStepsOwnDefault) {
  const RecipeTable table;
  TrainOptions options;
  const auto share = [&](const char* recipe) {
    return StepTraining(table.Find(recipe).steps[0], options).freeze_batch_norm;
  };
  EXPECT_EQ(share("prune"), 1);
  EXPECT_EQ(share("quant"), kQatTechnique.freeze_batch_norm);
  // Its wrapper does not tell them that it trains.
  EXPECT_EQ(share("cluster"), 0);
  options.tfmot = true;
  EXPECT_EQ(share("quant"), 1);
  EXPECT_EQ(share("cluster"), 0);
  options.freeze_batch_norm = 0.25f;
  EXPECT_EQ(share("quant"), 0.25f);
}

TEST(LineageTest, RatesFallInStepsThatSettle) {
  const RecipeTable table;
  TrainOptions options;
  const auto schedule = [&](const char* recipe) {
    return StepTraining(table.Find(recipe).steps[0], options).schedule;
  };
  EXPECT_EQ(schedule("prune"), "constant");
  EXPECT_EQ(schedule("quant"), "cosine");
  EXPECT_EQ(schedule("cluster"), "cosine");
  options.schedule = "linear";
  EXPECT_EQ(schedule("quant"), "linear");
  options.schedule = kAutoSchedule;
  options.tfmot = true;
  EXPECT_EQ(schedule("quant"), "constant");
}

}  // namespace
}  // namespace litesmith
