// A quantization-aware graph against the int8 file that is made of it: the same
// integers, layer after layer, but for the roundings of floats.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "src/ops/layer/conv_2d.h"
#include "src/ops/pool/pool_2d.h"
#include "src/ops/small_graph_test.h"
#include "src/ops/train/batch_norm.h"
#include "src/quant/convert.h"
#include "src/runtime/interpreter.h"
#include "src/transform/choice_test.h"

namespace litesmith {
namespace {

constexpr int kSamples = 64;

TensorId AddConv(const std::string& name, TensorId x, int32_t in, Rng* rng,
                 Graph* graph) {
  const TensorId w =
      AddRandomParameter(name + "/kernel", {8, 3, 3, in}, rng, graph);
  Node& conv = graph->AddNode(kConv2D, name, {x, w}, {name});
  conv.Set<&Conv2DAttrs::stride_w>(1);
  conv.Set<&Conv2DAttrs::stride_h>(1);
  return conv.outputs[0];
}

// Behind "<layer>".
TensorId AddNorm(const std::string& layer, TensorId x, Activation activation,
                 Rng* rng, Graph* graph) {
  const std::string name = layer + "_norm";
  std::vector<TensorId> inputs = {x};
  for (const char* part : {"gamma", "beta", "mean"})
    inputs.push_back(AddRandomParameter(name + "/" + part, {8}, rng, graph));
  std::vector<float> variance(8);
  for (float& v : variance) v = rng->Uniform(0.2f, 2.0f);
  inputs.push_back(graph->AddConstant<float>(name + "/variance", {8}, variance,
                                             TensorKind::kState));
  graph->tensor(inputs[3]).kind = TensorKind::kState;
  Node& node = graph->AddNode(kBatchNorm, name, inputs, {name});
  node.Set<&BatchNormAttrs::activation>(activation);
  return node.outputs[0];
}

// Two convolutions with batch normalizations, their sum behind a gate, its
// average, logits.
Graph ResidualNet() {
  Rng rng(11);
  Graph graph;
  TensorId x = AddImageInput({kDynamic, 6, 6, 3}, &graph);
  x = AddNorm("a", AddConv("a", x, 3, &rng, &graph), activation::kRelu, &rng,
              &graph);
  const TensorId y =
      AddNorm("b", AddConv("b", x, 8, &rng, &graph), kNone, &rng, &graph);
  x = graph.AddNode(kAdd, "sum", {x, y}, {"sum"}).outputs[0];
  const TensorId gate =
      graph.AddNode(kLogistic, "gate", {y}, {"gate"}).outputs[0];
  x = graph.AddNode(kMul, "gated", {x, gate}, {"gated"}).outputs[0];
  Node& pool = graph.AddNode(kAveragePool2D, "pool", {x}, {"pool"});
  Put(Pool2DAttrs{.padding = kValid,
                  .stride_w = 3,
                  .stride_h = 3,
                  .filter_w = 3,
                  .filter_h = 3},
      &pool);
  x = pool.outputs[0];
  const std::vector<int32_t> dims = {kDynamic, 32};
  const TensorId shape = graph.AddConstant<int32_t>("flat/shape", {2}, dims);
  x = graph.AddNode(kReshape, "flat", {x, shape}, {"flat"}).outputs[0];
  const TensorId w =
      AddRandomParameter("logits/kernel", {10, 32}, &rng, &graph);
  const TensorId b = AddRandomParameter("logits/bias", {10}, &rng, &graph);
  graph.outputs =
      graph.AddNode(kFullyConnected, "logits", {x, w, b}, {"logits"}).outputs;
  graph.output_names = {"logits"};
  InferShapes(&graph);
  return graph;
}

void SetRange(const std::string& of, float min, float max, Graph* graph) {
  SetValuesOf(graph, of + "/fake_quant/min", std::vector<float>{min});
  SetValuesOf(graph, of + "/fake_quant/max", std::vector<float>{max});
}

// As trained: weight ranges of the weights, activation ranges that cut some
// off.
Graph Trained() {
  const LayerChoice<QatOptions> all = [](const Node&, const Tensor&) {
    return QatOptions();
  };
  Graph graph = InsertFakeQuant(ResidualNet(), all, QatOptions());
  InsertRoundings(&graph);
  InferShapes(&graph);
  for (const Node& node : graph.nodes) {
    std::vector<void*> inputs;
    for (const TensorId id : node.inputs) {
      Tensor* tensor = id == kNoTensor ? nullptr : &graph.tensor(id);
      inputs.push_back(tensor != nullptr && tensor->has_data()
                           ? tensor->data.MutableData()
                           : nullptr);
    }
    if (node.op->training != nullptr && node.op->training->update != nullptr)
      node.op->training->update({graph, node, inputs.data(), 1});
  }
  SetRange("input", -1, 1, &graph);
  SetRange("a_norm", -0.3f, 1.1f, &graph);
  SetRange("b_norm", -1.7f, 1.3f, &graph);
  SetRange("sum", -1.5f, 2.3f, &graph);
  SetRange("gated", -0.8f, 1.7f, &graph);
  SetRange("logits", -1.9f, 2.1f, &graph);
  return graph;
}

std::vector<float> InputValues() {
  Rng rng(5);
  std::vector<float> values(kSamples * 108);
  for (float& v : values) v = rng.Uniform(-1, 1);
  return values;
}

// Of each of the graph's outputs, in steps of the file's scale from its zero.
std::vector<std::vector<int>> Steps(const Graph& graph, const Graph& file) {
  Interpreter interpreter(graph, {.batch = kSamples, .inner_outputs = true});
  const std::vector<float> x = InputValues();
  std::memcpy(interpreter.input(0).data(), x.data(), x.size() * sizeof(float));
  interpreter.Invoke();
  std::vector<std::vector<int>> steps(graph.outputs.size());
  for (size_t i = 0; i < steps.size(); ++i) {
    const auto bytes = interpreter.output(static_cast<int>(i));
    const Quantization& q = file.tensor(file.outputs[i]).quant;
    if (graph.tensor(graph.outputs[i]).dtype == DType::kInt8) {
      for (const std::byte b : bytes)
        steps[i].push_back(static_cast<int8_t>(b) -
                           static_cast<int>(q.zero_point[0]));
      continue;
    }
    std::vector<float> values(bytes.size() / sizeof(float));
    std::memcpy(values.data(), bytes.data(), bytes.size());
    for (const float v : values)
      steps[i].push_back(static_cast<int>(std::lround(v / q.scale[0])));
  }
  return steps;
}

// How many values differ from the file's, of the sum's and all others.
size_t Different(Graph graph) {
  ConvertOptions options;
  options.io = DType::kFloat32;
  Graph file = Convert(graph, FindScheme("int8"), {}, options);
  const std::vector<std::string> watched = {"a_norm", "b_norm", "sum",
                                            "gate",   "gated",  "pool"};
  graph.outputs.clear();
  file.outputs.clear();
  for (const std::string& name : watched) {
    for (const Node& node : graph.nodes) {
      if (node.op == &kFakeQuant && graph.tensor(node.inputs[0]).name == name)
        graph.outputs.push_back(node.outputs[0]);
    }
    for (size_t t = 0; t < file.tensors.size(); ++t) {
      if (file.tensors[t].name == name)
        file.outputs.push_back(static_cast<TensorId>(t));
    }
  }
  graph.output_names = file.output_names = watched;
  const auto got = Steps(graph, file);
  const auto want = Steps(file, file);
  size_t different = 0;
  for (size_t i = 0; i < want.size(); ++i) {
    EXPECT_EQ(got[i].size(), want[i].size()) << watched[i];
    for (size_t j = 0; j < want[i].size(); ++j)
      different += got[i][j] != want[i][j];
  }
  return different;
}

TEST(AsIntegersTest, TheGraphGivesTheIntegersOfItsFile) {
  const Graph trained = Trained();
  // Of 57,344; without it, roundings differ.
  EXPECT_GT(Different(trained), 20u);
  EXPECT_LE(Different(ComputeAsIntegers(trained)), 3u);
}

TEST(AsIntegersTest, NothingButBiasesMovesAndTheFileIsTheSame) {
  const Graph trained = Trained();
  const Graph finished = ComputeAsIntegers(trained);
  const Graph before = Convert(trained, FindScheme("int8"), {});
  const Graph after = Convert(finished, FindScheme("int8"), {});
  ASSERT_EQ(before.tensors.size(), after.tensors.size());
  for (size_t t = 0; t < before.tensors.size(); ++t) {
    const TensorData& a = before.tensors[t].data;
    const TensorData& b = after.tensors[t].data;
    ASSERT_EQ(a.size(), b.size());
    if (a.empty()) continue;
    EXPECT_EQ(std::memcmp(a.data(), b.data(), a.size()), 0)
        << before.tensors[t].name;
  }
}

}  // namespace
}  // namespace litesmith
