// Which tensors are weights, and of which layer.
#include "src/graph/weights.h"

#include <gtest/gtest.h>

#include <vector>

#include "src/graph/edit.h"
#include "src/graph/op_def.h"

namespace litesmith {
namespace {

void SameShape(Graph* graph, const Node& node) {
  graph->tensor(node.outputs[0]).shape = graph->tensor(node.inputs[0]).shape;
}
constexpr Operand kWeightOperand[] = {{.name = "x"}};
constexpr Operand kLayerOperands[] = {
    {.name = "x"},
    {.name = "w", .role = Role::kWeight, .channel_axis = 3, .input_axis = 2}};
const OpDef kIdentity = {.name = "TEST_IDENTITY",
                         .summary = "",
                         .operands = kWeightOperand,
                         .infer = SameShape};
const OpDef kLayer = {.name = "TEST_LAYER",
                      .summary = "",
                      .operands = kLayerOperands,
                      .infer = SameShape};

TensorId AddInput(Graph* graph) {
  Tensor x;
  x.name = "x";
  x.kind = TensorKind::kInput;
  x.shape = {1, 2};
  graph->inputs = {graph->AddTensor(std::move(x))};
  return graph->inputs[0];
}

TensorId AddWeights(const std::string& name, Graph* graph) {
  return graph->AddConstant<float>(name, {1, 1, 2, 2},
                                   std::vector<float>{1, 2, 3, 4},
                                   TensorKind::kParameter);
}

TEST(Weights, AreNamedOnceThoughTwoLayersReadThem) {
  Graph graph;
  const TensorId x = AddInput(&graph);
  const TensorId shared = AddWeights("shared", &graph);
  const TensorId own = AddWeights("own", &graph);
  graph.AddNode(kLayer, "a", {x, shared}, {"a"});
  graph.AddNode(kLayer, "b", {x, own}, {"b"});
  graph.AddNode(kLayer, "c", {x, shared}, {"c"});
  const std::vector<WeightRef> weights = Weights(graph);
  ASSERT_EQ(weights.size(), 2u);
  EXPECT_EQ(weights[0].parameter, shared);
  EXPECT_EQ(weights[0].node, 0);
  EXPECT_EQ(weights[0].input, 1);
  EXPECT_EQ(weights[0].channel_axis, 3);
  EXPECT_EQ(weights[0].input_axis, 2);
  EXPECT_EQ(weights[1].parameter, own);
  EXPECT_EQ(weights[1].node, 1);
}

TEST(Weights, AreFoundBehindOtherNodesAndNotAmongActivations) {
  Graph graph;
  const TensorId x = AddInput(&graph);
  const TensorId w = AddWeights("w", &graph);
  const TensorId behind = graph.AddNode(kIdentity, "i", {w}, {"i"}).outputs[0];
  graph.AddNode(kLayer, "layer", {x, behind}, {"y"});
  graph.AddNode(kLayer, "computed", {x, x}, {"z"});
  const std::vector<WeightRef> weights = Weights(graph);
  ASSERT_EQ(weights.size(), 1u);
  EXPECT_EQ(weights[0].parameter, w);
  EXPECT_EQ(graph.node(weights[0].node).name, "layer");
}

TEST(InsertBehind, EveryReaderReadsTheNewNode) {
  Graph graph;
  const TensorId x = AddInput(&graph);
  const TensorId w = AddWeights("w", &graph);
  graph.AddNode(kLayer, "a", {x, w}, {"a"});
  const TensorId b = graph.AddNode(kLayer, "b", {x, w}, {"b"}).outputs[0];
  graph.outputs = {b, w};
  EXPECT_EQ(FirstReader(graph, w), 0);
  EXPECT_EQ(FirstReader(graph, b), 2);
  const Node& node = InsertBehind(&graph, w, 0, kIdentity, "i");
  EXPECT_EQ(node.inputs, std::vector<TensorId>{w});
  const TensorId out = node.outputs[0];
  EXPECT_EQ(graph.tensor(out).shape, (Shape{1, 1, 2, 2}));
  EXPECT_EQ(graph.node(1).inputs[1], out);
  EXPECT_EQ(graph.node(2).inputs[1], out);
  EXPECT_EQ(graph.outputs[1], out);
  VerifyStructure(graph);
}

}  // namespace
}  // namespace litesmith
