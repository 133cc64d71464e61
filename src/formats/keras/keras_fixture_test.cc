// Files that both Kerases wrote (tools/make_keras_fixtures.py).
#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>

#include "src/base/file.h"
#include "src/formats/json.h"
#include "src/formats/keras/keras.h"
#include "src/formats/keras/test_graphs.h"
#include "src/formats/keras/to_keras.h"
#include "src/ops/layer/conv_2d.h"
#include "src/ops/layer/depthwise_conv_2d.h"
#include "src/ops/train/batch_norm.h"

namespace litesmith {
namespace {

const std::string kGolden =
    std::string(LITESMITH_SOURCE_DIR) + "/tests/golden/keras/";

// By its ending.
Graph ReadGolden(const std::string& name) {
  const std::string path = kGolden + name;
  return name.ends_with(".h5") ? ReadKerasH5(path)
                               : ReadKerasArchive(ReadFile(path), path);
}

struct Fixture {
  const char* dialect;
  const char* name;
  const char* ending;
};

class KerasFixtureTest : public testing::TestWithParam<Fixture> {};

std::vector<std::vector<float>> Values(const Json& arrays) {
  std::vector<std::vector<float>> values;
  for (const Json& array : arrays) {
    values.push_back(array["values"].get<std::vector<float>>());
  }
  return values;
}

TEST_P(KerasFixtureTest, PredictsAsKerasDoes) {
  const auto& [dialect, name, ending] = GetParam();
  const Graph graph = ReadGolden(std::string(dialect) + "_" + name + ending);
  const auto bytes = ReadFile(kGolden + name + ".json");
  const Json golden =
      Json::parse(reinterpret_cast<const char*>(bytes.data()),
                  reinterpret_cast<const char*>(bytes.data()) + bytes.size());
  const auto inputs = Values(golden["inputs"]);
  const auto wanted = Values(golden["outputs"]);
  for (const Graph& g : {graph, ThroughFile(KerasFile::kH5, graph),
                         ThroughFile(KerasFile::kArchive, graph)}) {
    const auto outputs = Forward(g, inputs, 2);
    ASSERT_EQ(outputs.size(), wanted.size());
    for (size_t i = 0; i < wanted.size(); ++i) {
      ASSERT_EQ(outputs[i].size(), wanted[i].size());
      for (size_t j = 0; j < wanted[i].size(); ++j) {
        EXPECT_NEAR(outputs[i][j], wanted[i][j], 1e-5);
      }
    }
  }
  // What was read once is written and read without a change.
  const Graph h5 = ThroughFile(KerasFile::kH5, graph);
  ExpectSameGraph(h5, graph);
  ExpectSameGraph(ThroughFile(KerasFile::kArchive, h5), h5);
  ExpectSameGraph(ThroughFile(KerasFile::kArchive, graph), h5);
}

INSTANTIATE_TEST_SUITE_P(Keras, KerasFixtureTest, testing::ValuesIn([] {
                           std::vector<Fixture> all;
                           for (const char* dialect : {"keras2", "keras3"}) {
                             for (const char* name :
                                  {"cnn", "layers", "branches", "blocks",
                                   "depthwise", "norms", "joins", "nested",
                                   "sequences", "bends", "images", "noises"}) {
                               for (const char* ending : {".h5", ".keras"})
                                 all.push_back({dialect, name, ending});
                             }
                           }
                           return all;
                         }()),
                         [](const auto& info) {
                           return std::string(info.param.dialect) + "_" +
                                  info.param.name + "_" +
                                  (info.param.ending + 1);
                         });

TEST(KerasFixtureTest, AllDialectsGiveTheSameGraph) {
  // "layers" has automatic names, which both count alike.
  for (const std::string name :
       {"layers", "branches", "blocks", "depthwise", "norms", "joins", "nested",
        "sequences", "bends", "images", "noises"}) {
    const Graph graph = ReadGolden("keras2_" + name + ".h5");
    for (const char* other : {"keras2_", "keras3_"}) {
      ExpectSameGraph(graph, ReadGolden(other + name + ".h5"));
      ExpectSameGraph(graph, ReadGolden(other + name + ".keras"));
    }
  }
}

TEST(KerasFixtureTest, ActivationsAreFusedAlsoThroughDropout) {
  const Graph graph = ReadGolden("keras2_layers.h5");
  std::vector<std::string> ops;
  for (const Node& node : graph.nodes) ops.push_back(node.op->name);
  EXPECT_EQ(ops,
            (std::vector<std::string>{
                "CONV_2D", "MAX_POOL_2D", "CONV_2D", "LITESMITH_DROPOUT",
                "RESHAPE", "FULLY_CONNECTED", "RESHAPE", "FULLY_CONNECTED"}));
  EXPECT_EQ(graph.nodes[0].Get<&Conv2DAttrs::activation>(), activation::kRelu6);
  EXPECT_EQ(graph.nodes[2].Get<&Conv2DAttrs::activation>(), activation::kRelu);
  EXPECT_EQ(graph.nodes[0].inputs.size(), 2u);
  EXPECT_EQ(graph.nodes[7].inputs.size(), 2u);
}

// A separable convolution is two nodes, and one layer again.
TEST(KerasFixtureTest, SeparableConvolutionsComeBackFromTwoNodes) {
  Graph graph = ReadGolden("keras3_depthwise.h5");
  std::vector<std::string> nodes;
  for (const Node& node : graph.nodes) {
    nodes.push_back(fmt::format("{} {}", node.op->name, node.name));
    if (node.op->name != std::string("RESHAPE"))
      nodes.back() += " " + graph.tensor(node.inputs[1]).name;
  }
  EXPECT_EQ(nodes,
            (std::vector<std::string>{
                "DEPTHWISE_CONV_2D dw dw/depthwise_kernel",
                "DEPTHWISE_CONV_2D twice twice/depthwise_kernel",
                "DEPTHWISE_CONV_2D separable/depthwise "
                "separable/depthwise_kernel",
                "CONV_2D separable separable/pointwise_kernel",
                "DEPTHWISE_CONV_2D plain/depthwise "
                "plain/depthwise_kernel",
                "CONV_2D plain plain/pointwise_kernel", "RESHAPE flat"}));
  EXPECT_EQ(graph.tensor(graph.nodes[1].inputs[1]).shape, (Shape{1, 3, 3, 6}));
  EXPECT_EQ(graph.nodes[2].Get<&DepthwiseConv2DAttrs::depth_multiplier>(), 2);
  const auto layers = [&] {
    const OutModel model = ToKeras(graph);
    std::vector<std::string> names;
    for (const OutLayer& layer : model.layers)
      names.push_back(layer.class_name + " " + layer.name);
    return names;
  };
  EXPECT_TRUE(KeepsWeightNames(graph, ToKeras(graph)));
  EXPECT_EQ(layers(), (std::vector<std::string>{
                          "InputLayer image", "DepthwiseConv2D dw",
                          "DepthwiseConv2D twice", "SeparableConv2D separable",
                          "SeparableConv2D plain", "Flatten flat"}));
  // Once somebody has changed the first of its nodes, it is two.
  graph.nodes[4].Set<&DepthwiseConv2DAttrs::activation>(activation::kRelu);
  EXPECT_EQ(layers(), (std::vector<std::string>{
                          "InputLayer image", "DepthwiseConv2D dw",
                          "DepthwiseConv2D twice", "SeparableConv2D separable",
                          "DepthwiseConv2D plain_depthwise", "Conv2D plain",
                          "Flatten flat"}));
}

TEST(KerasFixtureTest, BatchNormalizationsTakeActivationsAndKeepWhatTheySay) {
  const Graph graph = ReadGolden("keras2_norms.h5");
  const auto norm = [&](const std::string& name) {
    const auto node =
        std::find_if(graph.nodes.begin(), graph.nodes.end(),
                     [&](const Node& each) { return each.name == name; });
    EXPECT_EQ(node->op, &kBatchNorm);
    return *node;
  };
  const auto attrs = Get<BatchNormAttrs>(norm("conv_bn"));
  EXPECT_EQ(attrs.momentum, 0.9f);
  EXPECT_EQ(attrs.epsilon, 0.01f);
  EXPECT_EQ(attrs.activation, activation::kRelu);
  EXPECT_EQ(Get<BatchNormAttrs>(norm("dense_bn")).activation,
            activation::kRelu6);
  EXPECT_EQ(norm("side_bn").inputs[batch_norm::kGamma], kNoTensor);
  EXPECT_EQ(norm("dense_bn").inputs[batch_norm::kBeta], kNoTensor);
  const auto kind = [&](const std::string& name, batch_norm::Input input) {
    return graph.tensor(norm(name).inputs[input]).kind;
  };
  EXPECT_EQ(kind("bare", batch_norm::kMovingMean), TensorKind::kState);
  EXPECT_EQ(kind("frozen", batch_norm::kMovingVariance), TensorKind::kConstant);
  EXPECT_EQ(kind("frozen", batch_norm::kGamma), TensorKind::kConstant);
  EXPECT_EQ(kind("conv_bn", batch_norm::kGamma), TensorKind::kParameter);
}

// An activation is fused where its input is read by nobody else and nothing is
// fused yet; the others are nodes. All of them are layers again when written.
TEST(KerasFixtureTest, ActivationsThatFuseNowhereAreNodes) {
  const Graph graph = ReadGolden("keras3_blocks.keras");
  std::vector<std::string> nodes;
  for (const Node& node : graph.nodes)
    nodes.push_back(fmt::format("{} {}", node.op->name, node.name));
  EXPECT_EQ(nodes, (std::vector<std::string>{
                       "RELU first", "CONV_2D b", "CONV_2D a", "RELU6 c",
                       "ADD three/of_2", "ADD three", "AVERAGE_POOL_2D average",
                       "RELU6 clip", "RELU again", "ADD two", "RESHAPE flat"}));
  EXPECT_EQ(FusedActivation(graph.nodes[5])->i, activation::kRelu);
  EXPECT_EQ(graph.tensor(graph.nodes[5].outputs[0]).name, "after_three");
  const OutModel model = ToKeras(graph);
  std::vector<std::string> layers;
  for (const OutLayer& layer : model.layers)
    layers.push_back(layer.class_name + " " + layer.name);
  EXPECT_EQ(layers, (std::vector<std::string>{
                        "InputLayer image", "ReLU first", "Conv2D b",
                        "Conv2D a", "Activation c", "Add three",
                        "Activation after_three", "AveragePooling2D average",
                        "ReLU clip", "ReLU again", "Add two", "Flatten flat"}));
}

// A model in the model is called twice, one of its layers is frozen, and its
// names are those of others: one tensor for each weight, whatever reads it.
TEST(KerasFixtureTest, ModelsInModelsShareTheirWeights) {
  const Graph graph = ReadGolden("keras3_nested.keras");
  EXPECT_EQ(graph.input_names, (std::vector<std::string>{"b", "a"}));
  EXPECT_EQ(graph.output_names,
            (std::vector<std::string>{"rest", "dense", "dense_1"}));
  std::map<std::string, int> readers;
  for (const Node& node : graph.nodes) {
    for (const TensorId id : node.inputs) {
      if (graph.tensor(id).kind == TensorKind::kParameter)
        ++readers[graph.tensor(id).name];
    }
  }
  EXPECT_EQ(readers, (std::map<std::string, int>{{"block_conv/bias", 2},
                                                 {"block_conv/kernel", 2},
                                                 {"dense/bias", 2},
                                                 {"dense/kernel", 2},
                                                 {"head_conv/bias", 2},
                                                 {"head_conv/kernel", 2}}));
  // As one layer or model of two calls, frozen or not.
  const OutModel model = ToKeras(graph);
  std::map<std::string, size_t> calls;
  for (const OutLayer& layer : model.layers) {
    if (layer.model != nullptr || !layer.weights.empty())
      calls[layer.name] = 1 + layer.more_calls.size();
  }
  EXPECT_EQ(calls, (std::map<std::string, size_t>{
                       {"block", 2}, {"dense", 2}, {"head", 2}}));
  ForEachLayer(model, [&](const OutLayer& layer) {
    EXPECT_EQ(layer.trainable, layer.name != "bn") << layer.name;
  });
}

// Layers of several nodes, and those that act in training only, are what they
// were when they are written again.
TEST(KerasFixtureTest, LayersComeBackFromTheirNodes) {
  const auto classes = [](const std::string& name) {
    std::vector<std::string> changed;
    std::map<std::string, std::string> of;
    for (const OutLayer& layer : ToKeras(ReadGolden(name), &changed).layers)
      of[layer.name] = layer.class_name;
    EXPECT_TRUE(changed.empty()) << name << " " << changed.front();
    return of;
  };
  EXPECT_EQ(
      classes("keras2_sequences.h5"),
      (std::map<std::string, std::string>{{"again", "RepeatVector"},
                                          {"causal", "Conv1D"},
                                          {"crop", "Cropping1D"},
                                          {"depthwise", "DepthwiseConv1D"},
                                          {"flat", "Flatten"},
                                          {"max", "MaxPooling1D"},
                                          {"mean", "AveragePooling1D"},
                                          {"pad", "ZeroPadding1D"},
                                          {"repeat", "UpSampling1D"},
                                          {"separable", "SeparableConv1D"},
                                          {"steps", "InputLayer"},
                                          {"top", "GlobalMaxPooling1D"},
                                          {"turn", "Permute"},
                                          {"up", "Conv1DTranspose"}}));
  EXPECT_EQ(
      classes("keras3_noises.keras"),
      (std::map<std::string, std::string>{{"alpha", "AlphaDropout"},
                                          {"channels", "SpatialDropout2D"},
                                          {"conv", "Conv2D"},
                                          {"factors", "GaussianDropout"},
                                          {"features", "SpatialDropout1D"},
                                          {"flat", "Flatten"},
                                          {"image", "InputLayer"},
                                          {"logits", "Dense"},
                                          {"noise", "GaussianNoise"},
                                          {"small", "ActivityRegularization"},
                                          {"steps", "Reshape"}}));
  const auto bends = classes("keras3_bends.keras");
  EXPECT_EQ(bends.at("as_softsign"), "Activation");
  EXPECT_EQ(bends.at("all"), "ReLU");
  EXPECT_EQ(bends.at("along"), "Softmax");
  EXPECT_EQ(bends.at("soft"), "ELU");
  EXPECT_EQ(bends.count("dense_softsign"), 0u);
  const auto images = classes("keras2_images.keras");
  EXPECT_EQ(images.at("average"), "Average");
  EXPECT_EQ(images.at("gate"), "Multiply");
  EXPECT_EQ(images.at("normal"), "Normalization");
  EXPECT_EQ(images.at("rescale"), "Rescaling");
}

}  // namespace
}  // namespace litesmith
