// What numeric formats would round away: numbers that all are multiplied with,
// values beyond few samples, limits beyond the integers.
#include <gtest/gtest.h>

#include "src/graph/op_def.h"
#include "src/ops/map/binary.h"
#include "src/ops/registry.h"
#include "src/quant/convert.h"
#include "src/quant/parameters.h"

namespace litesmith {
namespace {

// x + y, of which y is stored if it has values.
Graph SumWith(const std::vector<float>& values) {
  Graph graph;
  Tensor x;
  x.name = "x";
  x.kind = TensorKind::kInput;
  x.shape = {1, 4};
  graph.inputs = {graph.AddTensor(x)};
  const TensorId y =
      values.empty() ? graph.inputs[0]
                     : graph.AddConstant<float>(
                           "y", {static_cast<int32_t>(values.size())}, values);
  graph.outputs = graph.AddNode(kAdd, "sum", {0, y}, {"sum"}).outputs;
  InferShapes(&graph);
  return graph;
}

// Two bytes would be won, a DEQUANTIZE lost, and the rounding is everybody's.
TEST(Rounding, ASingleNumberIsNoHalf) {
  const auto& half = FindScheme("fp16");
  EXPECT_EQ(Convert(SumWith({0.2f}), half, {}).nodes.size(), 1u);
  EXPECT_EQ(Convert(SumWith({0.2f, 1, 2, 3}), half, {}).nodes.size(), 2u);
}

TEST(Rounding, SixteenBitsHaveRoomForWhatFewSamplesLack) {
  const auto scale = [](bool few, DType dtype) {
    return ActivationQuantization({-1, 1, few}, dtype).scale[0];
  };
  EXPECT_FLOAT_EQ(scale(false, DType::kInt16), 1.0f / 32767);
  EXPECT_FLOAT_EQ(scale(true, DType::kInt16), 2.0f / 32767);
  EXPECT_EQ(scale(true, DType::kInt8), scale(false, DType::kInt8));
}

// Kernels count the 6 in steps of 32 bits and refuse more.
TEST(Rounding, ALimitThatNoIntegerReachesIsLeftOut) {
  for (const float largest : {1e-5f, 1e-3f}) {
    Graph graph = SumWith({});
    graph.nodes[0].Set<&AddAttrs::activation>(activation::kRelu6);
    const Ranges ranges(graph.tensors.size(), {0, largest});
    ConvertOptions options;
    options.io = DType::kInt16;
    const Graph result = Convert(graph, FindScheme("int16x8"), ranges, options);
    ASSERT_EQ(result.nodes.size(), 1u);
    EXPECT_EQ(result.node(0).Get<&AddAttrs::activation>(),
              largest < 1e-4f ? activation::kRelu : activation::kRelu6);
  }
}

}  // namespace
}  // namespace litesmith
