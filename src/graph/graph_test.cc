// The IR with ops of its own: shapes, structure, dead nodes, copy-on-write.
#include "src/graph/graph.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "src/base/error.h"
#include "src/base/warning.h"
#include "src/graph/names.h"
#include "src/graph/op_def.h"

namespace litesmith {
namespace {

void InferCopy(Graph* graph, const Node& node) {
  Tensor& out = graph->tensor(node.outputs[0]);
  out.shape = graph->tensor(node.inputs[0]).shape;
  out.dtype = graph->tensor(node.inputs[0]).dtype;
  if (out.shape.rank() == 3) Fail(ErrorKind::kUnsupported, "rank 3");
}

enum Mode : int { kPlain, kOther, kUsual };
struct CopyAttrs {
  float gain = 1.5f;
  Mode mode = kUsual;
};

}  // namespace

template <>
inline constexpr auto kAttrs<CopyAttrs> = AttrList({
    Attr<&CopyAttrs::gain>("gain", 0),
    Attr<&CopyAttrs::mode>("mode", 1),
});

namespace {

constexpr Operand kOpOperands[] = {{.name = "x"},
                                   {.name = "y", .optional = true}};

const OpDef kCopy = {.name = "COPY",
                     .summary = "",
                     .attrs = kAttrs<CopyAttrs>,
                     .operands = kOpOperands,
                     .infer = InferCopy};

Graph Chain(int nodes, const Shape& shape) {
  Graph graph;
  Tensor x;
  x.name = "x";
  x.kind = TensorKind::kInput;
  x.shape = shape;
  TensorId at = graph.AddTensor(std::move(x));
  graph.inputs = {at};
  for (int i = 0; i < nodes; ++i) {
    at = graph
             .AddNode(kCopy, "n" + std::to_string(i), {at},
                      {"t" + std::to_string(i)})
             .outputs[0];
  }
  graph.outputs = {at};
  return graph;
}

std::string MessageOf(const Graph& graph) {
  try {
    VerifyStructure(graph);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kCorrupt);
    return error.what();
  }
  return "";
}

TEST(Graph, InfersShapesAlongTheChainAndNamesTheNodeAtFault) {
  Graph graph = Chain(3, {kDynamic, 4});
  InferShapes(&graph);
  EXPECT_EQ(graph.tensor(graph.outputs[0]).shape, Shape({kDynamic, 4}));
  VerifyStructure(graph);
  EXPECT_FLOAT_EQ(graph.node(0).Get<&CopyAttrs::gain>(), 1.5f);
  EXPECT_EQ(graph.node(0).Get<&CopyAttrs::mode>(), kUsual);
  Graph bad = Chain(1, {1, 2, 3});
  try {
    InferShapes(&bad);
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("n0"), std::string::npos);
  }
}

TEST(Graph, VerifiesStructure) {
  const Graph good = Chain(2, {kDynamic, 4});
  Graph g = good;
  g.node(1).inputs[0] = 99;
  EXPECT_NE(MessageOf(g).find("99"), std::string::npos);
  g = good;
  g.node(0).inputs[0] = g.node(1).outputs[0];
  EXPECT_NE(MessageOf(g).find("before"), std::string::npos);
  g = good;
  g.node(1).outputs[0] = g.node(0).outputs[0];
  EXPECT_NE(MessageOf(g), "");
  g = good;
  g.node(0).attrs.pop_back();
  EXPECT_NE(MessageOf(g).find("attributes"), std::string::npos);
  g = good;
  g.node(0).inputs.clear();
  EXPECT_NE(MessageOf(g).find("inputs"), std::string::npos);
  g = good;
  const float values[] = {1, 2, 3};
  const TensorId c = g.AddConstant<float>("c", {3}, values);
  EXPECT_EQ(MessageOf(g), "");
  g.tensor(c).shape = {4};
  EXPECT_NE(MessageOf(g).find("bytes"), std::string::npos);
  g.tensor(c).shape = {3};
  g.tensor(c).quant = {{0.0f}, {0}, 0};
  EXPECT_NE(MessageOf(g).find("scale"), std::string::npos);
  g.tensor(c).quant = {{1.0f, 1.0f}, {0, 0}, 0};
  EXPECT_NE(MessageOf(g).find("scales"), std::string::npos);
}

