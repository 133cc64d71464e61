// Models in the model come back where their layers still are one.
#include "src/formats/keras/nests.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "src/base/rng.h"
#include "src/formats/keras/test_graphs.h"
#include "src/formats/keras/to_keras.h"

namespace litesmith {
namespace {

std::string SaidModel(const std::string& name, const std::string& kind,
                      int around, const std::string& layers,
                      const std::string& outputs) {
  static int models = 0;
  return R"({"class_name": ")" + kind + R"(", "name": ")" + name +
         R"(", "model": )" + std::to_string(models++) + R"(, "around": )" +
         std::to_string(around) + R"(, "layers": [)" + layers +
         R"(], "inputs": ["in"], "reads": [0], "outputs": [)" + outputs + "]}";
}

// x -> a -> b -> c -> d, dense layers of 4; "outer" is b and a Sequential
// "inner", which is c.
Graph MakeNested() {
  Rng rng(3);
  Graph graph;
  TensorId y = AddInput("x", {kDynamic, 4}, &graph);
  for (const char* name : {"a", "b", "c", "d"})
    y = AddDense(name, y, 4, 4, &rng, &graph);
  graph.outputs = {y};
  graph.output_names = {"d"};
  InferShapes(&graph);
  graph.functional = true;
  graph.said_of_layers[kSaidOfNests] =
      "[" +
      SaidModel("outer", "Functional", -1, R"(["b", "b", [0]])",
                R"(["c", 0])") +
      "," +
      SaidModel("inner", "Sequential", 0, R"(["c", "c", [0]])", R"(["c", 0])") +
      "]";
  return graph;
}

std::string Names(const OutModel& model) {
  std::string names;
  for (const OutLayer& layer : model.layers) {
    names += names.empty() ? layer.name : " " + layer.name;
    if (layer.model != nullptr)
      names += (layer.model->is_chain ? "[" : "(") + Names(*layer.model) +
               (layer.model->is_chain ? "]" : ")");
  }
  return names;
}

TEST(NestsTest, ModelsAreWrittenAndRead) {
  const Graph graph = MakeNested();
  const OutModel model = ToKeras(graph);
  EXPECT_EQ(Names(model), "x a outer(in b inner[in c]) d");
  EXPECT_TRUE(model.flattened.empty());
  for (const KerasFile kind : {KerasFile::kH5, KerasFile::kArchive}) {
    const Graph back = ThroughFile(kind, graph);
    EXPECT_EQ(Names(ToKeras(back)), "x a outer(in b inner[c_input c]) d");
    EXPECT_EQ(Forward(back, {{1, 2, 3, 4}}, 1),
              Forward(graph, {{1, 2, 3, 4}}, 1));
    // One call of the model, though the file has it twice.
    EXPECT_EQ(back.nodes.size(), graph.nodes.size());
    // With our own graph beside it, whose weights are those of the layers.
    EXPECT_EQ(Names(ToKeras(ThroughFile(kind, graph, &graph))), Names(model));
  }
}

TEST(NestsTest, FrozenModelsAreFrozenWithAllThatIsInThem) {
  Graph graph = MakeNested();
  std::string& said = graph.said_of_layers[kSaidOfNests];
  said.replace(said.find("\"reads\""), 0, "\"trainable\": false, ");
  // Something in it trains.
  EXPECT_TRUE(ToKeras(graph).layers[2].trainable);
  for (Tensor& tensor : graph.tensors) {
    if (tensor.has_data()) tensor.kind = TensorKind::kConstant;
  }
  for (const KerasFile kind : {KerasFile::kH5, KerasFile::kArchive}) {
    const OutModel model = ToKeras(ThroughFile(kind, graph));
    EXPECT_FALSE(model.layers[2].trainable);
    ASSERT_NE(model.layers[2].model, nullptr);
    EXPECT_FALSE(model.layers[2].model->trainable);
  }
}

TEST(NestsTest, WhatIsReadFromOutsideStaysFlat) {
  Graph graph = MakeNested();
  // b is no output of "outer".
  const TensorId b = graph.nodes[1].outputs[0];
  const TensorId y =
      graph.AddNode(kAdd, "sum", {graph.outputs[0], b}, {"sum"}).outputs[0];
  graph.outputs = {y};
  InferShapes(&graph);
  const OutModel model = ToKeras(graph);
  EXPECT_EQ(Names(model), "x a b inner[in c] d sum");
  EXPECT_EQ(model.flattened, std::vector<std::string>{"outer"});
}

TEST(NestsTest, ModelsThatShareWeightsStayFlat) {
  Graph graph = MakeNested();
  graph.nodes[3].inputs[1] = graph.nodes[2].inputs[1];
  graph.nodes[3].inputs[2] = graph.nodes[2].inputs[2];
  const OutModel model = ToKeras(graph);
  EXPECT_EQ(model.flattened, (std::vector<std::string>{"inner", "outer"}));
  for (const OutLayer& layer : model.layers) EXPECT_EQ(layer.model, nullptr);
}

TEST(NestsTest, ModelsThatReadWhatIsMadeOfThemStayFlat) {
  Graph graph = MakeNested();
  // b -> bend, outside -> c.
  const TensorId b = graph.nodes[1].outputs[0];
  const TensorId bend = graph.AddNode(kTanh, "bend", {b}, {"bend"}).outputs[0];
  std::rotate(graph.nodes.begin() + 2, graph.nodes.end() - 1,
              graph.nodes.end());
  graph.nodes[3].inputs[0] = bend;
  InferShapes(&graph);
  const OutModel model = ToKeras(graph);
  EXPECT_EQ(model.flattened, std::vector<std::string>{"outer"});
  EXPECT_EQ(Names(model), "x a b bend inner[in c] d");
}

TEST(NestsTest, LayersThatAreGoneAreNotMissed) {
  Graph graph = MakeNested();
  graph.nodes[3].inputs[0] = graph.nodes[1].outputs[0];
  graph.nodes.erase(graph.nodes.begin() + 2);
  graph.said_of_layers["d"] = "no JSON";
  EXPECT_EQ(Names(ToKeras(graph)), "x a outer(in b) d");
  graph.said_of_layers[kSaidOfNests] = R"([{"name": 3}])";
  EXPECT_EQ(Names(ToKeras(graph)), "x a b d");
}

}  // namespace
}  // namespace litesmith
