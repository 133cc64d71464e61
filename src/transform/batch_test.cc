// TensorFlow's spelling of a reshape of an open batch becomes one RESHAPE.
#include "src/transform/batch.h"

#include <gtest/gtest.h>

#include "src/ops/move/move.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

using Ints = std::vector<int32_t>;

struct Built {
  Graph graph;
  TensorId x;
  TensorId batch;  // a scalar: x's dimension 0
};

Built WithBatch() {
  Built built;
  Graph& graph = built.graph;
  Tensor input;
  input.name = "x";
  input.kind = TensorKind::kInput;
  input.shape = {kDynamic, 4, 6};
  built.x = graph.AddTensor(std::move(input));
  graph.inputs = {built.x};
  Node& shape = graph.AddNode(kShape, "shape", {built.x}, {"shape"});
  shape.Set<&ShapeAttrs::out_type>(static_cast<int64_t>(DType::kInt32));
  const TensorId dims = shape.outputs[0];
  const TensorId begin = graph.AddConstant<int32_t>("begin", {1}, Ints{0});
  const TensorId end = graph.AddConstant<int32_t>("end", {1}, Ints{1});
  const TensorId step = graph.AddConstant<int32_t>("step", {1}, Ints{1});
  Node& slice = graph.AddNode(kStridedSlice, "slice", {dims, begin, end, step},
                              {"batch"});
  slice.Set<&StridedSliceAttrs::shrink_axis_mask>(1);
  built.batch = slice.outputs[0];
  return built;
}

// The graph that reshapes x to [batch, rest...], a shape that the file knows.
Graph Reshaped(const Ints& rest, const Shape& known) {
  Built built = WithBatch();
  Graph& graph = built.graph;
  std::vector<TensorId> parts = {built.batch};
  for (const int32_t dim : rest)
    parts.push_back(graph.AddConstant<int32_t>("dim", Shape(), Ints{dim}));
  Node& pack = graph.AddNode(kPack, "pack", parts, {"target"});
  pack.Set<&PackAttrs::values_count>(static_cast<int64_t>(parts.size()));
  const TensorId target = pack.outputs[0];
  const TensorId y =
      graph.AddNode(kReshape, "y", {built.x, target}, {"y"}).outputs[0];
  graph.tensor(y).shape = known;
  graph.outputs = {y};
  InferShapes(&graph);
  return graph;
}

TEST(FoldBatchShapesTest, MakesOneReshape) {
  const Graph folded = FoldBatchShapes(Reshaped({24, 1}, {kDynamic, 24, 1}));
  ASSERT_EQ(folded.nodes.size(), 1u);
  EXPECT_EQ(folded.nodes[0].op, &kReshape);
  const Tensor& target = folded.tensor(folded.nodes[0].inputs[1]);
  const auto dims = target.As<int32_t>();
  EXPECT_EQ(Ints(dims.begin(), dims.end()), (Ints{-1, 24, 1}));
  EXPECT_EQ(folded.tensor(folded.outputs[0]).shape, (Shape{kDynamic, 24, 1}));
}

TEST(FoldBatchShapesTest, LeavesOneOpenDimension) {
  const Graph folded = FoldBatchShapes(Reshaped({3, -1}, {kDynamic, 3, 8}));
  const Tensor& target = folded.tensor(folded.nodes[0].inputs[1]);
  const auto dims = target.As<int32_t>();
  EXPECT_EQ(Ints(dims.begin(), dims.end()), (Ints{-1, 3, 8}));
}

TEST(FoldBatchShapesTest, LeavesOtherGraphsAlone) {
  Built built = WithBatch();
  Graph& graph = built.graph;
  const TensorId target =
      graph.AddConstant<int32_t>("target", {2}, Ints{-1, 24});
  graph.outputs = {
      graph.AddNode(kReshape, "y", {built.x, target}, {"y"}).outputs[0]};
  graph.nodes.erase(graph.nodes.begin(), graph.nodes.begin() + 2);
  InferShapes(&graph);
  EXPECT_EQ(Print(FoldBatchShapes(graph)), Print(graph));
}

}  // namespace
}  // namespace litesmith
