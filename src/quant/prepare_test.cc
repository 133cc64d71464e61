// What a graph is cleaned up of before it is converted: every rewrite of the
// table on the pattern that it is for, and what may not be touched. The result
// computes the same numbers.
#include "src/quant/prepare.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "src/ops/move/move.h"
#include "src/quant/pattern_test.h"
#include "src/runtime/interpreter.h"
#include "src/transform/clean_up.h"

namespace litesmith {
namespace {

Names PreparedOps(const Graph& graph) {
  Names names;
  for (const Node& node : graph.nodes) names.push_back(node.op->name);
  return names;
}

// The outputs on random inputs.
Floats OutputsOf(const Graph& graph, int batch) {
  InterpreterOptions options;
  options.batch = batch;
  options.reference = true;
  Interpreter interpreter(graph, options);
  Rng rng(11);
  for (int i = 0; i < interpreter.num_inputs(); ++i) {
    const auto bytes = interpreter.input(i);
    Floats values(bytes.size() / sizeof(float));
    for (float& v : values) v = rng.Uniform(-4, 4);
    std::memcpy(bytes.data(), values.data(), bytes.size());
  }
  interpreter.Invoke();
  const auto bytes = interpreter.output(0);
  Floats values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

// x * s + t with two affine nodes.
TensorId TwoAffine(TensorId x, PatternBuilder* b, const Floats& s,
                   const Floats& t) {
  return b->Add(kAdd, {b->Add(kMul, {x, b->Row(s)}), b->Row(t)});
}

std::vector<PatternCase> IdentityCases() {
  return {
      {"identity",
       "neutral elements",
       [] {
         PatternBuilder b;
         TensorId x = b.Input(Image());
         x = b.Add(kMul, {x, b.Number(1)});
         x = b.Add(kTanh, {x});
         x = b.Add(kSub, {x, b.Row({0, 0, 0})});
         return b.Finish(b.Add(kAbs, {x}));
       },
       {"TANH", "ABS"}},
      {"identity",
       "an output of the graph keeps its name",
       [] {
         PatternBuilder b;
         const TensorId x = b.Add(kTanh, {b.Input(Image())});
         return b.Finish(b.Add(kAdd, {b.Number(0), x}));
       },
       {"TANH"}},
      {"identity",
       "a RELU of what is not below zero",
       [] {
         PatternBuilder b;
         const TensorId x = b.Add(kLogistic, {b.Input(Image())});
         return b.Finish(b.Add(kTanh, {b.Add(kRelu, {x})}));
       },
       {"LOGISTIC", "TANH"}},
      {"reshapes",
       "two are one",
       [] {
         PatternBuilder b;
         TensorId x = b.Input({kDynamic, 3, 4});
         x = b.Add(kExpandDims, {x, b.Where({1})});
         return b.Finish(b.Reshape(x, {-1, 12}));
       },
       {"RESHAPE"}},
      {"transpositions",
       "two are one",
       [] {
         PatternBuilder b;
         TensorId x = b.Input(Image());
         x = b.Add(kTranspose, {x, b.Where({0, 2, 1, 3})});
         return b.Finish(b.Add(kTranspose, {x, b.Where({0, 3, 2, 1})}));
       },
       {"TRANSPOSE"}},
      {"dense_reshapes",
       "a dense layer of rows",
       [] {
         PatternBuilder b;
         TensorId x = b.Reshape(b.Input({kDynamic, 3, 4}), {-1, 4});
         x = b.Add(kFullyConnected, {x, b.Random({5, 4})});
         x = b.Reshape(x, {-1, 3, 5});
         return b.Finish(b.Add(kAdd, {x, b.Row({1, 2, 3, 4, 5})}));
       },
       {"FULLY_CONNECTED"}},
      {"reshape_last",
       "there and back",
       [] {
         PatternBuilder b;
         TensorId x = b.Reshape(b.Input({kDynamic, 3, 4}), {-1, 12});
         return b.Finish(b.Reshape(b.Add(kTanh, {x}), {-1, 3, 4}));
       },
       {"TANH"}},
      {"reshape_last",
       "one for two",
       [] {
         PatternBuilder b;
         const TensorId x = b.Input({kDynamic, 3, 4});
         const TensorId left = b.Reshape(b.Add(kTanh, {x}), {-1, 1, 12});
         const TensorId right = b.Reshape(b.Add(kAbs, {x}), {-1, 1, 12});
         return b.Finish(b.Add(kAdd, {left, right}));
       },
       {"TANH", "ABS", "ADD", "RESHAPE"}},
  };
}

std::vector<PatternCase> LayerCases() {
  return {
      {"activation",
       "behind a convolution",
       [] {
         PatternBuilder b;
         const TensorId x = b.Conv(b.Input(Image()), {4, 3, 3, 3}, kSame);
         return b.Finish(b.Add(kRelu6, {x}));
       },
       {"CONV_2D"}},
      {"activation",
       "behind the pool of a convolution",
       [] {
         PatternBuilder b;
         const TensorId x = b.Conv(b.Input(Image()), {4, 3, 3, 3}, kSame);
         Node& node = b.graph.AddNode(kMaxPool2D, "pool", {x}, {"p"});
         node.Set<&Pool2DAttrs::filter_h>(2);
         node.Set<&Pool2DAttrs::filter_w>(2);
         node.Set<&Pool2DAttrs::stride_h>(2);
         node.Set<&Pool2DAttrs::stride_w>(2);
         node.op->infer(&b.graph, node);
         return b.Finish(b.Add(kRelu, {node.outputs[0]}));
       },
       {"CONV_2D", "MAX_POOL_2D"}},
      {"affine_move",
       "a bias behind a reshape",
       [] {
         PatternBuilder b;
         TensorId x = b.Conv(b.Input({kDynamic, 1, 9, 3}), {4, 1, 3, 3}, kSame);
         x = b.Reshape(x, {-1, 9, 4});
         return b.Finish(b.Add(kAdd, {x, b.Row({1, -2, 3, 4})}));
       },
       {"CONV_2D", "RESHAPE"}},
      {"affine_before",
       "batch normalization behind a padded convolution",
       [] {
         PatternBuilder b;
         TensorId x = b.Conv(b.Input(Image()), {4, 3, 3, 3}, kSame);
         x = TwoAffine(x, &b, {2, -1, 0.5f, 0}, {1, 2, 3, 4});
         return b.Finish(b.Add(kRelu, {x}));
       },
       {"CONV_2D"}},
      {"affine_before",
       "behind a depthwise one",
       [] {
         PatternBuilder b;
         TensorId x = b.Depthwise(b.Input(Image()), {1, 3, 3, 6}, kSame);
         return b.Finish(
             TwoAffine(x, &b, {2, -1, 0.5f, 3, 1, 0.1f}, {1, 2, 3, 4, 5, 6}));
       },
       {"DEPTHWISE_CONV_2D"}},
      {"affine_chain",
       "five are two",
       [] {
         PatternBuilder b;
         TensorId x = b.Add(kTanh, {b.Input(Image())});
         x = TwoAffine(x, &b, {2, 3, 4}, {1, 1, 1});
         x = b.Add(kSub, {b.Number(1), x});
         x = TwoAffine(x, &b, {0.5f, 1, 2}, {0, 1, 2});
         return b.Finish(b.Add(kTanh, {x}));
       },
       {"TANH", "MUL", "ADD", "TANH"}},
      {"affine_behind",
       "in front of a convolution without padding",
       [] {
         PatternBuilder b;
         const TensorId x =
             TwoAffine(b.Input(Image()), &b, {3, 3, 3}, {1, 2, 3});
         return b.Finish(b.Conv(x, {4, 3, 3, 3}, kValid));
       },
       {"CONV_2D"}},
      {"affine_behind",
       "in front of a depthwise one without padding",
       [] {
         PatternBuilder b;
         const TensorId x =
             TwoAffine(b.Input(Image()), &b, {2, 30, 4}, {1, 2, 3});
         return b.Finish(b.Depthwise(x, {1, 2, 2, 6}, kValid));
       },
       {"DEPTHWISE_CONV_2D"}},
      {"affine_behind",
       "zeros at the edges: a scale alone",
       [] {
         PatternBuilder b;
         const TensorId x = TwoAffine(b.Add(kTanh, {b.Input(Image())}), &b,
                                      {2, 3, 4}, {1, 2, 3});
         const TensorId y =
             b.Add(kMul, {b.Conv(x, {4, 3, 3, 3}, kSame), b.Number(2)});
         return b.Finish(b.Conv(b.Add(kMul, {b.Add(kTanh, {y}), b.Number(3)}),
                                {2, 3, 3, 4}, kSame));
       },
       {"TANH", "MUL", "ADD", "CONV_2D", "TANH", "CONV_2D"}},
      {"dilation",
       "of images, zeros as SAME",
       [] {
         PatternBuilder b;
         TensorId x = b.Input({kDynamic, 6, 6, 3});
         x = b.Add(kSpaceToBatchND,
                   {x, b.Where({2, 2}), b.Pairs({2, 2, 2, 2})});
         x = b.Conv(x, {4, 3, 3, 3}, kValid);
         x = b.Add(kBatchToSpaceND,
                   {x, b.Where({2, 2}), b.Pairs({0, 0, 0, 0})});
         return b.Finish(b.Add(kAdd, {x, b.Row({1, 2, 3, 4})}));
       },
       {"CONV_2D"}},
      {"dilation",
       "of rows, zeros in front",
       [] {
         PatternBuilder b;
         TensorId x = b.Input({kDynamic, 9, 3});
         x = b.Add(kSpaceToBatchND, {x, b.Where({2}), b.Pairs({4, 1})});
         x = b.Add(kExpandDims, {x, b.Where({1})});
         x = b.Conv(x, {4, 1, 3, 3}, kValid);
         x = b.Reshape(x, {-1, 5, 4});
         return b.Finish(
             b.Add(kBatchToSpaceND, {x, b.Where({2}), b.Pairs({0, 1})}));
       },
       {"RESHAPE", "PAD", "CONV_2D", "RESHAPE"}},
      {"global_average",
       "of the whole image",
       [] {
         PatternBuilder b;
         const TensorId x = b.Input(Image());
         Node& node = b.graph.AddNode(kAveragePool2D, "pool", {x}, {"p"});
         node.Set<&Pool2DAttrs::padding>(kValid);
         node.Set<&Pool2DAttrs::filter_h>(6);
         node.Set<&Pool2DAttrs::filter_w>(5);
         node.Set<&Pool2DAttrs::stride_h>(6);
         node.Set<&Pool2DAttrs::stride_w>(5);
         node.op->infer(&b.graph, node);
         return b.Finish(node.outputs[0]);
       },
       {"MEAN"}},
      {"padding",
       "zeros as SAME of a stride puts them",
       [] {
         PatternBuilder b;
         const TensorId x = b.Add(kPad, {b.Input({kDynamic, 6, 6, 3}),
                                         b.Pairs({0, 0, 0, 1, 0, 1, 0, 0})});
         return b.Finish(b.Conv(x, {4, 3, 3, 3}, kValid, 2));
       },
       {"CONV_2D"}},
  };
}

std::vector<PatternCase> AllCases() {
  std::vector<PatternCase> all = IdentityCases();
  for (auto* cases : {SpeltCases, LayerCases}) {
    for (PatternCase& each : cases()) all.push_back(std::move(each));
  }
  return all;
}

TEST(Prepare, EveryRewriteOnItsPattern) {
  for (const PatternCase& each : AllCases()) {
    SCOPED_TRACE(each.rewrite + ": " + each.what);
    const Graph before = each.graph();
    const Graph after = Prepare(before);
    EXPECT_EQ(PreparedOps(after), each.wanted) << Print(after);
    EXPECT_EQ(after.tensor(after.outputs[0]).name, "out");
    EXPECT_EQ(after.tensor(after.outputs[0]).shape,
              before.tensor(before.outputs[0]).shape);
    // Pixels as samples are samples mixed.
    const int batch = each.rewrite == "dilation" ? 1 : 3;
    const Floats wanted = OutputsOf(before, batch);
    const Floats got = OutputsOf(after, batch);
    ASSERT_EQ(got.size(), wanted.size());
    float largest = 0;
    for (const float v : wanted) largest = std::max(largest, std::abs(v));
    for (size_t i = 0; i < got.size(); ++i)
      ASSERT_NEAR(got[i], wanted[i], 2e-6f * std::max(largest, 1.0f)) << i;
  }
}

TEST(Prepare, EveryRewriteHasACase) {
  const std::vector<PatternCase> cases = AllCases();
  for (const Rewrite& rewrite : Rewrites()) {
    EXPECT_TRUE(std::any_of(
        cases.begin(), cases.end(),
        [&](const PatternCase& each) { return each.rewrite == rewrite.name; }))
        << rewrite.name;
  }
}

TEST(Prepare, LeavesWhatIsNotEqual) {
  const auto unchanged = [](const Graph& graph) {
    EXPECT_EQ(PreparedOps(Prepare(graph)), PreparedOps(graph));
  };
  {  // Zeros in front of which an offset would have to stand.
    PatternBuilder b;
    const TensorId x = b.Add(kAdd, {b.Input(Image()), b.Row({1, 2, 3})});
    unchanged(b.Finish(b.Conv(x, {4, 3, 3, 3}, kSame)));
  }
  {  // Scales that weights of one scale could not bear.
    PatternBuilder b;
    const TensorId x = b.Add(kMul, {b.Input(Image()), b.Row({1, 20, 3})});
    unchanged(b.Finish(b.Conv(x, {4, 3, 3, 3}, kValid)));
  }
  {  // An offset behind an activation.
    PatternBuilder b;
    const TensorId x = b.Conv(b.Input(Image()), {4, 3, 3, 3}, kSame);
    FusedActivation(&b.graph.nodes.back())->i = activation::kRelu;
    unchanged(b.Finish(b.Add(kAdd, {x, b.Number(1)})));
  }
  {  // A layer that somebody else reads, too.
    PatternBuilder b;
    const TensorId x = b.Conv(b.Input(Image()), {4, 3, 3, 3}, kSame);
    unchanged(b.Finish(b.Add(kAdd, {b.Add(kRelu, {x}), x})));
  }
  {  // Other zeros than SAME's.
    PatternBuilder b;
    const TensorId x = b.Add(kPad, {b.Input({kDynamic, 6, 6, 3}),
                                    b.Pairs({0, 0, 1, 0, 1, 0, 0, 0})});
    unchanged(b.Finish(b.Conv(x, {4, 3, 3, 3}, kValid, 2)));
  }
  {  // A slope above 1 is not the larger of the two.
    PatternBuilder b;
    const TensorId x = b.Input(Image());
    unchanged(b.Finish(b.Add(kMaximum, {b.Add(kMul, {x, b.Number(1.5f)}), x})));
  }
  {  // Half of a hard swish's sixth.
    PatternBuilder b;
    const TensorId x = b.Add(kTanh, {b.Input(Image())});
    const TensorId gate = b.Add(kRelu6, {b.Add(kLogistic, {x})});
    unchanged(
        b.Finish(b.Add(kMul, {b.Add(kMul, {x, gate}), b.Number(1.0f / 12)})));
  }
}

// TensorFlow's shapes of an open batch.
TEST(Prepare, FoldsShapesOfAnOpenBatch) {
  PatternBuilder b;
  const TensorId x = b.Input({kDynamic, 3, 4});
  const auto shape_of = [&](TensorId id) {
    Node& node = b.graph.AddNode(kShape, "shape" + std::to_string(id), {id},
                                 {"dims" + std::to_string(id)});
    node.Set<&ShapeAttrs::out_type>(static_cast<int64_t>(DType::kInt32));
    node.op->infer(&b.graph, node);
    return node.outputs[0];
  };
  const TensorId dims = shape_of(x);
  // A row for each of 3: [batch * 3, 4].
  const TensorId rows = b.Add(
      kReduceProd, {b.Add(kGather, {dims, b.Where({0, 1})}), b.Where({0})});
  const TensorId four = b.graph.AddConstant<int32_t>("four", Shape(), Ints{4});
  Node& pack = b.graph.AddNode(kPack, "pack", {rows, four}, {"target"});
  pack.Set<&PackAttrs::values_count>(2);
  pack.op->infer(&b.graph, pack);
  const TensorId target = pack.outputs[0];
  const TensorId flat = b.Add(kReshape, {b.Add(kTanh, {x}), target});
  b.graph.tensor(flat).shape = {kDynamic, 4};
  // Ones of the batch's shape.
  const TensorId ones = b.Add(kFill, {dims, b.Number(1)});
  b.graph.tensor(ones).shape = {kDynamic, 3, 4};
  const TensorId whole = b.Add(kMul, {b.Add(kAbs, {x}), ones});
  // All of the batch, two of three rows.
  Node& end = b.graph.AddNode(
      kPack, "end",
      {b.Add(kReduceProd, {b.Add(kGather, {dims, b.Where({0})}), b.Where({0})}),
       b.graph.AddConstant<int32_t>("two", Shape(), Ints{2}), four},
      {"ends"});
  end.Set<&PackAttrs::values_count>(3);
  end.op->infer(&b.graph, end);
  const TensorId ends = end.outputs[0];
  const TensorId sliced = b.Add(
      kStridedSlice, {whole, b.Where({0, 0, 0}), ends, b.Where({1, 1, 1})});
  b.graph.tensor(sliced).shape = {kDynamic, 2, 4};
  const TensorId back = b.Reshape(flat, {-1, 12});
  const TensorId out =
      b.Add(kConcatenation, {back, b.Reshape(sliced, {-1, 8})});
  b.last->Set<&ConcatenationAttrs::axis>(1);
  const Graph before = b.Finish(out);
  const Graph after = Prepare(before);
  EXPECT_EQ(PreparedOps(after), (Names{"TANH", "ABS", "STRIDED_SLICE",
                                       "RESHAPE", "RESHAPE", "CONCATENATION"}))
      << Print(after);
  EXPECT_EQ(OutputsOf(after, 3), OutputsOf(before, 3));
}

// Of a batch of images, each with what a shape of the batch says.
TEST(WithInnerShapes, SaysWhatEveryBatchGives) {
  const auto reshaped = [](const Shape& input) {
    PatternBuilder b;
    const TensorId x = b.Input(input);
    Node& shape = b.graph.AddNode(kShape, "shape", {x}, {"dims"});
    shape.Set<&ShapeAttrs::out_type>(static_cast<int64_t>(DType::kInt32));
    shape.op->infer(&b.graph, shape);
    const TensorId batch = b.Add(kGather, {shape.outputs[0], b.Where({0})});
    Node& join = b.graph.AddNode(kConcatenation, "join",
                                 {batch, b.Where({-1, 2})}, {"target"});
    join.op->infer(&b.graph, join);
    const TensorId y = b.Add(kReshape, {x, join.outputs[0]});
    b.graph.tensor(y).shape = {kDynamic, kDynamic, kDynamic};
    return b.Finish(b.Add(kTanh, {y}));
  };
  const auto output = [](const Graph& graph) {
    return graph.tensor(graph.outputs[0]).shape;
  };
  EXPECT_EQ(output(WithInnerShapes(reshaped({kDynamic, 3, 4}))),
            (Shape{kDynamic, 6, 2}));
  // An input's own open dimension stays, and so does what follows from it.
  const Graph open = reshaped({kDynamic, kDynamic, 4});
  EXPECT_EQ(output(WithInnerShapes(open)), output(open));
}

}  // namespace
}  // namespace litesmith
