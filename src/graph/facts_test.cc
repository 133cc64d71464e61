// Facts of a graph with ops of its own: who reads what, what is computed of
// samples, what is trained, what is quantized later on.
#include "src/graph/facts.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "src/graph/differentiates.h"
#include "src/graph/op_def.h"

namespace litesmith {
namespace {

void InferSame(Graph* graph, const Node& node) {
  for (const TensorId id : node.outputs)
    graph->tensor(id).shape = graph->tensor(node.inputs[0]).shape;
}

constexpr Operand kOperands[] = {{.name = "a"},
                                 {.name = "b", .optional = true}};
constexpr Operand kOneOperand[] = {{.name = "x"}};
// Never made: that it is there counts.
constexpr KernelRow kTrained[] = {{"Train", Purpose::kTrain, {}, nullptr}};
const OpDef kSum = {.name = "SUM",
                    .summary = "",
                    .operands = kOperands,
                    .infer = InferSame,
                    .rows = kTrained};
const OpDef kRename = {.name = "RENAME",
                       .summary = "",
                       .operands = kOneOperand,
                       .infer = InferSame,
                       .rows = kTrained,
                       .in_place = true};
const OpDef kRound = {.name = "ROUND",
                      .summary = "",
                      .operands = kOneOperand,
                      .infer = InferSame};

class Builder {
 public:
  TensorId Input(const Shape& shape) {
    Tensor tensor;
    tensor.kind = TensorKind::kInput;
    tensor.shape = shape;
    graph.inputs.push_back(graph.AddTensor(tensor));
    return graph.inputs.back();
  }
  TensorId Parameter() {
    const float values[] = {1, 2, 3};
    return graph.AddConstant<float>("p", {3}, values, TensorKind::kParameter);
  }
  TensorId Apply(const OpDef& op, std::vector<TensorId> inputs) {
    const TensorId id =
        graph.AddNode(op, "n", std::move(inputs), {"t"}).outputs[0];
    InferShapes(&graph);
    return id;
  }
  Graph graph;
};

TEST(GraphFacts, SaysWhoWritesReadsAndSharesATensor) {
  Builder b;
  const TensorId x = b.Input({4, 3});
  const TensorId y = b.Apply(kSum, {x, x});
  const TensorId z = b.Apply(kRename, {b.Apply(kRename, {y})});
  b.graph.outputs = {z, y};
  const GraphFacts facts = FactsOf(b.graph);
  EXPECT_EQ(facts.Producer(x), -1);
  EXPECT_EQ(facts.Producer(z), 2);
  EXPECT_EQ(facts.Uses(x), 2);
  EXPECT_EQ(facts.Uses(y), 2);  // once as an output
  EXPECT_EQ(facts.Root(z), y);
  EXPECT_EQ(facts.Root(x), x);
  EXPECT_EQ(facts.source[2], 2);
}

TEST(GraphFacts, TellsSamplesFromWhatIsTheSameForAll) {
  Builder b;
  const TensorId x = b.Input({4, 3});
  const TensorId rows = b.Input({12, 3});
  const TensorId p = b.Parameter();
  const TensorId edge = b.Apply(kSum, {p, p});
  const TensorId y = b.Apply(kSum, {x, edge});
  const TensorId z = b.Apply(kSum, {rows, y});
  b.graph.outputs = {z};
  const GraphFacts facts = FactsOf(b.graph);
  EXPECT_EQ(facts.batch, 4);
  EXPECT_FALSE(facts.IsBatched(edge));
  EXPECT_TRUE(facts.IsBatched(y));
  EXPECT_FALSE(facts.IsBatched(b.graph.node(0)));
  EXPECT_TRUE(facts.IsBatched(b.graph.node(1)));
  EXPECT_EQ(facts.rows[static_cast<size_t>(y)], 1);
  EXPECT_EQ(facts.rows[static_cast<size_t>(z)], 3);
  EXPECT_EQ(facts.rows[static_cast<size_t>(edge)], 0);
}

TEST(GraphFacts, OnlyWhatLiesBetweenAParameterAndAHeadIsTrained) {
  Builder b;
  const TensorId x = b.Input({4, 3});
  const TensorId p = b.Parameter();
  const TensorId q = b.Parameter();
  const TensorId before = b.Apply(kSum, {x, x});
  const TensorId first = b.Apply(kSum, {before, p});
  const TensorId renamed = b.Apply(kRename, {first});
  const TensorId second = b.Apply(kSum, {first, q});
  b.graph.outputs = {first, second};
  const GraphFacts of_first = FactsOf(b.graph);
  EXPECT_TRUE(of_first.IsTrained(p));
  EXPECT_TRUE(of_first.IsTrained(first));
  EXPECT_TRUE(of_first.IsTrained(renamed)) << "shares the memory of the first";
  EXPECT_FALSE(of_first.IsTrained(q));
  EXPECT_FALSE(of_first.IsTrained(second));
  EXPECT_FALSE(of_first.IsTrained(before));
  const int both[] = {0, 1};
  const GraphFacts of_both = FactsOf(b.graph, both);
  EXPECT_TRUE(of_both.IsTrained(q));
  EXPECT_TRUE(of_both.IsTrained(second));
  EXPECT_FALSE(of_both.IsTrained(before));
  EXPECT_FALSE(FactsOf(b.graph, {}).IsTrained(p));
}

TEST(GraphFacts, NoGradientFlowsThroughWhatHasNone) {
  Builder b;
  const TensorId x = b.Input({4, 3});
  const TensorId p = b.Parameter();
  const TensorId q = b.Parameter();
  const TensorId r = b.Parameter();
  const TensorId first = b.Apply(kSum, {x, p});
  const TensorId rounded = b.Apply(kRound, {first});
  const TensorId second = b.Apply(kSum, {rounded, q});
  b.Apply(kSum, {x, r});
  b.graph.outputs = {second};
  const GraphFacts facts = FactsOf(b.graph);
  EXPECT_TRUE(facts.IsTrained(q));
  EXPECT_TRUE(facts.IsTrained(second));
  EXPECT_FALSE(facts.IsTrained(rounded));
  EXPECT_FALSE(facts.IsTrained(first));
  EXPECT_FALSE(facts.IsTrained(p));
  const int head[] = {0};
  const std::vector<Blocked> blocked = FindBlocked(b.graph, head);
  ASSERT_EQ(blocked.size(), 2u);
  EXPECT_EQ(blocked[0].node, -1) << "nothing that counts reads it";
  EXPECT_EQ(blocked[0].parameters, std::vector<TensorId>{r});
  EXPECT_EQ(b.graph.node(blocked[1].node).op, &kRound);
  EXPECT_EQ(blocked[1].parameters, std::vector<TensorId>{p});
  // What reads it on another way, too, trains it.
  b.graph.outputs = {b.Apply(kSum, {second, first})};
  EXPECT_TRUE(FactsOf(b.graph).IsTrained(p));
  EXPECT_FALSE(FactsOf(b.graph).IsTrained(rounded));
}

TEST(GraphFacts, FindsWhatIsQuantizedLaterOn) {
  Builder b;
  const TensorId x = b.Input({4, 3});
  const TensorId far = b.Apply(kSum, {x, x});
  const TensorId near = b.Apply(kSum, {far, far});
  const TensorId integers = b.Apply(kSum, {near, near});
  const TensorId aside = b.Apply(kSum, {far, far});
  Tensor& quantized = b.graph.tensor(integers);
  quantized.dtype = DType::kInt8;
  quantized.quant = {{0.5f}, {0}, 0};
  b.graph.outputs = {integers, aside};
  const GraphFacts facts = FactsOf(b.graph);
  EXPECT_TRUE(facts.IsBeforeQuantize(far));
  EXPECT_TRUE(facts.IsBeforeQuantize(near));
  EXPECT_FALSE(facts.IsBeforeQuantize(integers));
  EXPECT_FALSE(facts.IsBeforeQuantize(aside));
}

}  // namespace
}  // namespace litesmith
