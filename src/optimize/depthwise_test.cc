// Recipes on depthwise kernels: pruning and clustering leave them unless a rule
// names them; quantization-aware training has a range for each of their
// channels.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/error.h"
#include "src/base/rng.h"
#include "src/base/warning.h"
#include "src/data/memory_dataset.h"
#include "src/formats/tflite/tflite.h"
#include "src/ops/layer/depthwise_conv_2d.h"
#include "src/ops/registry.h"
#include "src/optimize/optimize.h"
#include "src/optimize/promises.h"
#include "src/optimize/recipe_toml.h"
#include "src/optimize/step_graph.h"
#include "src/quant/convert.h"
#include "src/transform/training_ops.h"

namespace litesmith {
namespace {

constexpr int64_t kSteps = 100;
constexpr int32_t kChannels = 6;

TensorId Random(const std::string& name, const Shape& shape, Rng* rng,
                Graph* graph) {
  std::vector<float> values(static_cast<size_t>(shape.NumElements()));
  for (float& v : values) v = rng->Uniform(-0.5f, 0.5f);
  return graph->AddConstant<float>(name, shape, values, TensorKind::kParameter);
}

// Two depthwise layers of a 6x6 image of six channels, and a dense one.
Graph Model() {
  Rng rng(4);
  Graph graph;
  Tensor input;
  input.name = "input";
  input.kind = TensorKind::kInput;
  input.shape = {kDynamic, 6, 6, kChannels};
  TensorId last = graph.AddTensor(std::move(input));
  graph.inputs = {last};
  graph.input_names = {"input"};
  for (const std::string name : {"dw1", "dw2"}) {
    const TensorId kernel =
        Random(name + "/depthwise_kernel", {1, 3, 3, kChannels}, &rng, &graph);
    const TensorId bias = Random(name + "/bias", {kChannels}, &rng, &graph);
    Node& node =
        graph.AddNode(kDepthwiseConv2D, name, {last, kernel, bias}, {name});
    Put(
        DepthwiseConv2DAttrs{
            .stride_w = 1, .stride_h = 1, .depth_multiplier = 1},
        &node);
    last = node.outputs[0];
  }
  const std::vector<int32_t> dims = {kDynamic, 36 * kChannels};
  const TensorId shape = graph.AddConstant<int32_t>("flat/shape", {2}, dims);
  last = graph.AddNode(kReshape, "flat", {last, shape}, {"flat"}).outputs[0];
  const TensorId kernel =
      Random("dense/kernel", {3, 36 * kChannels}, &rng, &graph);
  graph.outputs = {
      graph.AddNode(kFullyConnected, "dense", {last, kernel}, {"dense"})
          .outputs[0]};
  graph.output_names = {"logits"};
  InferShapes(&graph);
  return graph;
}

// The steps of a recipe with this text behind its table's name.
Recipe Parse(const std::string& steps) {
  return ParseRecipes("[recipe.r]\nsummary = \"s\"\n" + steps, "r.toml")[0];
}

RecipeStep Step(const std::string& text) {
  return Parse("[[recipe.r.steps]]\n" + text).steps[0];
}

// The warnings of a body.
template <typename Body>
std::vector<std::string> Warnings(const Body& body) {
  std::vector<std::string> warnings;
  const WarningSink before = SetWarningSink(
      [&](std::string_view text) { warnings.emplace_back(text); });
  body();
  SetWarningSink(before);
  return warnings;
}

std::vector<std::string> WeightsWith(const Graph& graph, const OpDef& op) {
  std::vector<std::string> names;
  for (const Node& node : graph.nodes) {
    if (node.op == &op) names.push_back(graph.tensor(node.inputs[0]).name);
  }
  return names;
}

using Names = std::vector<std::string>;

TEST(DepthwiseRecipesTest, AreLeftAndNamedOnce) {
  const Graph model = Model();
  for (const OpDef* op : {&kPruneMask, &kClusterLookup}) {
    SCOPED_TRACE(op->name);
    const RecipeStep step =
        Step(op == &kPruneMask ? "type = \"prune\"" : "type = \"cluster\"");
    Graph graph;
    const auto warnings =
        Warnings([&] { graph = ApplyStep(model, step, kSteps); });
    ASSERT_EQ(warnings.size(), 1u);
    EXPECT_NE(warnings[0].find("('dw1', 'dw2')"), std::string::npos)
        << warnings[0];
    EXPECT_EQ(WeightsWith(graph, *op), Names{"dense/kernel"});
    // What was left is promised nothing, and is no part of the key.
    const Promises promises = PromisesAfter(model, step, kSteps, {});
    EXPECT_EQ(promises.count("dense/kernel"), 1u);
    EXPECT_EQ(promises.count("dw1/depthwise_kernel"), 0u);
    const std::string description = DescribeStep(model, step, {}, 1000);
    EXPECT_EQ(description.find("dw1"), std::string::npos) << description;
  }
}

TEST(DepthwiseRecipesTest, ARuleTakesThem) {
  const Graph model = Model();
  const RecipeStep step = Step(
      "type = \"prune\"\n"
      "layers = [{ match = \"dw1\", sparsity = 0.5 }]");
  Graph graph;
  const auto warnings =
      Warnings([&] { graph = ApplyStep(model, step, kSteps); });
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_NE(warnings[0].find("('dw2')"), std::string::npos) << warnings[0];
  EXPECT_EQ(WeightsWith(graph, kPruneMask),
            (Names{"dw1/depthwise_kernel", "dense/kernel"}));
  Promises promises = PromisesAfter(model, step, kSteps, {});
  const auto* zeros =
      FindPromise<ZerosPromise>(&promises["dw1/depthwise_kernel"]);
  ASSERT_NE(zeros, nullptr);
  EXPECT_EQ(zeros->at_least, 9 * kChannels / 2);
  // One that skips them takes nothing, and nothing needs to be said.
  const RecipeStep skip = Step(
      "type = \"prune\"\n"
      "layers = [{ match = \"dw*\", skip = true }]");
  EXPECT_TRUE(
      Warnings([&] { graph = ApplyStep(model, skip, kSteps); }).empty());
  EXPECT_EQ(WeightsWith(graph, kPruneMask), Names{"dense/kernel"});
}

// Groups and blocks run along input channels, of which a filter has one.
TEST(DepthwiseRecipesTest, PatternsAndBlocksAreRefused) {
  const Graph model = Model();
  for (const std::string key : {"pattern = \"2:4\"", "block = [2, 1]"}) {
    SCOPED_TRACE(key);
    const RecipeStep left = Step("type = \"prune\"\n" + key);
    EXPECT_EQ(WeightsWith(ApplyStep(model, left, kSteps), kPruneMask),
              Names{"dense/kernel"});
    const RecipeStep named =
        Step("type = \"prune\"\n" + key + "\nlayers = [{ match = \"dw2\" }]");
    try {
      ApplyStep(model, named, kSteps);
      ADD_FAILURE() << "was taken";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kInvalidArgument);
      EXPECT_NE(std::string(error.what()).find("layer 'dw2'"),
                std::string::npos)
          << error.what();
    }
  }
}

TEST(DepthwiseRecipesTest, TrainedRangesAreOneAChannel) {
  const Graph model = Model();
  const Graph graph = ApplyStep(model, Step("type = \"qat\""), kSteps);
  int found = 0;
  for (const Node& node : graph.nodes) {
    if (node.op != &kFakeQuant) continue;
    const std::string& name = graph.tensor(node.inputs[0]).name;
    if (!name.ends_with("/depthwise_kernel")) continue;
    ++found;
    EXPECT_EQ(graph.tensor(node.inputs[1]).shape, (Shape{1, 1, 1, kChannels}));
  }
  EXPECT_EQ(found, 2);
}

// Random bytes of three classes, which are in their brightness.
std::shared_ptr<const Dataset> Data() {
  Rng rng(5);
  const Shape sample = {6, 6, kChannels};
  std::vector<uint8_t> bytes;
  std::vector<uint8_t> labels;
  for (int i = 0; i < 96; ++i) {
    labels.push_back(static_cast<uint8_t>(rng.Below(3)));
    for (int64_t p = 0; p < sample.NumElements(); ++p)
      bytes.push_back(
          static_cast<uint8_t>(60 * labels.back() + rng.Below(120)));
  }
  return LabelledBytes(sample, 3, std::move(bytes), std::move(labels));
}

// Pruned by a rule, then trained for 8 bits with its zeros: they are the
// file's, whose scales are the channels' along the last dimension.
TEST(DepthwiseRecipesTest, ZerosAndScalesReachTheFile) {
  const Graph model = Model();
  const Recipe recipe = Parse(
      "[[recipe.r.steps]]\n"
      "type = \"prune\"\n"
      "layers = [{ match = \"dw1\", sparsity = 0.5 }]\n"
      "[[recipe.r.steps]]\n"
      "type = \"qat\"\n"
      "preserve_sparsity = true\n");
  TrainOptions options;
  options.epochs = 2;
  options.batch = 8;
  options.threads = 1;
  const auto data = Data();
  const TrainResult trained =
      RunSteps(model, model, recipe, *data, options, nullptr);
  const Promises promises =
      RecipePromises(model, recipe, data->size(), options, {});
  EXPECT_EQ(promises.at("dw1/depthwise_kernel").size(), 1u);
  const Scheme& scheme = FindScheme("int8");
  const Graph converted =
      Convert(trained.graph, scheme, Calibrate(trained.graph, *data, 20));
  const Graph file = ReadTflite(WriteTflite(converted), "test.tflite");
  for (const Invariant& i : CheckPromises(file, promises))
    EXPECT_TRUE(i.ok) << i.name << " of " << i.tensor << ": " << i.value;
  const Tensor& kernel = file.tensor(file.nodes[0].inputs[1]);
  EXPECT_EQ(kernel.name, "dw1/depthwise_kernel");
  EXPECT_EQ(kernel.quant.axis, 3);
  EXPECT_EQ(kernel.quant.scale.size(), static_cast<size_t>(kChannels));
}

}  // namespace
}  // namespace litesmith
