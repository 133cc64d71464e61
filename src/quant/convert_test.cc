// Conversion of small graphs beyond a chain: two inputs, two outputs, ops whose
// inputs must agree, ops with a fixed scale, shared weights. The ops are the
// test's own; what is looked at are forms and the nodes between them.
#include "src/quant/convert.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "src/graph/op_def.h"
#include "src/ops/map/binary.h"
#include "src/ops/small_graph_test.h"
#include "src/quant/decisions.h"
#include "src/runtime/interpreter.h"

namespace litesmith {
namespace {

using Floats = std::vector<float>;

void LikeInput(Graph* graph, const Node& node) {
  const Tensor& x = graph->tensor(node.inputs[0]);
  for (const TensorId id : node.outputs) {
    graph->tensor(id).shape = x.shape;
    graph->tensor(id).dtype = x.dtype;
  }
}

constexpr Operand kOneOperand[] = {{.name = "x"}};
constexpr Operand kTwoOperands[] = {{.name = "x"}, {.name = "y"}};
constexpr Operand kLayerOperands[] = {
    {.name = "x"},
    {.name = "w", .role = Role::kWeight, .channel_axis = 1, .input_axis = 0},
    {.name = "b", .role = Role::kBias, .optional = true}};

OpDef Op(const char* name, std::span<const Operand> operands,
         QuantRule::Output output) {
  OpDef op{.name = name, .summary = "", .operands = operands};
  op.tflite.code = 1000;
  op.infer = LikeInput;
  op.quant.output = output;
  return op;
}
const OpDef kTestSum = Op("SUM", kTwoOperands, QuantRule::kOwn);
const OpDef kTestMove = Op("MOVE", kOneOperand, QuantRule::kLikeInput);
const OpDef kTestJoin = Op("JOIN", kTwoOperands, QuantRule::kLikeAllInputs);
const OpDef kTestFloats = Op("FLOATS", kOneOperand, QuantRule::kFloatOnly);
const OpDef kTestShares = [] {
  OpDef op = Op("SHARES", kOneOperand, QuantRule::kFixed);
  op.quant.fixed8 = {1.0f / 256, -128};
  op.quant.fixed16 = {1.0f / 32768, 0};
  return op;
}();
const OpDef kTestLayer = Op("LAYER", kLayerOperands, QuantRule::kOwn);
const OpDef kTestSplit = [] {
  OpDef op = Op("SPLIT", kOneOperand, QuantRule::kLikeInput);
  op.outputs = 2;
  return op;
}();

class Builder {
 public:
  TensorId Input(const std::string& name, float min, float max) {
    Tensor tensor;
    tensor.name = name;
    tensor.kind = TensorKind::kInput;
    tensor.shape = {1, 4};
    graph.inputs.push_back(graph.AddTensor(std::move(tensor)));
    return Seen(graph.inputs.back(), min, max);
  }
  // A node and its first output, seen between min and max.
  TensorId Add(const OpDef& op, const std::string& name,
               std::vector<TensorId> inputs, float min = 0, float max = 0) {
    std::vector<std::string> outputs = {name};
    for (int i = 1; i < op.outputs; ++i)
      outputs.push_back(name + std::to_string(i));
    const TensorId id =
        graph.AddNode(op, name, std::move(inputs), outputs).outputs[0];
    return Seen(id, min, max);
  }
  Graph Finish(std::vector<TensorId> outputs) {
    graph.outputs = std::move(outputs);
    InferShapes(&graph);
    ranges.resize(graph.tensors.size());
    return graph;
  }
  TensorId Seen(TensorId id, float min, float max) {
    ranges.resize(graph.tensors.size());
    ranges[static_cast<size_t>(id)] = {min, max};
    return id;
  }

