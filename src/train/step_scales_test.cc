// Small weights of large inputs train as usual ones of usual inputs do.
#include "src/train/step_scales.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "src/data/memory_dataset.h"
#include "src/ops/small_graph_test.h"
#include "src/train/trainer.h"
#include "src/transform/choice_test.h"
#include "src/transform/training_ops.h"

namespace litesmith {
namespace {

constexpr float kFactor = 64;  // exact in floats

// Samples of SmallCnn's shape, all values times `factor`.
DatasetPtr Samples(float factor) {
  constexpr int kCount = 120;
  Rng rng(3);
  std::vector<float> pixels;
  std::vector<uint8_t> labels;
  for (int i = 0; i < kCount; ++i) {
    const uint32_t label = rng.Below(3);
    labels.push_back(static_cast<uint8_t>(label));
    for (int p = 0; p < 6 * 6 * 2; ++p) {
      pixels.push_back(factor *
                       (static_cast<float>(label) + rng.Uniform(-1.0f, 1.0f)));
    }
  }
  const Field image = {"image", {6, 6, 2}, DType::kFloat32, {}};
  const Field label = {"label", {}, DType::kUInt8, {}};
  return std::make_shared<const MemoryDataset>(
      std::vector<Column>{{image, std::move(pixels)}},
      std::vector<Column>{{label, std::move(labels)}}, 3);
}

// SmallCnn, its first layer's weights divided by `factor`, pruned or clustered.
Graph Cnn(float factor, const std::string& technique) {
  Graph graph = SmallCnn();
  std::vector<float> weights = ValuesOf(graph, "conv/kernel");
  for (float& w : weights) w /= factor;
  SetValuesOf(&graph, "conv/kernel", weights);
  if (technique == "prune") {
    PruneOptions prune;
    prune.begin_step = 1;
    prune.end_step = 8;
    prune.frequency = 2;
    return InsertPruning(graph, [&](const Node&, const Tensor&) {
      return std::optional(prune);
    });
  }
  if (technique == "cluster") {
    ClusterOptions cluster;
    cluster.clusters = 6;
    return InsertClustering(graph, [&](const Node&, const Tensor&) {
      return std::optional(cluster);
    });
  }
  return graph;
}

TrainOptions Options(const std::string& optimizer) {
  TrainOptions options;
  options.epochs = 2;
  options.batch = 16;
  options.threads = 1;
  options.optimizer = optimizer;
  return options;
}

// Every parameter's values, those that belong to the first layer's weights
// times `factor`.
std::vector<float> Parameters(const Graph& graph, float factor) {
  std::vector<float> all;
  for (const Tensor& tensor : graph.tensors) {
    if (tensor.kind != TensorKind::kParameter) continue;
    const bool scaled = tensor.name.starts_with("conv/kernel");
    for (const float v : tensor.As<float>())
      all.push_back(scaled ? factor * v : v);
  }
  return all;
}

TEST(StepScales, SmallWeightsOfLargeInputsTrainAsUsualOnes) {
  for (const std::string technique : {"none", "prune", "cluster"}) {
    for (const std::string optimizer : {"adam", "adamw", "sgd", "rmsprop"}) {
      SCOPED_TRACE(technique + " by " + optimizer);
      const Graph usual = Cnn(1, technique), small = Cnn(kFactor, technique);
      const TrainOptions options = Options(optimizer);
      const TrainResult a = Train(usual, *Samples(1), options, nullptr);
      const TrainResult b = Train(small, *Samples(kFactor), options, nullptr);
      EXPECT_NE(Parameters(usual, 1), Parameters(a.graph, 1));
      EXPECT_EQ(Parameters(a.graph, 1), Parameters(b.graph, kFactor));
      EXPECT_EQ(a.epochs.back().loss, b.epochs.back().loss);
    }
  }
}

TEST(StepScales, AreThoseOfTfmotWhereItsWayIsAskedFor) {
  TrainOptions options = Options("adam");
  options.tfmot = true;
  const TrainResult a = Train(Cnn(1, "none"), *Samples(1), options, nullptr);
  const TrainResult b =
      Train(Cnn(kFactor, "none"), *Samples(kFactor), options, nullptr);
  EXPECT_NE(Parameters(a.graph, 1), Parameters(b.graph, kFactor));
}

TEST(StepScales, AreOneForUsualWeightsAndForThoseThatAreAllZero) {
  for (const float scale : StepScales(SmallCnn())) EXPECT_EQ(scale, 1);
  Graph zero = SmallCnn();
  SetValuesOf(&zero, "conv/kernel", std::vector<float>(72));
  for (const float scale : StepScales(zero)) EXPECT_EQ(scale, 1);
}

TEST(StepScales, AreOneBesideBatchNormalizations) {
  Graph graph = Cnn(kFactor, "none");
  std::vector<float> scales = StepScales(graph);
  EXPECT_EQ(*std::min_element(scales.begin(), scales.end()), 1 / kFactor);
  std::vector<TensorId> inputs = graph.outputs;
  for (const char* part : {"gamma", "beta", "mean", "variance"}) {
    inputs.push_back(graph.AddConstant<float>(
        part, Shape{3}, std::vector<float>(3, 1.0f),
        *part == 'g' || *part == 'b' ? TensorKind::kParameter
                                     : TensorKind::kState));
  }
  graph.outputs = graph.AddNode(kBatchNorm, "norm", inputs, {"norm"}).outputs;
  InferShapes(&graph);
  for (const float scale : StepScales(graph)) EXPECT_EQ(scale, 1);
}

TEST(StepScales, PrunedWeightsAreAsLargeAsThoseThatAreLeft) {
  Graph graph = SmallCnn();
  std::vector<float> weights = ValuesOf(graph, "conv/kernel");
  for (size_t i = 0; i < weights.size(); ++i) {
    if (i % 18 != 0) weights[i] = 0;
  }
  SetValuesOf(&graph, "conv/kernel", weights);
  for (const float scale : StepScales(graph)) EXPECT_EQ(scale, 1);
}

}  // namespace
}  // namespace litesmith
