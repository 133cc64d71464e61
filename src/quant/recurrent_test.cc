// Recurrent layers in every numeric format: what a file holds computes what the
// layer does.
#include "src/ops/recurrent/recurrent.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "src/base/rng.h"
#include "src/data/memory_dataset.h"
#include "src/graph/op_def.h"
#include "src/kernels/recurrent/lstm.h"
#include "src/ops/registry.h"
#include "src/quant/convert.h"
#include "src/runtime/interpreter.h"
#include "src/transform/expand_rnn.h"

namespace litesmith {
namespace {

using kernels::CellFunction;
using kernels::CellKind;

constexpr int kInputs = 3, kUnits = 5, kSequences = 20;

struct Layer {
  const char* name;
  RnnAttrs attrs;
  int steps = 6;
  bool bias = true;
  bool cells = false;
};

const Layer kLayers[] = {
    {"simple", {CellKind::kSimple}},
    {"simple_last",
     {CellKind::kSimple, CellFunction::kRelu, CellFunction::kLogistic, true,
      false}},
    {"gru", {CellKind::kGru}},
    {"gru_short", {CellKind::kGru}, 2},
    {"gru_one", {CellKind::kGru}, 1},
    {"gru_last_no_bias",
     {CellKind::kGru, CellFunction::kTanh, CellFunction::kLogistic, true,
      false},
     6,
     false},
    {"gru_before",
     {CellKind::kGru, CellFunction::kTanh, CellFunction::kLogistic, false}},
    {"lstm_hard",
     {CellKind::kLstm, CellFunction::kTanh, CellFunction::kHardSigmoid}},
    {"lstm_cells",
     {CellKind::kLstm, CellFunction::kTanh, CellFunction::kLogistic, true,
      false},
     6,
     true,
     true},
};

TensorId AddSequence(int steps, Graph* graph) {
  Tensor input;
  input.name = "x";
  input.kind = TensorKind::kInput;
  input.shape = {kDynamic, steps, kInputs};
  graph->inputs = {graph->AddTensor(std::move(input))};
  return graph->inputs[0];
}

TensorId AddWeights(const std::string& name, const Shape& shape, Rng* rng,
                    Graph* graph) {
  std::vector<float> values(static_cast<size_t>(shape.NumElements()));
  for (float& value : values) value = rng->Uniform(-0.6f, 0.6f);
  return graph->AddConstant<float>(name, shape, values, TensorKind::kParameter);
}

Graph GraphOf(const Layer& layer) {
  Rng rng(5);
  Graph graph;
  kernels::Cell cell;
  cell.kind = layer.attrs.cell;
  cell.reset_after = layer.attrs.reset_after;
  const int32_t n = kUnits;
  std::vector<TensorId> inputs(rnn::kBias + 1, kNoTensor);
  inputs[rnn::kX] = AddSequence(layer.steps, &graph);
  inputs[rnn::kKernel] =
      AddWeights("kernel", {cell.gates() * n, kInputs}, &rng, &graph);
  inputs[rnn::kRecurrentKernel] =
      AddWeights("recurrent", {cell.gates() * n, n}, &rng, &graph);
  const bool two = cell.kind == CellKind::kGru && cell.reset_after;
  if (layer.bias) {
    inputs[rnn::kBias] = AddWeights(
        "bias", two ? Shape{2, cell.gates() * n} : Shape{cell.gates() * n},
        &rng, &graph);
  }
  std::vector<std::string> names = {"y"};
  if (layer.cells) names.push_back("cells");
  Node& node = graph.AddNode(kRnn, "layer", inputs, names);
  Put(layer.attrs, &node);
  graph.outputs = node.outputs;
  InferShapes(&graph);
  return graph;
}

TensorId AddLstm(TensorId x, int layer, Rng* rng, Graph* graph) {
  std::vector<TensorId> inputs(lstm::kProjection, kNoTensor);
  inputs[lstm::kX] = x;
  const int32_t width = layer == 0 ? kInputs : kUnits;
  for (size_t gate = 0; gate < kernels::kLstmGates; ++gate) {
    const auto add = [&](const char* name, const Shape& shape) {
      return AddWeights(fmt::format("{}{}_{}", name, layer, gate), shape, rng,
                        graph);
    };
    inputs[lstm::kInputWeights + gate] = add("w", {kUnits, width});
    inputs[lstm::kRecurrentWeights + gate] = add("r", {kUnits, kUnits});
    inputs[lstm::kBias + gate] = add("b", {kUnits});
  }
  const std::string name = fmt::format("lstm{}", layer);
  Node& node =
      graph->AddNode(kUnidirectionalSequenceLstm, name, inputs, {name});
  node.Set<&UnidirectionalSequenceLstmAttrs::activation>(activation::kTanh);
  return node.outputs[0];
}

// One behind the other, of kInputs and kUnits.
Graph LstmGraph(int steps, int layers = 1) {
  Rng rng(6);
  Graph graph;
  TensorId x = AddSequence(steps, &graph);
  for (int l = 0; l < layers; ++l) x = AddLstm(x, l, &rng, &graph);
  graph.outputs = {x};
  InferShapes(&graph);
  return graph;
}

std::vector<float> Values(int steps) {
  Rng rng(7);
  std::vector<float> x(static_cast<size_t>(kSequences * steps * kInputs));
  for (float& value : x) value = rng.Uniform(-2, 2);
  return x;
}

MemoryDataset DataOf(const std::vector<float>& x, int steps) {
  Field field;
  field.name = "x";
  field.shape = {steps, kInputs};
  return MemoryDataset({{field, x}}, {});
}

// All outputs for each sample, integers as the values that they mean.
std::vector<float> RecurrentOutputs(const Graph& graph,
                                    const std::vector<float>& x) {
  Interpreter interpreter(graph);
  const size_t per_sample = x.size() / kSequences;
  std::vector<float> results;
  for (size_t s = 0; s < kSequences; ++s) {
    const auto in = interpreter.input(0);
    EXPECT_EQ(in.size(), per_sample * sizeof(float));
    std::copy_n(reinterpret_cast<const std::byte*>(x.data() + s * per_sample),
                in.size(), in.begin());
    interpreter.Invoke();
    for (int o = 0; o < interpreter.num_outputs(); ++o) {
      const auto out = interpreter.output(o);
      const auto* y = reinterpret_cast<const float*>(out.data());
      results.insert(results.end(), y, y + out.size() / sizeof(float));
    }
  }
  return results;
}

void ExpectNearKeras(const std::vector<float>& got,
                     const std::vector<float>& want, float bound) {
  ASSERT_EQ(got.size(), want.size());
  double squares = 0;
  for (size_t i = 0; i < want.size(); ++i)
    squares += std::pow(double{got[i]} - double{want[i]}, 2);
  EXPECT_LE(std::sqrt(squares / static_cast<double>(want.size())),
            double{bound});
}

void CheckMethods(const Graph& graph, int steps) {
  const std::vector<float> x = Values(steps);
  const std::vector<float> want = RecurrentOutputs(graph, x);
  const MemoryDataset data = DataOf(x, steps);
  const Ranges ranges = Calibrate(graph, data, kSequences);
  const struct {
    const char* scheme;
    float bound;
  } kBounds[] = {{"fp32", 1e-6f},
                 {"fp16", 1e-3f},
                 {"dynamic", 1e-6f},  // weights too few to be bytes
                 {"int8", 0.02f},
                 {"int16x8", 0.004f}};
  for (const auto& [name, bound] : kBounds) {
    SCOPED_TRACE(name);
    const Scheme& scheme = FindScheme(name);
    ConvertOptions options;
    if (scheme.full_integer) options.io = DType::kFloat32;
    const Graph converted = Convert(graph, scheme, ranges, options);
    for (const Node& node : converted.nodes) EXPECT_GE(node.op->tflite.code, 0);
    EXPECT_EQ(converted.outputs.size(), graph.outputs.size());
    ExpectNearKeras(RecurrentOutputs(converted, x), want, bound);
  }
}

class RecurrentMethods : public testing::TestWithParam<Layer> {};

TEST_P(RecurrentMethods, ComputeTheLayer) {
  CheckMethods(GraphOf(GetParam()), GetParam().steps);
}

INSTANTIATE_TEST_SUITE_P(Layers, RecurrentMethods, testing::ValuesIn(kLayers),
                         [](const testing::TestParamInfo<Layer>& info) {
                           return std::string(info.param.name);
                         });

TEST(RecurrentTest, AnLstmIsOneOpOrItsSteps) {
  const Graph graph = LstmGraph(6);
  CheckMethods(graph, 6);
  const Graph written = Convert(graph, FindScheme("fp32"), {});
  ASSERT_EQ(written.nodes.size(), 1u);
  EXPECT_EQ(written.nodes[0].op, &kUnidirectionalSequenceLstm);
  EXPECT_EQ(written.tensor(written.inputs[0]).shape, Shape({1, 6, kInputs}));
}

TEST(RecurrentTest, LstmsFollowEachOther) { CheckMethods(LstmGraph(4, 2), 4); }

TEST(RecurrentTest, StatesAreTakenOffAndPutBack) {
  const Graph graph = LstmGraph(5);
  const Graph written = Convert(graph, FindScheme("fp32"), {});
  const Graph open = WithoutLstmStates(written);
  EXPECT_EQ(open.tensor(open.inputs[0]).shape, Shape({kDynamic, 5, kInputs}));
  CheckMethods(open, 5);
}

TEST(RecurrentTest, StepsShareTheirWeights) {
  const Layer layer = {"gru", {CellKind::kGru}};
  const MemoryDataset data = DataOf(Values(layer.steps), layer.steps);
  const Graph graph = GraphOf(layer);
  const Graph written =
      Convert(graph, FindScheme("int8"), Calibrate(graph, data, kSequences));
  const auto named = [&](const std::string& name) {
    return std::count_if(written.tensors.begin(), written.tensors.end(),
                         [&](const Tensor& t) { return t.name == name; });
  };
  EXPECT_EQ(named("recurrent"), 1);
  EXPECT_EQ(named("kernel"), 1);
  int64_t int8_values = 0;
  for (const Tensor& t : written.tensors) {
    if (t.has_data() && t.dtype == DType::kInt8 && t.shape.rank() == 2)
      int8_values += t.shape.NumElements();
  }
  EXPECT_EQ(int8_values, 3 * kUnits * (kInputs + kUnits));
}

}  // namespace
}  // namespace litesmith