  Graph graph;
  Ranges ranges;
};

const Tensor& TensorOf(const Graph& graph, const std::string& name) {
  for (const Tensor& tensor : graph.tensors) {
    if (tensor.name == name) return tensor;
  }
  Fail(ErrorKind::kNotFound, "no tensor '{}'", name);
}

std::vector<std::string> OpsOf(const Graph& graph) {
  std::vector<std::string> names;
  for (const Node& node : graph.nodes) names.emplace_back(node.op->name);
  return names;
}

Graph Int8(const Builder& builder) {
  return Convert(builder.graph, FindScheme("int8"), builder.ranges);
}

TEST(Convert, EachInputAndOutputHasItsOwnScale) {
  Builder b;
  const TensorId x = b.Input("x", 0, 1);
  const TensorId y = b.Input("y", -2, 2);
  const TensorId sum = b.Add(kTestSum, "sum", {x, y}, -2, 3);
  const TensorId parts = b.Add(kTestSplit, "parts", {sum}, 9, 99);
  const TensorId second = b.graph.node(1).outputs[1];
  b.Finish({parts, second});
  const Graph graph = Int8(b);
  EXPECT_EQ(OpsOf(graph), (std::vector<std::string>{"SUM", "SPLIT"}));
  EXPECT_FLOAT_EQ(TensorOf(graph, "x").quant.scale[0], 1.0f / 255);
  EXPECT_FLOAT_EQ(TensorOf(graph, "y").quant.scale[0], 4.0f / 255);
  EXPECT_FLOAT_EQ(TensorOf(graph, "sum").quant.scale[0], 5.0f / 255);
  for (const char* name : {"parts", "parts1"}) {
    EXPECT_EQ(TensorOf(graph, name).quant, TensorOf(graph, "sum").quant);
    EXPECT_EQ(TensorOf(graph, name).dtype, DType::kInt8);
  }
  const Graph floats = Convert(b.graph, FindScheme("int16x8"), b.ranges);
  EXPECT_EQ(OpsOf(floats),
            (std::vector<std::string>{"QUANTIZE", "QUANTIZE", "SUM", "SPLIT",
                                      "DEQUANTIZE", "DEQUANTIZE"}));
  EXPECT_EQ(floats.tensor(floats.inputs[1]).name, "y");
  EXPECT_EQ(floats.tensor(floats.inputs[1]).dtype, DType::kFloat32);
  EXPECT_EQ(TensorOf(floats, "sum").dtype, DType::kInt16);
}

// The producers take the scale that holds both ranges, also through an op that
// only moves its input.
TEST(Convert, ProducersOfWhatIsJoinedAgree) {
  Builder b;
  const TensorId x = b.Input("x", 0, 1);
  const TensorId one = b.Add(kTestSum, "one", {x, x}, -1, 2);
  const TensorId moved = b.Add(kTestMove, "moved", {one});
  const TensorId two = b.Add(kTestSum, "two", {x, x}, 0, 4);
  b.Finish({b.Add(kTestJoin, "joined", {moved, two}, 50, 60)});
  const Graph graph = Int8(b);
  EXPECT_EQ(OpsOf(graph),
            (std::vector<std::string>{"SUM", "MOVE", "SUM", "JOIN"}));
  const Quantization& joined = TensorOf(graph, "joined").quant;
  EXPECT_FLOAT_EQ(joined.scale[0], 5.0f / 255);
  for (const char* name : {"one", "moved", "two"})
    EXPECT_EQ(TensorOf(graph, name).quant, joined) << name;
  EXPECT_FLOAT_EQ(TensorOf(graph, "x").quant.scale[0], 1.0f / 255);
}

TEST(Convert, AFixedScaleHoldsWhateverWasSeen) {
  Builder b;
  const TensorId x = b.Input("x", -3, 3);
  const TensorId shares = b.Add(kTestShares, "shares", {x}, 0.1f, 0.2f);
  b.Finish({b.Add(kTestMove, "moved", {shares})});
  const Graph graph = Int8(b);
  const Quantization wanted = {{1.0f / 256}, {-128}, 0};
  EXPECT_EQ(TensorOf(graph, "shares").quant, wanted);
  EXPECT_EQ(TensorOf(graph, "moved").quant, wanted);
  const Graph wide = Convert(b.graph, FindScheme("int16x8"), b.ranges);
  EXPECT_EQ(TensorOf(wide, "shares").quant,
            (Quantization{{1.0f / 32768}, {0}, 0}));
}

// Of real ops: whatever was seen, and in the types of outputs too.
TEST(Convert, SharesAndSigmoidsHaveTheScalesThatRuntimesWant) {
  for (const OpDef* op : {&kSoftmax, &kLogistic}) {
    const Graph model = SmallCnnWith(*op, "shares");
    const Ranges ranges(model.tensors.size(), Range{-0.3f, 0.9f});
    const auto converted = [&](const char* scheme,
                               std::optional<DType> io = {}) {
      const Graph graph =
          Convert(model, FindScheme(scheme), ranges, {io, std::nullopt});
      return graph.tensor(graph.outputs[0]);
    };
    EXPECT_EQ(converted("int8").quant, (Quantization{{1.0f / 256}, {-128}, 0}));
    const Tensor bytes = converted("uint8");
    EXPECT_EQ(bytes.dtype, DType::kUInt8);
    EXPECT_EQ(bytes.quant, (Quantization{{1.0f / 256}, {0}, 0}));
    EXPECT_EQ(converted("int16x8", DType::kInt16).quant,
              (Quantization{{1.0f / 32768}, {0}, 0}));
    EXPECT_EQ(converted("int16x8", DType::kUInt8).quant,
              (Quantization{{1.0f / 256}, {0}, 0}));
    EXPECT_EQ(converted("int16x8", DType::kInt8).quant,
              (Quantization{{1.0f / 256}, {-128}, 0}));
    EXPECT_EQ(converted("dynamic").dtype, DType::kFloat32);
  }
  // Its logits have the range that was seen; it needs none itself.
  const Graph model = SmallCnnWith(kSoftmax, "shares");
  Ranges ranges(model.tensors.size(), Range{-0.3f, 0.9f});
  ranges[static_cast<size_t>(model.outputs[0])] = Range();
  const Graph graph = Convert(model, FindScheme("int8"), ranges);
  EXPECT_FLOAT_EQ(TensorOf(graph, "dense").quant.scale[0], 1.2f / 255);
}

// A gate: sigmoids have a fixed scale, products and constants their own.
TEST(Convert, ProductsAndTheirConstantsHaveRangesOfTheirOwn) {
  Builder b;
  const TensorId x = b.Input("x", -3, 3);
  const TensorId gate = b.Add(kLogistic, "gate", {x}, 0.1f, 0.2f);
  const TensorId ones =
      b.graph.AddConstant<float>("ones", {1, 4}, Floats{1, 1, 1, 0.5f});
  const TensorId product = b.Add(kMul, "product", {gate, ones}, -0.1f, 0.8f);
  const TensorId joined = b.Add(kTestJoin, "joined", {gate, product});
  b.Finish({joined});
  const Graph graph = Int8(b);
  EXPECT_EQ(TensorOf(graph, "gate").quant.scale[0], 1.0f / 256);
  // Widened to hold 0.
  EXPECT_EQ(TensorOf(graph, "ones").quant,
            (Quantization{{1.0f / 255}, {-128}, 0}));
  // The group without the sigmoid holds its range as well.
  EXPECT_FLOAT_EQ(TensorOf(graph, "product").quant.scale[0],
                  (0.1f + 255.0f / 256) / 255);
  EXPECT_EQ(OpsOf(graph),
            (std::vector<std::string>{"LOGISTIC", "MUL", "QUANTIZE", "JOIN"}));
  const Graph wide = Convert(b.graph, FindScheme("int16x8"), b.ranges);
  EXPECT_FLOAT_EQ(TensorOf(wide, "ones").quant.scale[0], 1.0f / 32767);
  EXPECT_EQ(TensorOf(wide, "ones").dtype, DType::kInt16);
}

TEST(Convert, ExtremesHaveOneScaleWithTheirConstants) {
  Builder b;
  const TensorId x = b.Input("x", -3, 2);
  const TensorId low = b.graph.AddConstant<float>("low", {1}, Floats{0.5f});
  b.Finish({b.Add(kMaximum, "larger", {x, low}, 0.5f, 2)});
  const Graph graph = Int8(b);
  const Quantization& one = TensorOf(graph, "larger").quant;
  EXPECT_FLOAT_EQ(one.scale[0], 2.0f / 255);  // what is below is never taken
  EXPECT_EQ(TensorOf(graph, "x").quant, one);
  EXPECT_EQ(TensorOf(graph, "low").quant, one);
}

// What the output never takes is cut off, but for others that read it.
TEST(Convert, OneOfSeveralHasTheRangeOfWhatIsTaken) {
  Builder b;
  const TensorId x = b.Input("x", -1, 1);
  const TensorId sum = b.Add(kTestSum, "sum", {x, x}, -100, 2);
  const TensorId moved = b.Add(kTestMove, "moved", {sum}, -100, 2);
  const TensorId shared = b.Add(kTestSum, "shared", {x, x}, -50, 2);
  const TensorId larger = b.Add(kMaximum, "larger", {moved, shared}, 0, 2);
  b.Finish({larger, b.Add(kTestMove, "other", {shared}, -50, 2)});
  const Graph graph = Int8(b);
  const Quantization& one = TensorOf(graph, "larger").quant;
  EXPECT_FLOAT_EQ(one.scale[0], 2.0f / 255);
  EXPECT_EQ(TensorOf(graph, "sum").quant, one);
  EXPECT_EQ(TensorOf(graph, "moved").quant, one);
  EXPECT_FLOAT_EQ(TensorOf(graph, "shared").quant.scale[0], 52.0f / 255);
  EXPECT_EQ(OpsOf(graph),
            (std::vector<std::string>{"SUM", "MOVE", "SUM", "QUANTIZE",
                                      "MAXIMUM", "MOVE"}));
}

// Comparisons have no integer form, but counters need none.
TEST(Convert, CountersStayAsTheyAre) {
  Builder b;
  const TensorId x = b.Input("x", -3, 3);
  const TensorId count = b.Input("count", 0, 0);
  b.graph.tensor(count).dtype = DType::kInt32;
  const std::vector<int32_t> ten = {10};
  const TensorId limit = b.graph.AddConstant<int32_t>("limit", {1}, ten);
  const TensorId sum = b.Add(kAdd, "sum", {x, x}, -6, 6);
  const TensorId more = b.Add(kLess, "more", {count, limit});
  b.Finish({sum, more});
  const Graph graph = Int8(b);
  EXPECT_EQ(TensorOf(graph, "sum").dtype, DType::kInt8);
  EXPECT_EQ(TensorOf(graph, "count").dtype, DType::kInt32);
  EXPECT_EQ(TensorOf(graph, "more").dtype, DType::kBool);
  Builder floats;
  const TensorId y = floats.Input("x", -3, 3);
  floats.Finish({floats.Add(kLess, "less", {y, y})});
  EXPECT_EQ(OpsOf(Int8(floats)),
            (std::vector<std::string>{"DEQUANTIZE", "LESS"}));
}

// tflite-micro never adds by shifts, LiteRT where a file does not forbid it.
TEST(Convert, SumsOfWordsAreNotByShifts) {
  Builder b;
  const TensorId x = b.Input("x", -32767.0f / 4096, 1);
  const TensorId y = b.Input("y", 0, 32767.0f / 8192);
  b.Finish({b.Add(kAdd, "sum", {x, y}, 0, 32767.0f / 2048)});
  const Graph wide =
      Convert(b.graph, FindScheme("int16x8"), b.ranges, {DType::kInt16, {}});
  EXPECT_EQ(TensorOf(wide, "sum").quant.scale[0], 1.0f / 2048);
  EXPECT_FALSE(wide.node(0).Get<&AddAttrs::pot_scale_int16>());
  Interpreter(wide, {});  // powers of two that cannot be added by shifts
}

TEST(Convert, AQuantizeStandsWhereAGroupCannotBeOne) {
  Builder b;
  const TensorId x = b.Input("x", -3, 3);
  const TensorId shares = b.Add(kTestShares, "shares", {x});
  const TensorId sum = b.Add(kTestSum, "sum", {x, x}, -1, 2);
  const TensorId joined = b.Add(kTestJoin, "joined", {shares, sum});
  b.Finish({joined, shares});
  const Graph graph = Int8(b);
  EXPECT_EQ(OpsOf(graph),
            (std::vector<std::string>{"SHARES", "SUM", "QUANTIZE", "JOIN"}));
  const Node& join = graph.node(3);
  for (const TensorId id : {join.inputs[0], join.inputs[1], join.outputs[0]}) {
    EXPECT_FLOAT_EQ(graph.tensor(id).quant.scale[0], 3.0f / 255);
    EXPECT_EQ(graph.tensor(id).quant, graph.tensor(join.outputs[0]).quant);
  }
  EXPECT_EQ(join.inputs[0], graph.node(2).outputs[0]);
  // The other reader has the fixed scale still.
  EXPECT_EQ(graph.tensor(graph.outputs[1]).quant.scale[0], 1.0f / 256);
  // Two that are fixed alike are one group.
  Builder same;
  const TensorId y = same.Input("x", -3, 3);
  const TensorId a = same.Add(kTestShares, "a", {y});
  const TensorId c = same.Add(kTestShares, "c", {y});
  same.Finish({same.Add(kTestJoin, "joined", {a, c})});
  const Graph alike = Int8(same);
  EXPECT_EQ(OpsOf(alike),
            (std::vector<std::string>{"SHARES", "SHARES", "JOIN"}));
  EXPECT_EQ(TensorOf(alike, "joined").quant.scale[0], 1.0f / 256);
}

TEST(Convert, ConstantsTakeTheGridOfTheirReader) {
  Builder b;
  const TensorId x = b.Input("x", 0, 1);
  const TensorId c =
      b.graph.AddConstant<float>("c", {1, 4}, Floats{0, 0.5f, 1, -2});
  const TensorId sum = b.Add(kTestSum, "sum", {x, c}, -2, 2);
  b.Finish({b.Add(kTestJoin, "joined", {sum, c})});
  const Graph graph = Int8(b);
  const Node& add = graph.node(0);
  const Tensor& own = graph.tensor(add.inputs[1]);
  EXPECT_FLOAT_EQ(own.quant.scale[0], 3.0f / 255);
  EXPECT_EQ(own.As<int8_t>()[3], -128);
  EXPECT_EQ(own.As<int8_t>()[2], 127);
  const Tensor& joined = graph.tensor(graph.node(1).inputs[1]);
  EXPECT_FLOAT_EQ(joined.quant.scale[0], 4.0f / 255);
  EXPECT_EQ(joined.As<int8_t>()[3], -128);
  EXPECT_EQ(joined.As<int8_t>()[0], joined.quant.zero_point[0]);
}

// Weights [in, out], with the channels last.
TEST(Convert, WeightsOfTwoLayersAreStoredOnceIfTheyCanBe) {
  Builder b;
  const TensorId x = b.Input("x", 0, 1);
  const TensorId w = b.graph.AddConstant<float>(
      "w", {2, 2}, Floats{1.5f, 8, -2, 2}, TensorKind::kParameter);
  const TensorId one = b.Add(kTestLayer, "one", {x, w}, -1, 1);
  const TensorId two = b.Add(kTestLayer, "two", {x, w}, -2, 2);
  b.Finish({one, two});
  const Graph graph = Int8(b);
  EXPECT_EQ(graph.node(0).inputs[1], graph.node(1).inputs[1]);
  EXPECT_NE(graph.node(0).inputs[2], graph.node(1).inputs[2]);
  const Tensor& stored = graph.tensor(graph.node(0).inputs[1]);
  EXPECT_EQ(stored.quant.axis, 1);
  EXPECT_EQ(stored.quant.scale, (Floats{2.0f / 127, 8.0f / 127}));
  const auto values = stored.As<int8_t>();
  EXPECT_EQ(std::vector<int8_t>(values.begin(), values.end()),
            (std::vector<int8_t>{95, 127, -127, 32}));
  const Tensor& bias = graph.tensor(graph.node(1).inputs[2]);
  EXPECT_EQ(bias.dtype, DType::kInt32);
  EXPECT_EQ(bias.quant.scale.size(), 2u);
  EXPECT_FLOAT_EQ(bias.quant.scale[1], 8.0f / 127 / 255);
  // A bias far beyond the weights makes them another tensor.
  Graph apart = b.graph;
  apart.node(1).inputs.push_back(
      apart.AddConstant<float>("bias", {2}, Floats{1e9f, 0}));
  const Graph copied = Convert(apart, FindScheme("int8"), b.ranges);
  EXPECT_NE(copied.node(0).inputs[1], copied.node(1).inputs[1]);
  EXPECT_EQ(copied.tensor(copied.node(0).inputs[1]).quant, stored.quant);
}

TEST(Convert, RangesAreWantedWhereNothingElseSaysThem) {
  const Scheme& int8 = FindScheme("int8");
  Builder b;
  const TensorId x = b.Input("x", 0, 1);
  const TensorId shares = b.Add(kTestShares, "shares", {x});
  const TensorId sum = b.Add(kTestSum, "sum", {shares, shares}, 0, 1);
  b.Finish({sum});
  EXPECT_TRUE(NeedsRanges(b.graph, int8));
  EXPECT_FALSE(NeedsRanges(b.graph, FindScheme("dynamic")));
  Ranges partly = b.ranges;
  partly[static_cast<size_t>(sum)] = Range();
  const std::string error = ErrorOf([&] { Convert(b.graph, int8, partly); });
  EXPECT_NE(error.find("invalid argument: tensor 'sum' has no calibrated"),
            std::string::npos)
      << error;
  Ranges none = b.ranges;
  none[static_cast<size_t>(shares)] = Range();
  EXPECT_EQ(ErrorOf([&] { Convert(b.graph, int8, none); }), "");
}

// It stays float, between conversions, and is named.
TEST(Convert, AnOpWithoutAnIntegerFormStaysFloat) {
  Builder b;
  const TensorId x = b.Input("x", -1, 3);
  const TensorId before = b.Add(kTestMove, "m", {x}, -1, 3);
  const TensorId island = b.Add(kTestFloats, "f", {before}, 0, 5);
  b.Finish({b.Add(kTestMove, "n", {island}, 0, 5)});
  testing::internal::CaptureStderr();
  const Graph graph = Int8(b);
  EXPECT_EQ(OpsOf(graph),
            (std::vector<std::string>{"MOVE", "DEQUANTIZE", "FLOATS",
                                      "QUANTIZE", "MOVE"}));
  EXPECT_EQ(graph.tensor(graph.nodes[2].outputs[0]).dtype, DType::kFloat32);
  const Tensor& behind = graph.tensor(graph.nodes[3].outputs[0]);
  EXPECT_EQ(behind.quant.scale[0], 5.0f / 255);
  EXPECT_EQ(graph.tensor(graph.outputs[0]).quant, behind.quant);
  EXPECT_EQ(graph.tensor(graph.outputs[0]).name, "n");
  EXPECT_EQ(ErrorOf([&] {
              ConvertOptions options;
              options.strict = true;
              Convert(b.graph, FindScheme("int8"), b.ranges, options);
            }),
            "unsupported: 1 of 3 nodes have no form in int8: 'f' (FLOATS): it "
            "has no integer form");
}

// What is an input or an output of the model has integers outside all the same.
TEST(Convert, InputsAndOutputsAroundAnOpThatStaysFloat) {
  Builder b;
  const TensorId x = b.Input("x", -1, 3);
  b.Finish({b.Add(kTestFloats, "f", {x}, 0, 5)});
  const Graph int8 = Int8(b);
  EXPECT_EQ(OpsOf(int8),
            (std::vector<std::string>{"DEQUANTIZE", "FLOATS", "QUANTIZE"}));
  EXPECT_EQ(int8.tensor(int8.inputs[0]).dtype, DType::kInt8);
  EXPECT_EQ(int8.tensor(int8.outputs[0]).dtype, DType::kInt8);
  EXPECT_EQ(int8.tensor(int8.outputs[0]).name, "f");
  const Graph uint8 = Convert(b.graph, FindScheme("uint8"), b.ranges);
  EXPECT_EQ(uint8.tensor(uint8.outputs[0]).quant.zero_point[0], 0);
  // Floats that come in are read as they are.
  const Graph wide = Convert(b.graph, FindScheme("int16x8"), b.ranges);
  EXPECT_EQ(OpsOf(wide), (std::vector<std::string>{"FLOATS"}));
}

TEST(Convert, WhatStandsBetweenOpsThatStayFloatIsFloatToo) {
  Builder b;
  const TensorId x = b.Input("x", -1, 3);
  const TensorId first = b.Add(kTestFloats, "f", {x}, 0, 5);
  const TensorId between = b.Add(kTestMove, "m", {first}, 0, 5);
  b.Finish({b.Add(kTestFloats, "g", {between}, 0, 5)});
  EXPECT_EQ(OpsOf(Int8(b)),
            (std::vector<std::string>{"DEQUANTIZE", "FLOATS", "MOVE", "FLOATS",
                                      "QUANTIZE"}));
}

TEST(Convert, AnOpWithoutKernelsOfTheSchemeStaysFloat) {
  Builder b;
  const TensorId x = b.Input("x", -4, 4);
  b.Finish({b.Add(kHardSwish, "h", {x}, -1, 4)});
  EXPECT_EQ(OpsOf(Int8(b)), (std::vector<std::string>{"HARD_SWISH"}));
  ConvertOptions options;
  options.io = DType::kInt16;
  EXPECT_EQ(OpsOf(Convert(b.graph, FindScheme("int16x8"), b.ranges, options)),
            (std::vector<std::string>{"DEQUANTIZE", "HARD_SWISH", "QUANTIZE"}));
}

TEST(Convert, SaysWhy) {
  Builder b;
  const TensorId x = b.Input("x", -1, 3);
  const TensorId f = b.Add(kTestFloats, "f", {x}, 0, 5);
  b.Finish({b.Add(kTestShares, "s", {f}, 0, 1)});
  const std::vector<Reason> reasons =
      Explain(b.graph, FindScheme("int8"), b.ranges);
  ASSERT_EQ(reasons.size(), 4u);
  EXPECT_EQ(reasons[0].why, "calibrated: -1 to 3");
  EXPECT_EQ(reasons[1].form, "float32");
  EXPECT_EQ(reasons[1].why,
            "'f' (FLOATS): it has no integer form; others read it as int8, "
            "scale 0.0196078 zero point -128 (calibrated: 0 to 5)");
  EXPECT_EQ(reasons[2].why, "converted for 's' (SHARES)");
  EXPECT_EQ(reasons[3].why, "fixed by SHARES");
}

// Whatever the activations are.
TEST(Convert, ParametersAreInt8) {
  Builder b;
  const TensorId x = b.Input("x", -4, 4);
  const TensorId alpha =
      b.graph.AddConstant<float>("alpha", {4}, Floats{0.5f, -0.25f, 0, 0.1f});
  b.Finish({b.Add(kPrelu, "y", {x, alpha}, -2, 4)});
  for (const char* scheme : {"int8", "int16x8"}) {
    const Graph graph = Convert(b.graph, FindScheme(scheme), b.ranges);
    const auto prelu =
        std::find_if(graph.nodes.begin(), graph.nodes.end(),
                     [](const Node& node) { return node.op == &kPrelu; });
    ASSERT_NE(prelu, graph.nodes.end());
    const Tensor& stored = graph.tensor(prelu->inputs[1]);
    EXPECT_EQ(stored.dtype, DType::kInt8);
    EXPECT_FLOAT_EQ(stored.quant.scale[0], 0.75f / 255);
    EXPECT_NO_THROW(Interpreter(graph, {.batch = 1}).Invoke());
  }
}

TEST(Convert, HalvesAreWidenedOnceForAllThatReadThem) {
  Builder b;
  const TensorId x = b.Input("x", 0, 1);
  const TensorId c = b.graph.AddConstant<float>("c", {1, 40}, Floats(40, 0.5f));
  const TensorId one = b.Add(kTestSum, "one", {x, c});
  b.Finish({b.Add(kTestSum, "two", {one, c})});
  const Graph graph = Convert(b.graph, FindScheme("fp16"), {});
  EXPECT_EQ(OpsOf(graph),
            (std::vector<std::string>{"DEQUANTIZE", "SUM", "SUM"}));
  EXPECT_EQ(TensorOf(graph, "c").dtype, DType::kFloat16);
  EXPECT_EQ(graph.node(1).inputs[1], graph.node(2).inputs[1]);
}

// Learned ranges of what is joined: one scale that holds both.
TEST(Decide, LearnedRangesOfAGroupAreUnited) {
  Builder b;
  const TensorId x = b.Input("x", 0, 1);
  const TensorId one = b.Add(kTestSum, "one", {x, x});
  const TensorId two = b.Add(kTestSum, "two", {x, x});
  Graph graph = b.Finish({b.Add(kTestJoin, "joined", {one, two})});
  graph.tensor(x).quant = {{1.0f / 255}, {-128}, 0};
  graph.tensor(one).quant = {{2.0f / 255}, {-128}, 0};
  graph.tensor(two).quant = {{2.0f / 255}, {127}, 0};
  const Decisions decisions =
      Decide(&graph, FindScheme("int8"), true, {}, ConvertOptions(), {});
  const auto at = [&](TensorId id) {
    return decisions.tensors[static_cast<size_t>(id)];
  };
  EXPECT_EQ(at(x).from, Decision::kLearned);
  EXPECT_EQ(at(x).form.quant, graph.tensor(x).quant) << "bit for bit";
  EXPECT_EQ(at(one).from, Decision::kCalibrated);
  EXPECT_FLOAT_EQ(at(one).form.quant.scale[0], 4.0f / 255);
  EXPECT_EQ(at(one).form, at(two).form);
  EXPECT_TRUE(OpenRanges(graph, Unite(graph)).empty());
  graph.tensor(two).quant = {};
  EXPECT_EQ(OpenRanges(graph, Unite(graph)), std::vector<TensorId>{two});
}

// What training saw: the joined output's range, in which what has none of its
// own is made at once, and from which other learned ones are requantized.
TEST(Decide, ALearnedRangeOfTheJoinedOutputIsTheGroups) {
  Builder b;
  const TensorId x = b.Input("x", 0, 1);
  const TensorId one = b.Add(kTestSum, "one", {x, x});
  const TensorId two = b.Add(kTestSum, "two", {x, x});
  const TensorId inner = b.Add(kTestJoin, "inner", {one, two});
  const TensorId own = b.Add(kTestSum, "own", {x, x});
  const TensorId shares = b.Add(kTestShares, "shares", {x});
  const TensorId half = b.Add(kTestJoin, "half", {inner, own});
  const TensorId joined = b.Add(kTestJoin, "joined", {half, shares});
  Graph graph = b.Finish({joined, own});
  graph.tensor(x).quant = {{1.0f / 255}, {-128}, 0};
  graph.tensor(own).quant = {{2.0f / 255}, {-128}, 0};
  graph.tensor(joined).quant = {{3.0f / 255}, {-100}, 0};
  graph.tensor(half).quant = {{5.0f / 255}, {-90}, 0};
  EXPECT_TRUE(OpenRanges(graph, Unite(graph)).empty());
  const Graph result = Convert(graph, FindScheme("int8"), {});
  EXPECT_EQ(OpsOf(result),
            (std::vector<std::string>{"SUM", "SUM", "JOIN", "SUM", "SHARES",
                                      "QUANTIZE", "JOIN", "QUANTIZE",
                                      "QUANTIZE", "JOIN"}));
  for (const char* name : {"one", "two", "inner", "half"})
    EXPECT_EQ(TensorOf(result, name).quant, graph.tensor(half).quant) << name;
  for (const char* name : {"own", "joined"}) {
    EXPECT_EQ(TensorOf(result, name).quant,
              graph.tensor(name == std::string("own") ? own : joined).quant);
  }
  const Node& join = result.nodes.back();
  for (const TensorId id : join.inputs)
    EXPECT_EQ(result.tensor(id).quant, graph.tensor(joined).quant);
}

}  // namespace
}  // namespace litesmith
