// What numeric formats would round away: numbers that all are multiplied with,
// values beyond few samples, limits beyond the integers, means.
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "src/base/half.h"
#include "src/base/rng.h"
#include "src/data/memory_dataset.h"
#include "src/graph/op_def.h"
#include "src/ops/layer/conv_2d.h"
#include "src/ops/map/binary.h"
#include "src/ops/registry.h"
#include "src/quant/constants.h"
#include "src/quant/convert.h"
#include "src/quant/halves.h"
#include "src/quant/mean_error.h"
#include "src/quant/parameters.h"

namespace litesmith {
namespace {

// x + y, of which y is stored if it has values.
Graph SumWith(const std::vector<float>& values) {
  Graph graph;
  Tensor x;
  x.name = "x";
  x.kind = TensorKind::kInput;
  x.shape = {1, values.size() > 1 ? static_cast<int32_t>(values.size()) : 4};
  graph.inputs = {graph.AddTensor(x)};
  const TensorId y =
      values.empty() ? graph.inputs[0]
                     : graph.AddConstant<float>(
                           "y", {static_cast<int32_t>(values.size())}, values);
  graph.outputs = graph.AddNode(kAdd, "sum", {0, y}, {"sum"}).outputs;
  InferShapes(&graph);
  return graph;
}

// A few bytes would be won, a DEQUANTIZE lost, and the rounding for nothing;
// small_tensor_test.cc has the bytes.
TEST(Rounding, FewNumbersAreNoHalves) {
  const auto& half = FindScheme("fp16");
  for (const int count : {1, 4, 16, 32, 33, 400}) {
    const Graph graph =
        Convert(SumWith(std::vector<float>(count, 0.2f)), half, {});
    EXPECT_EQ(graph.nodes.size(), count <= 32 ? 1u : 2u) << count;
  }
}

// [4, 300] with zeros, and the same value three times.
Tensor Weights() {
  Tensor weights;
  weights.name = "w";
  weights.shape = {4, 300};
  Rng rng(7);
  std::vector<float> values(1200);
  for (float& v : values) v = static_cast<float>(rng.Normal());
  for (size_t i = 0; i < values.size(); i += 7) values[i] = 0;
  for (const size_t i : {1, 400, 401}) values[i] = 0.7001f;
  weights.data = BytesOf(values);
  return weights;
}

// A channel of ones (a ReLU's data have a mean) is as good as exact, and no
// weight is further off than the next number.
TEST(Rounding, HalvesKeepTheSumsOfChannels) {
  const Tensor weights = Weights();
  const auto values = weights.As<float>();
  const auto sums = [&](int axis) {
    Tensor halves = weights;
    halves.dtype = DType::kFloat16;
    halves.data = HalvesOf(weights, axis);
    std::vector<double> lost(4);
    for (size_t i = 0; i < values.size(); ++i) {
      const float kept = HalfToFloat(halves.As<Half>()[i]);
      lost[i / 300] += static_cast<double>(kept) - values[i];
      EXPECT_LE(std::fabs(kept - values[i]), std::fabs(values[i]) * 0x1p-10f);
      if (values[i] == 0.7001f) {
        EXPECT_EQ(kept, HalfToFloat(FloatToHalf(0.7001f)));
      }
    }
    return lost;
  };
  double nearest = 0;
  for (const double lost : sums(-1)) nearest += std::fabs(lost);
  for (const double lost : sums(0)) EXPECT_LT(std::fabs(lost), nearest / 30);
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

// A dense layer whose small weights become nought beside the large one.
struct Dense {
  Graph graph;
  Ranges ranges;

  Dense() {
    Tensor x;
    x.name = "x";
    x.kind = TensorKind::kInput;
    x.shape = {1, 4};
    graph.inputs = {graph.AddTensor(x)};
    const TensorId w = graph.AddConstant<float>(
        "w", {1, 4}, std::vector<float>{12.7f, 0.04f, 0.04f, 0.04f});
    const TensorId b =
        graph.AddConstant<float>("b", {1}, std::vector<float>{1});
    graph.outputs =
        graph.AddNode(kFullyConnected, "y", {0, w, b}, {"y"}).outputs;
    InferShapes(&graph);
    ranges.resize(graph.tensors.size());
    ranges[0] = {.min = 0, .max = 2.55f, .mean = {0, 0.5f, 1, 1.5f}};
    ranges[static_cast<size_t>(graph.outputs[0])] = {.min = 0, .max = 25.5f};
  }

  // The bias in its steps of 0.01 * 0.1.
  int32_t Bias() const {
    const Graph result = Convert(graph, FindScheme("int8"), ranges);
    for (const Tensor& tensor : result.tensors) {
      if (tensor.name == "w") {
        EXPECT_EQ(tensor.As<int8_t>()[0], 127);
        EXPECT_EQ(tensor.As<int8_t>()[3], 0);
      }
      if (tensor.name == "b") return tensor.As<int32_t>()[0];
    }
    return 0;
  }
};

TEST(Rounding, TheBiasTakesBackWhatTheMeanLoses) {
  EXPECT_EQ(Dense().Bias(), 1000 + 120);
  Dense unknown;
  unknown.ranges[0].mean = {};
  EXPECT_EQ(unknown.Bias(), 1000);
}

TEST(Rounding, TheBiasOfWeightsThatWereTrainedOnTheirGridStays) {
  Dense trained;
  trained.graph.tensors[1].quant = {{0.1f}, {0}, 0};
  EXPECT_EQ(trained.Bias(), 1000);
}

// Padding has nothing to lose: of nine positions the corners see four, the
// sides six, the middle nine of the mean image's values.
TEST(Rounding, TheMeanIsOverAllPositions) {
  Graph graph;
  Tensor x;
  x.name = "x";
  x.kind = TensorKind::kInput;
  x.shape = {kDynamic, 3, 3, 1};
  graph.inputs = {graph.AddTensor(x)};
  std::vector<float> weights(9, 0.25f);
  const TensorId w = graph.AddConstant<float>("w", {1, 3, 3, 1}, weights);
  Node& conv = graph.AddNode(kConv2D, "y", {0, w, kNoTensor}, {"y"});
  conv.Set<&Conv2DAttrs::padding>(kSame);
  conv.Set<&Conv2DAttrs::stride_h>(1);
  conv.Set<&Conv2DAttrs::stride_w>(1);
  conv.Set<&Conv2DAttrs::activation>(activation::kRelu);
  graph.outputs = conv.outputs;
  InferShapes(&graph);
  // 0.25 becomes nought, and is lost whole.
  const Quantization quant = {{1}, {0}, 0};
  const std::vector<float> lost =
      LostMean(graph, graph.nodes[0], quant, std::vector<float>{-2});
  ASSERT_EQ(lost.size(), 1u);
  EXPECT_FLOAT_EQ(lost[0], -2 * 0.25f * (4 * 4 + 4 * 6 + 9) / 9);
}

// Of a channel that is always 2, and one that is 1 on the whole.
TEST(Rounding, AMeanCountsByHowSureItIs) {
  const Graph graph = SumWith({});
  const auto mean = [&](int samples) {
    std::vector<float> values;
    for (int s = 0; s < samples; ++s) {
      for (const float v : {2.0f, s % 2 == 0 ? 0.0f : 2.0f, 0.0f, 0.0f})
        values.push_back(v);
    }
    const Field x = {"x", {4}, DType::kFloat32, {}};
    return Calibrate(graph, MemoryDataset({{x, values}}, {}))[0].mean;
  };
  // The variance of the second is 1: 1 / (1 + 1 / samples).
  EXPECT_FLOAT_EQ(mean(2)[0], 2);
  EXPECT_FLOAT_EQ(mean(2)[1], 2.0f / 3);
  EXPECT_FLOAT_EQ(mean(50)[1], 50.0f / 51);
  EXPECT_EQ(mean(50)[2], 0);
}

}  // namespace
}  // namespace litesmith