TEST(Graph, DropsWhatNoOutputNeeds) {
  Graph graph = Chain(3, {kDynamic, 4});
  graph.outputs = {graph.node(0).outputs[0]};
  const Graph pruned = RemoveDeadNodes(graph);
  EXPECT_EQ(pruned.nodes.size(), 1u);
  EXPECT_EQ(pruned.tensors.size(), 2u);
  VerifyStructure(pruned);
}

TEST(Graph, CopiesShareDataUntilOneWrites) {
  Graph a;
  const float values[] = {1, 2, 3};
  const TensorId id = a.AddConstant<float>("c", {3}, values);
  Graph b = a;
  EXPECT_EQ(a.tensor(id).data.data(), b.tensor(id).data.data());
  b.tensor(id).MutableAs<float>()[0] = 9;
  EXPECT_EQ(a.tensor(id).As<float>()[0], 1.0f);
  EXPECT_EQ(b.tensor(id).As<float>()[0], 9.0f);
}

TEST(Graph, PrintsEveryNode) {
  const std::string text = Print(Chain(2, {kDynamic, 4}));
  EXPECT_NE(text.find("COPY"), std::string::npos);
  EXPECT_NE(text.find("gain=1.5"), std::string::npos);
}

TEST(Graph, TensorsAreTracedThroughTheRemovalOfDeadNodes) {
  Graph graph = Chain(3, {kDynamic, 4});
  graph.outputs = {graph.node(1).outputs[0]};
  graph.AddNode(kCopy, "late", {graph.outputs[0]}, {"late"});
  graph.outputs.push_back(graph.nodes.back().outputs[0]);
  SourceIds source = {10, 11, 12, 13, 14};
  const Graph pruned = RemoveDeadNodes(graph, &source);
  ASSERT_EQ(source.size(), pruned.tensors.size());
  EXPECT_EQ(source, (SourceIds{10, 11, 12, 14}));
}

std::vector<std::string> NamesOf(const Graph& graph) {
  std::vector<std::string> names;
  for (const Tensor& tensor : graph.tensors) names.push_back(tensor.name);
  for (const Node& node : graph.nodes) names.push_back(node.name);
  return names;
}

TEST(Names, TheFirstOfEqualsKeepsItsNameAndTakenSuffixesAreSkipped) {
  Graph graph = Chain(5, {kDynamic, 4});
  const char* names[] = {"k", "k", "k_1", "", "k", "x"};
  for (size_t t = 0; t < 6; ++t) graph.tensors[t].name = names[t];
  graph.nodes[0].name = "a";
  graph.nodes[1].name = "";
  graph.nodes[2].name = "";
  graph.nodes[3].name = "a";
  EXPECT_EQ(MakeNamesUnique(&graph),
            (std::vector<std::string>{"'k' is now 'k_2'", "'k' is now 'k_3'",
                                      "'a' is now 'a_1'"}));
  EXPECT_EQ(NamesOf(graph),
            (std::vector<std::string>{"k", "k_2", "k_1", "COPY_2", "k_3", "x",
                                      "a", "k_1", "COPY_2", "a_1", "n4"}));
  VerifyNames(graph);
  EXPECT_EQ(MakeNamesUnique(&graph), std::vector<std::string>{});
  EXPECT_EQ(UniqueTensorName(graph, "k"), "k_4");
  EXPECT_EQ(UniqueTensorName(graph, "new"), "new");
}

TEST(Names, OneWarningNamesTheFirstFew) {
  std::vector<std::string> warnings;
  const WarningSink before = SetWarningSink(
      [&](std::string_view text) { warnings.emplace_back(text); });
  Graph graph = Chain(5, {kDynamic, 4});
  for (Tensor& tensor : graph.tensors) tensor.name = "k";
  MakeNamesUniqueAtDoor("m.tflite", &graph);
  MakeNamesUniqueAtDoor("m.tflite", &graph);
  SetWarningSink(before);
  EXPECT_EQ(warnings,
            std::vector<std::string>{
                "m.tflite: names are used twice in it: 'k' is now 'k_1', 'k' "
                "is now 'k_2', 'k' is now 'k_3', and 2 more"});
}

}  // namespace
}  // namespace litesmith
