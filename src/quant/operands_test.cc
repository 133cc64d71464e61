// Conversion of layers whose operands are not in the usual places: a shape
// first, as TRANSPOSE_CONV has it, or two operands that are both computed. The
// converted graphs give about what the float ones give.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "src/base/rng.h"
#include "src/ops/layer/batch_mat_mul.h"
#include "src/ops/layer/transpose_conv.h"
#include "src/ops/move/move.h"
#include "src/ops/registry.h"
#include "src/ops/small_graph_test.h"
#include "src/quant/convert.h"
#include "src/runtime/interpreter.h"

namespace litesmith {
namespace {

using Floats = std::vector<float>;

TensorId AddInput(const std::string& name, const Shape& shape, Graph* graph) {
  Tensor tensor;
  tensor.name = name;
  tensor.kind = TensorKind::kInput;
  tensor.shape = shape;
  graph->inputs.push_back(graph->AddTensor(std::move(tensor)));
  graph->input_names.push_back(name);
  return graph->inputs.back();
}

Graph Finish(TensorId output, Graph graph) {
  graph.outputs = {output};
  graph.output_names = {graph.tensor(output).name};
  InferShapes(&graph);
  return graph;
}

// TRANSPOSE_CONV of x to the height and width that `like` has.
Graph Upsampler(bool with_bias) {
  Rng rng(3);
  Graph graph;
  const TensorId x = AddInput("x", {1, 3, 4, 3}, &graph);
  const TensorId like = AddInput("like", {1, 6, 8, 5}, &graph);
  const TensorId w = AddRandomParameter("kernel", {5, 3, 3, 3}, &rng, &graph);
  Node& sizes = graph.AddNode(kShape, "sizes", {like}, {"sizes"});
  sizes.Set<&ShapeAttrs::out_type>(DType::kInt32);
  std::vector<TensorId> inputs = {sizes.outputs[0], w, x};
  if (with_bias)
    inputs.push_back(AddRandomParameter("bias", {5}, &rng, &graph));
  Node& node = graph.AddNode(kTransposeConv, "up", inputs, {"up"});
  node.Set<&TransposeConvAttrs::stride_h>(2);
  node.Set<&TransposeConvAttrs::stride_w>(2);
  const TensorId up = node.outputs[0];
  graph.tensor(up).shape = {1, 6, 8, 5};  // as a file says it
  return Finish(up, std::move(graph));
}

// x times y, and that times a constant.
Graph Products() {
  Rng rng(4);
  Graph graph;
  const TensorId x = AddInput("x", {1, 5, 6}, &graph);
  const TensorId y = AddInput("y", {1, 7, 6}, &graph);
  Node& scores = graph.AddNode(kBatchMatMul, "scores", {x, y}, {"scores"});
  scores.Set<&BatchMatMulAttrs::adj_y>(true);
  const TensorId all = scores.outputs[0];
  Floats values(7 * 4);
  for (float& v : values) v = rng.Uniform(-0.3f, 1);
  const TensorId constant =
      graph.AddConstant<float>("constant", {7, 4}, values);
  const TensorId out =
      graph.AddNode(kBatchMatMul, "out", {all, constant}, {"out"}).outputs[0];
  return Finish(out, std::move(graph));
}

// With inputs of floats in [-1, 1).
Floats Run(const Graph& graph) {
  Interpreter interpreter(graph, {.batch = 1});
  Rng rng(5);
  for (int i = 0; i < interpreter.num_inputs(); ++i) {
    const std::span<std::byte> bytes = interpreter.input(i);
    Floats values(bytes.size() / sizeof(float));
    for (float& v : values) v = rng.Uniform(-1, 1);
    std::memcpy(bytes.data(), values.data(), bytes.size());
  }
  interpreter.Invoke();
  const std::span<const std::byte> bytes = interpreter.output(0);
  Floats result(bytes.size() / sizeof(float));
  std::memcpy(result.data(), bytes.data(), bytes.size());
  return result;
}

// Of values in [-1, 1], of activations in [-largest, largest].
Ranges RangesOf(const Graph& graph, float largest) {
  Ranges ranges(graph.tensors.size(), {-largest, largest});
  for (const TensorId id : graph.inputs)
    ranges[static_cast<size_t>(id)] = {-1, 1};
  return ranges;
}

void ExpectNear(const Graph& graph, const char* scheme, float share) {
  SCOPED_TRACE(scheme);
  const Floats want = Run(graph);
  float largest = 0;
  for (const float v : want) largest = std::max(largest, std::abs(v));
  ConvertOptions options;
  options.io = DType::kFloat32;
  const Graph converted =
      Convert(graph, FindScheme(scheme),
              RangesOf(graph, std::max(largest, 3.0f)), options);
  const Floats got = Run(converted);
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < want.size(); ++i)
    ASSERT_NEAR(got[i], want[i], share * largest) << i;
}

TEST(Operands, ATransposedConvolutionHasItsInputBehindAShape) {
  for (const bool with_bias : {false, true}) {
    const Graph graph = Upsampler(with_bias);
    ExpectNear(graph, "int8", 0.05f);
    ExpectNear(graph, "int16x8", 0.02f);
    const Graph integers =
        Convert(graph, FindScheme("int8"), RangesOf(graph, 3.0f));
    for (const Node& node : integers.nodes) {
      if (node.op != &kTransposeConv) continue;
      // One scale for each output channel, and the bias on their grid.
      const Tensor& weights = integers.tensor(node.inputs[1]);
      const Tensor& x = integers.tensor(node.inputs[2]);
      const Tensor& bias = integers.tensor(node.inputs[3]);
      ASSERT_EQ(weights.quant.scale.size(), 5u);
      EXPECT_EQ(weights.quant.axis, 0);
      for (size_t c = 0; c < 5; ++c) {
        EXPECT_EQ(bias.quant.scale[c],
                  x.quant.scale[0] * weights.quant.scale[c]);
      }
    }
  }
}

TEST(Operands, ProductsOfComputedOperandsAndTheirConstants) {
  const Graph graph = Products();
  ExpectNear(graph, "int8", 0.06f);
  ExpectNear(graph, "int16x8", 0.01f);
  const Graph integers =
      Convert(graph, FindScheme("int8"), RangesOf(graph, 3.0f));
  for (const Node& node : integers.nodes) {
    ASSERT_EQ(node.op, &kBatchMatMul);
    for (const TensorId id : node.inputs) {
      EXPECT_EQ(integers.tensor(id).dtype, DType::kInt8);
      EXPECT_EQ(integers.tensor(id).quant.scale.size(), 1u);
    }
  }
}

}  // namespace
}  // namespace litesmith
