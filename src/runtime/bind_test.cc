// Binding with several rows a sample, with samples that are mixed, and with
// shapes that were written for one sample.
#include "src/runtime/bind.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "src/ops/reduce/reduce.h"
#include "src/runtime/interpreter.h"
#include "src/runtime/plan_fixture_test.h"

namespace litesmith {
namespace {

// [N,4,6] -> a dense layer of 3 on each of the 4 -> [N,4,3].
Graph DenseOfRows() {
  Rng rng(5);
  Graph graph;
  const TensorId x = AddImageInput({kDynamic, 4, 6}, &graph);
  const TensorId w = AddRandomParameter("w", {3, 6}, &rng, &graph);
  const TensorId y =
      graph.AddNode(kFullyConnected, "dense", {x, w}, {"dense"}).outputs[0];
  const std::vector<int32_t> dims = {kDynamic, 4, 3};
  const TensorId shape = graph.AddConstant<int32_t>("shape", {3}, dims);
  graph.outputs = graph.AddNode(kReshape, "out", {y, shape}, {"out"}).outputs;
  InferShapes(&graph);
  return graph;
}

// [N,4,9] through shapes that hold one sample only.
Graph WrittenForOne() {
  Graph graph;
  TensorId x = AddImageInput({kDynamic, 4, 9}, &graph);
  for (const std::vector<int32_t>& dims : {std::vector{6, 6}, {1, 36}}) {
    const std::string name = "to_" + std::to_string(dims[0]);
    const TensorId shape =
        graph.AddConstant<int32_t>(name + "/shape", {2}, dims);
    x = graph.AddNode(kReshape, name, {x, shape}, {name}).outputs[0];
  }
  graph.outputs = {x};
  InferShapes(&graph);
  return graph;
}

const OpDef kFlip = {.name = "TEST_FLIP",
                     .summary = "",
                     .operands = kOperands.first(1),
                     .infer =
                         [](Graph* graph, const Node& node) {
                           const Shape x = graph->tensor(node.inputs[0]).shape;
                           graph->tensor(node.outputs[0]).shape = {x[1], x[0]};
                         },
                     .rows = kAddRows};

TEST(Bind, FindsTheRowsOfASample) {
  for (const int batch : {1, 5}) {
    BindOptions options;
    options.batch = batch;
    const BoundGraph bound = BindGraph(DenseOfRows(), options);
    const Node& dense = bound.graph.nodes[0];
    EXPECT_EQ(bound.facts.batch, batch);
    EXPECT_EQ(bound.facts.rows[static_cast<size_t>(dense.outputs[0])], 4);
    EXPECT_EQ(bound.facts.rows[static_cast<size_t>(bound.graph.outputs[0])], 1);
    EXPECT_EQ(bound.graph.tensor(dense.outputs[0]).shape,
              (Shape{4 * batch, 3}));
  }
}

TEST(Bind, SamplesOfSeveralRowsRunTogetherAsAlone) {
  InterpreterOptions options;
  Interpreter alone(DenseOfRows(), options);
  options.batch = 5;
  Interpreter together(DenseOfRows(), options);
  const auto floats = [](std::span<const std::byte> bytes) {
    return std::span(reinterpret_cast<const float*>(bytes.data()),
                     bytes.size() / sizeof(float));
  };
  const auto in = together.input(0);
  Rng rng(6);
  for (size_t i = 0; i < in.size() / sizeof(float); ++i)
    reinterpret_cast<float*>(in.data())[i] = rng.Uniform(-1, 1);
  together.Invoke(3);
  for (size_t s = 0; s < 3; ++s) {
    const size_t bytes = alone.input(0).size();
    std::copy_n(in.data() + s * bytes, bytes, alone.input(0).data());
    alone.Invoke();
    const auto want = floats(alone.output(0));
    const auto got =
        floats(together.output(0)).subspan(s * want.size(), want.size());
    EXPECT_TRUE(std::equal(got.begin(), got.end(), want.begin())) << s;
  }
}

TEST(Bind, SamplesOfSeveralRowsAreTrained) {
  Fixture f(DenseOfRows(), 13);
  f.Step(11);
  // y[s][t][o] = sum over i of x[s][t][i] w[o][i].
  Floats want(18, 0.0f);
  for (size_t row = 0; row < 11 * 4; ++row) {
    for (size_t o = 0; o < 3; ++o) {
      for (size_t i = 0; i < 6; ++i)
        want[o * 6 + i] += f.dy[row * 3 + o] * f.x[row * 6 + i];
    }
  }
  ExpectNear(f.Gradient("w", 18), want);
}

TEST(Bind, RefusesWhatMixesSamples) {
  Builder b;
  const TensorId there = b.Apply(kFlip, {b.x});
  const Graph graph = b.Finish(b.Apply(kFlip, {there}));
  BindOptions options;
  EXPECT_EQ(BindGraph(graph, options).graph.nodes.size(), 2u);
  options.batch = 6;
  EXPECT_NE(ErrorOf([&] { BindGraph(graph, options); }).find("mixes samples"),
            std::string::npos);
  EXPECT_EQ(BatchFor(graph, 6), 1);
}

// Along the batch. Of one sample the mean is itself, but not where a file was
// written for four.
TEST(Bind, RefusesReducingPaddingAndJoiningSamples) {
  const auto graph_of = [](const OpDef& op, int32_t batch) {
    Graph graph;
    const TensorId x = AddImageInput({batch, 4}, &graph);
    std::vector<TensorId> inputs = {x, x};
    if (&op == &kPad) {
      const std::vector<int32_t> paddings = {1, 0, 0, 0};
      inputs[1] = graph.AddConstant<int32_t>("paddings", {2, 2}, paddings);
    } else if (&op == &kMean) {
      const std::vector<int32_t> axes = {0};
      inputs[1] = graph.AddConstant<int32_t>("axes", {1}, axes);
    }
    graph.outputs = graph.AddNode(op, "y", inputs, {"y"}).outputs;
    if (&op == &kMean) graph.nodes[0].Set<&ReduceAttrs::keep_dims>(true);
    InferShapes(&graph);
    return graph;
  };
  const auto error_of = [](const Graph& graph, int batch) {
    InterpreterOptions options;
    options.batch = batch;
    options.inner_outputs = true;
    return ErrorOf([&] { Interpreter(graph, options); });
  };
  for (const OpDef* op : {&kMean, &kPad, &kConcatenation}) {
    SCOPED_TRACE(op->name);
    const Graph graph = graph_of(*op, 1);
    EXPECT_EQ(error_of(graph, 1), "");
    EXPECT_NE(error_of(graph, 3).find("mixes samples"), std::string::npos);
    EXPECT_EQ(BatchFor(graph, 6), 1);
  }
  for (const OpDef* op : {&kMean, &kPad}) {
    EXPECT_NE(error_of(graph_of(*op, 4), 1).find("mixes samples"),
              std::string::npos);
  }
}

// [N, 24] to [N, 4, 6], where the 6 is `op` of two numbers.
Graph ComputedSize(const OpDef& op, const std::vector<int32_t>& a,
                   const std::vector<int32_t>& b, bool scalars) {
  Graph graph;
  const TensorId x = AddImageInput({kDynamic, 24}, &graph);
  const auto number = [&](const std::string& name,
                          const std::vector<int32_t>& values) {
    const auto n = static_cast<int32_t>(values.size());
    return graph.AddConstant<int32_t>(name, scalars ? Shape{} : Shape{n},
                                      values);
  };
  const auto add = [&](const OpDef& of, const std::string& name,
                       const std::vector<TensorId>& inputs) {
    return graph.AddNode(of, name, inputs, {name}).outputs[0];
  };
  std::vector<TensorId> inputs = {number("a", a), number("b", b)};
  if (&op == &kSelectV2)
    inputs.insert(inputs.begin(), add(kLess, "less", {inputs[0], inputs[1]}));
  TensorId size = add(op, "size", inputs);
  InferShapes(&graph);
  const std::vector<int32_t> outer = {-1, 4};
  const TensorId first = graph.AddConstant<int32_t>("outer", {2}, outer);
  if (graph.tensor(size).shape.rank() == 0) {
    const std::vector<int32_t> one = {1};
    const TensorId shape = graph.AddConstant<int32_t>("one", {1}, one);
    size = add(kReshape, "list", {size, shape});
  }
  const TensorId sizes = add(kConcatenation, "sizes", {first, size});
  const TensorId y = add(kReshape, "y", {x, sizes});
  graph.tensor(y).shape = {kDynamic, 4, 6};
  graph.outputs = {y};
  InferShapes(&graph);
  return graph;
}

TEST(Bind, FoldsArithmeticOfSizes) {
  struct Row {
    const OpDef& op;
    std::vector<int32_t> a, b;
  };
  const Row rows[] = {{kAdd, {2}, {4}},           {kSub, {10}, {4}},
                      {kMul, {2}, {3}},           {kDiv, {13}, {2}},
                      {kMaximum, {6}, {2}},       {kMinimum, {6}, {9}},
                      {kFloorDiv, {13}, {2}},     {kFloorMod, {13}, {7}},
                      {kPow, {6}, {1}},           {kSelectV2, {6}, {9}},
                      {kReduceProd, {2, 3}, {0}}, {kSum, {2, 4}, {0}},
                      {kReduceMax, {2, 6}, {0}},  {kReduceMin, {7, 6}, {0}}};
  for (const Row& row : rows) {
    for (const bool scalars : {false, true}) {
      if (scalars && row.a.size() > 1) continue;
      SCOPED_TRACE(row.op.name);
      BindOptions options;
      options.batch = 5;
      const Graph graph = ComputedSize(row.op, row.a, row.b, scalars);
      const BoundGraph bound = BindGraph(graph, options);
      ASSERT_EQ(bound.graph.nodes.size(), 1u);
      EXPECT_EQ(bound.graph.tensor(bound.graph.outputs[0]).shape,
                (Shape{5, 4, 6}));
      EXPECT_EQ(bound.facts.rows[static_cast<size_t>(bound.graph.outputs[0])],
                1);
    }
  }
}

TEST(Bind, OutputsOfSeveralRowsAreForThoseWhoAsk) {
  Graph graph = DenseOfRows();
  graph.outputs = graph.nodes[0].outputs;
  BindOptions options;
  EXPECT_NE(ErrorOf([&] { BindGraph(graph, options); }).find("not the batch"),
            std::string::npos);
  options.inner_outputs = true;
  EXPECT_EQ(BindGraph(graph, options).graph.outputs.size(), 1u);
}

TEST(Bind, ABatchIsOnlyForGraphsThatFitEach) {
  EXPECT_EQ(BatchFor(DenseOfRows(), 32), 32);
  EXPECT_EQ(BatchFor(SmallCnn(), 32), 32);
  EXPECT_EQ(BatchFor(WrittenForOne(), 32), 1);
  EXPECT_EQ(Interpreter(WrittenForOne()).batch(), 1);
}

}  // namespace
}  // namespace litesmith
