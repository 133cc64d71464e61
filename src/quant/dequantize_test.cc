// Every scheme's model to every scheme: refused for what it is, or with
// Dequantize right and of the types that the scheme promises.
#include "src/quant/dequantize.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "src/base/error.h"
#include "src/base/rng.h"
#include "src/base/warning.h"
#include "src/data/batch.h"
#include "src/data/memory_dataset.h"
#include "src/ops/layer/conv_2d.h"
#include "src/ops/layer/depthwise_conv_2d.h"
#include "src/ops/pool/pool_2d.h"
#include "src/ops/registry.h"
#include "src/quant/convert.h"
#include "src/runtime/feeder.h"
#include "src/runtime/interpreter.h"
#include "src/transform/choice_test.h"
#include "src/transform/training_ops.h"

namespace litesmith {
namespace {

constexpr int kSide = 8;
constexpr int kChannels = 3;
constexpr int kClasses = 16;
constexpr int kComparedSamples = 8;

// Random floats of the model's shape.
const Dataset& Noise() {
  const Shape shape = {kSide, kSide, kChannels};
  std::vector<float> values;
  for (uint64_t s = 0; s < kComparedSamples; ++s) {
    Rng rng(7, s);
    for (int64_t i = 0; i < shape.NumElements(); ++i)
      values.push_back(rng.Uniform());
  }
  static const MemoryDataset data(
      {{{"x", shape, DType::kFloat32, {}}, std::move(values)}}, {});
  return data;
}

TensorId AddRandom(Graph* graph, const std::string& name, const Shape& shape,
                   float limit, uint64_t stream) {
  Rng rng(3, stream);
  std::vector<float> values(static_cast<size_t>(shape.NumElements()));
  for (float& value : values) value = rng.Uniform(-limit, limit);
  return graph->AddConstant<float>(name, shape, values, TensorKind::kParameter);
}

// A depthwise convolution without bias, a convolution, a pool, and a dense
// layer of more weights than `dynamic` leaves in float.
Graph SmallModel() {
  Graph graph;
  Tensor input;
  input.name = "x";
  input.kind = TensorKind::kInput;
  input.shape = {kDynamic, kSide, kSide, kChannels};
  const TensorId x = graph.AddTensor(std::move(input));
  graph.inputs = {x};
  graph.input_names = {"x"};
  const TensorId each = AddRandom(&graph, "e/depthwise_kernel",
                                  {1, 3, 3, 2 * kChannels}, 0.3f, 5);
  Node& depthwise = graph.AddNode(kDepthwiseConv2D, "e", {x, each}, {"e"});
  Put(DepthwiseConv2DAttrs{.stride_w = 1, .stride_h = 1, .depth_multiplier = 2},
      &depthwise);
  const TensorId e = depthwise.outputs[0];
  const TensorId filter =
      AddRandom(&graph, "c/kernel", {8, 3, 3, 2 * kChannels}, 0.3f, 1);
  const TensorId filter_bias = AddRandom(&graph, "c/bias", {8}, 0.1f, 2);
  Node& conv = graph.AddNode(kConv2D, "c", {e, filter, filter_bias}, {"c"});
  conv.Set<&Conv2DAttrs::padding>(kValid);
  conv.Set<&Conv2DAttrs::stride_h>(1);
  conv.Set<&Conv2DAttrs::stride_w>(1);
  conv.Set<&Conv2DAttrs::activation>(activation::kRelu);
  const TensorId c = conv.outputs[0];
  Node& pool = graph.AddNode(kMaxPool2D, "p", {c}, {"p"});
  Put(Pool2DAttrs{.padding = kValid,
                  .stride_w = 2,
                  .stride_h = 2,
                  .filter_w = 2,
                  .filter_h = 2},
      &pool);
  const TensorId p = pool.outputs[0];
  const TensorId shape =
      graph.AddConstant<int32_t>("f/shape", {2}, std::vector<int32_t>{-1, 72});
  const TensorId f = graph.AddNode(kReshape, "f", {p, shape}, {"f"}).outputs[0];
  const TensorId kernel =
      AddRandom(&graph, "d/kernel", {kClasses, 72}, 0.2f, 3);
  const TensorId bias = AddRandom(&graph, "d/bias", {kClasses}, 0.1f, 4);
  const TensorId d =
      graph.AddNode(kFullyConnected, "d", {f, kernel, bias}, {"d"}).outputs[0];
  graph.outputs = {d};
  graph.output_names = {"d"};
  InferShapes(&graph);
  VerifyStructure(graph);
  return graph;
}

// The same with fake quants whose ranges are those of data and weights.
Graph AwareModel() {
  const Graph plain = SmallModel();
  const Ranges ranges = Calibrate(plain, Noise(), kComparedSamples);
  Graph aware = InsertFakeQuant(plain, [](const Node&, const Tensor&) {
    return std::optional<QatOptions>(QatOptions{});
  });
  for (const Node& node : aware.nodes) {
    if (node.op != &kFakeQuant) continue;
    const Tensor& of = aware.tensor(node.inputs[0]);
    float low = 0;
    float high = 0;
    if (of.has_data()) {
      for (const float w : of.As<float>()) high = std::max(high, std::fabs(w));
      low = -high;
    } else {
      const Range& range = ranges[static_cast<size_t>(node.inputs[0])];
      low = std::min(range.min, 0.0f);
      high = std::max(range.max, 0.0f);
    }
    for (float& v : aware.tensor(node.inputs[1]).MutableAs<float>()) v = low;
    for (float& v : aware.tensor(node.inputs[2]).MutableAs<float>()) v = high;
  }
  return aware;
}

std::vector<float> Outputs(const Graph& graph) {
  Interpreter interpreter(graph);
  const InputFeeder feed(Noise().inputs(), interpreter);
  BatchReader reader(Noise(), 1);
  std::vector<float> result;
  for (int64_t s = 0; s < kComparedSamples; ++s) {
    feed(reader.Read(s, 1), &interpreter);
    interpreter.Invoke();
    const auto bytes = interpreter.output(0);
    const auto* values = reinterpret_cast<const float*>(bytes.data());
    result.insert(result.end(), values, values + kClasses);
  }
  return result;
}

// The largest difference, as a share of the span of `wanted`.
float Distance(const std::vector<float>& got,
               const std::vector<float>& wanted) {
  const auto [low, high] = std::minmax_element(wanted.begin(), wanted.end());
  float worst = 0;
  for (size_t i = 0; i < wanted.size(); ++i)
    worst = std::max(worst, std::fabs(got[i] - wanted[i]));
  return worst / (*high - *low);
}

Numbers NumbersOfScheme(const Scheme& scheme, bool aware) {
  if (scheme.full_integer || (aware && scheme.weight != DType::kFloat32))
    return Numbers::kFullInteger;
  if (aware) return Numbers::kPairs;
  if (scheme.weight == DType::kFloat16) return Numbers::kHalf;
  return scheme.weight == DType::kInt8 ? Numbers::kDynamic : Numbers::kFloat;
}

DType TypeOfWeights(const Graph& graph) {
  for (const Tensor& tensor : graph.tensors) {
    if (tensor.name == "d/kernel") return tensor.dtype;
  }
  return DType::kBool;
}

class DequantizeTest : public ::testing::TestWithParam<bool> {};

TEST_P(DequantizeTest, EverySchemeToEveryScheme) {
  const bool aware = GetParam();
  const Graph model = aware ? AwareModel() : SmallModel();
  const Ranges ranges = Calibrate(SmallModel(), Noise(), kComparedSamples);
  const std::vector<float> wanted = Outputs(SmallModel());
  const Ranges given = aware ? Ranges() : ranges;
  for (const Scheme& from : Schemes()) {
    SCOPED_TRACE(std::string("from ") + from.name);
    const Graph source = Convert(model, from, given);
    const Numbers numbers = NumbersOf(source);
    EXPECT_EQ(static_cast<int>(numbers),
              static_cast<int>(NumbersOfScheme(from, aware)));
    const bool floating =
        numbers == Numbers::kFloat || numbers == Numbers::kHalf;
    const Graph back = Dequantize(source);
    EXPECT_EQ(static_cast<int>(NumbersOf(back)),
              static_cast<int>(Numbers::kFloat));
    VerifyStructure(RemoveDeadNodes(back));
    EXPECT_LT(Distance(Outputs(back), wanted), 0.03f);
    const Ranges own = Calibrate(back, Noise(), kComparedSamples);
    for (const Scheme& to : Schemes()) {
      SCOPED_TRACE(std::string("to ") + to.name);
      ConvertOptions options;
      options.io = DType::kFloat32;
      if (!floating) {
        try {
          Convert(source, to, {}, options);
          ADD_FAILURE() << "taken for a float model";
        } catch (const Error& error) {
          EXPECT_EQ(error.kind(), ErrorKind::kInvalidArgument);
          EXPECT_NE(std::string(error.what()).find(DescribeNumbers(source)),
                    std::string::npos)
              << error.what();
        }
      }
      const Graph target = Convert(back, to, own, options);
      EXPECT_EQ(TypeOfWeights(target), to.weight);
      // Two roundings to integers may add up.
      EXPECT_LT(Distance(Outputs(target), wanted), 0.1f);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(PlainAndAware, DequantizeTest,
                         ::testing::Values(false, true));

TEST(DequantizeTest, HalvesNeedNoAsking) {
  const Graph half = Convert(SmallModel(), FindScheme("fp16"), {});
  const Graph wide = WidenHalves(half);
  EXPECT_EQ(static_cast<int>(NumbersOf(wide)),
            static_cast<int>(Numbers::kFloat));
  EXPECT_EQ(Outputs(wide), Outputs(half));
  for (const Node& node : wide.nodes) EXPECT_NE(node.op, &kDequantize);
  const Graph again = Convert(half, FindScheme("fp32"), {});
  EXPECT_EQ(TypeOfWeights(again), DType::kFloat32);
}

TEST(DequantizeTest, SaysWhatHalvesCannotHold) {
  Graph model = SmallModel();
  for (Tensor& tensor : model.tensors) {
    if (tensor.name != "d/kernel") continue;
    tensor.MutableAs<float>()[5] = -1e6f;
    tensor.MutableAs<float>()[6] = 1e-9f;
  }
  std::vector<std::string> said;
  const WarningSink before =
      SetWarningSink([&](std::string_view text) { said.emplace_back(text); });
  Convert(model, FindScheme("fp16"), {});
  SetWarningSink(before);
  ASSERT_EQ(said.size(), 2u);
  EXPECT_NE(said[0].find("1 of 1152 values of 'd/kernel'"), std::string::npos);
  EXPECT_NE(said[0].find("1e+06"), std::string::npos);
  EXPECT_NE(said[1].find("1e-09"), std::string::npos);
}

TEST(DequantizeTest, RefusesIntegersWithoutScale) {
  Graph model = Convert(SmallModel(), FindScheme("dynamic"), {});
  for (Tensor& tensor : model.tensors) {
    if (tensor.name == "d/kernel") tensor.quant = {};
  }
  try {
    Dequantize(model);
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("d/kernel"), std::string::npos);
  }
}

}  // namespace
}  // namespace litesmith
