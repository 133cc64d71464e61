// What a file said of layers is said again where it is still true.
#include "src/formats/keras/said.h"

#include <gtest/gtest.h>

#include <string>

#include "src/base/rng.h"
#include "src/formats/keras/test_graphs.h"
#include "src/formats/keras/to_keras.h"
#include "src/ops/layer/fully_connected.h"
#include "src/ops/train/train.h"

namespace litesmith {
namespace {

std::string Said(const std::string& class_name, const std::string& config,
                 const std::string& calls) {
  return R"({"class_name": ")" + class_name + R"(", "config": {)" + config +
         R"(}, "calls": [)" + calls + "]}";
}

const OutLayer& LayerOf(const OutModel& model, const std::string& name) {
  for (const OutLayer& layer : model.layers) {
    if (layer.name == name) return layer;
  }
  ADD_FAILURE() << "no layer " << name;
  return model.layers[0];
}

std::string ValueOf(const OutLayer& layer, const std::string& key) {
  for (const auto& [name, value] : layer.config) {
    if (name == key) return value.json();
  }
  return "";
}

// [batch, 5, 4] through a dense layer "each" of 3 and a RELU "bend".
Graph MakeBent() {
  Rng rng(3);
  Graph graph;
  const TensorId x = AddInput("x", {kDynamic, 5, 4}, &graph);
  const TensorId y = AddDense("each", x, 4, 3, &rng, &graph);
  graph.nodes.back().Set<&FullyConnectedAttrs::keep_num_dims>(true);
  graph.outputs = {graph.AddNode(kRelu, "bend", {y}, {"bend"}).outputs[0]};
  graph.output_names = {"bend"};
  InferShapes(&graph);
  return graph;
}

TEST(SaidOfLayers, WhatOnlyKerasReadsIsWritten) {
  Graph graph = MakeBent();
  graph.said_of_layers["each"] =
      Said("Dense",
           R"("units": 7, "kernel_initializer": {"class_name": "HeNormal"},
         "bias_constraint": null, "kernel_constraint": {"class_name": "NonNeg"},
         "kernel_regularizer": "l2", "dtype": "float16")",
           R"("each")");
  const OutModel model = ToKeras(graph);
  const OutLayer& layer = LayerOf(model, "each");
  EXPECT_EQ(ValueOf(layer, "kernel_initializer"),
            R"({"class_name":"HeNormal"})");
  EXPECT_EQ(ValueOf(layer, "kernel_constraint"), R"({"class_name":"NonNeg"})");
  EXPECT_EQ(ValueOf(layer, "units"), "3") << "the graph's, not the file's";
  for (const char* key : {"bias_constraint", "kernel_regularizer", "dtype"})
    EXPECT_EQ(ValueOf(layer, key), "") << key;
}

TEST(SaidOfLayers, ClassesComeBackWhereTheyMeanTheSame) {
  Graph graph = MakeBent();
  graph.said_of_layers["bend"] =
      Said("Activation", R"("activation": "relu")", R"("bend")");
  graph.said_of_layers["each"] =
      Said("TimeDistributed",
           R"("layer": {"class_name": "Dense", "config": {"name": "inner",
         "units": 3, "trainable": true, "bias_initializer": "ones"}})",
           R"("each")");
  OutModel model = ToKeras(graph);
  EXPECT_EQ(LayerOf(model, "bend").class_name, "Activation");
  const OutLayer& each = LayerOf(model, "each");
  EXPECT_EQ(each.class_name, "TimeDistributed");
  EXPECT_NE(ValueOf(each, "layer").find(R"("bias_initializer":"ones")"),
            std::string::npos);
  EXPECT_NE(ValueOf(each, "layer").find(R"("name":"inner")"),
            std::string::npos);
  ASSERT_EQ(each.weights.size(), 2u);
  EXPECT_EQ(each.weights[0].part, "layer");

  graph.said_of_layers["bend"] =
      Said("Activation", R"("activation": "tanh")", R"("bend")");
  graph.said_of_layers["each"] = "no JSON";
  model = ToKeras(graph);
  EXPECT_EQ(LayerOf(model, "bend").class_name, "ReLU");
  EXPECT_EQ(LayerOf(model, "each").class_name, "Dense");
}

TEST(SaidOfLayers, CallsOfALayerWithoutWeightsAreOneLayer) {
  Graph graph = MakeBent();
  graph.said_of_layers["drop"] =
      Said("Dropout", R"("rate": 0.5)", R"("drop", "drop_1")");
  for (const char* name : {"drop_1", "drop"}) {
    Node& node = graph.AddNode(kDropout, name, {graph.outputs[0]}, {name});
    node.Set<&DropoutAttrs::rate>(0.5f);
    graph.outputs = node.outputs;
  }
  graph.output_names = {"drop"};
  InferShapes(&graph);
  OutModel model = ToKeras(graph);
  ASSERT_EQ(LayerOf(model, "drop").more_calls.size(), 1u);
  EXPECT_EQ(model.layers.size(), 4u);
  // Another rate: no call of that layer any more.
  graph.nodes.back().Set<&DropoutAttrs::rate>(0.25f);
  model = ToKeras(graph);
  EXPECT_EQ(model.layers.size(), 5u);
}

// Keras 3 reads no list in an archive.
TEST(SaidOfLayers, AnAxisInAListIsANumber) {
  const KerasModel model = ParseKerasConfig(
      R"({"class_name": "Sequential", "config": {"name": "m", "layers": [
      {"class_name": "InputLayer",
       "config": {"name": "i", "batch_input_shape": [null, 4, 3]}},
      {"class_name": "BatchNormalization",
       "config": {"name": "n", "axis": [2]}}]}})",
      "config");
  const std::string said = SaidOfLayers(model).at("n");
  EXPECT_NE(said.find(R"("axis":2)"), std::string::npos) << said;
}

TEST(SaidOfLayers, StartsOfLayersInALayerAreWhatBothTake) {
  const KerasModel model = ParseKerasConfig(
      R"({"class_name": "Sequential", "config": {"name": "m", "layers": [
      {"class_name": "InputLayer",
       "config": {"name": "i", "batch_input_shape": [null, 4, 3]}},
      {"class_name": "TimeDistributed", "config": {"name": "t", "layer":
       {"class_name": "Dense", "config": {"name": "d", "units": 2,
        "kernel_initializer": {"class_name": "GlorotUniform",
         "config": {"seed": null, "input_axes": [0]}}}}}}]}})",
      "config");
  const std::string said = SaidOfLayers(model).at("t");
  EXPECT_NE(said.find("GlorotUniform"), std::string::npos) << said;
  EXPECT_EQ(said.find("input_axes"), std::string::npos) << said;
}

TEST(SaidOfLayers, BothContainersKeepIt) {
  Graph graph = MakeBent();
  graph.said_of_layers["each"] =
      Said("Dense", R"("kernel_initializer": "zeros")", R"("each")");
  for (const KerasFile kind : {KerasFile::kH5, KerasFile::kArchive}) {
    for (const Graph* full : {static_cast<const Graph*>(nullptr),
                              static_cast<const Graph*>(&graph)}) {
      const Graph back = ThroughFile(kind, graph, full);
      ASSERT_TRUE(back.said_of_layers.contains("each"));
      EXPECT_NE(back.said_of_layers.at("each").find("zeros"),
                std::string::npos);
    }
  }
}

}  // namespace
}  // namespace litesmith
