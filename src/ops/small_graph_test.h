// A small convolutional graph for the tests of this room and those above it.
#ifndef LITESMITH_OPS_SMALL_GRAPH_TEST_H_
#define LITESMITH_OPS_SMALL_GRAPH_TEST_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include "src/base/error.h"
#include "src/base/rng.h"
#include "src/graph/graph.h"
#include "src/graph/op_def.h"
#include "src/ops/layer/conv_2d.h"
#include "src/ops/map/softmax.h"
#include "src/ops/pool/pool_2d.h"
#include "src/ops/registry.h"
#include "src/ops/train/train.h"

namespace litesmith {

inline TensorId AddRandomParameter(const std::string& name, const Shape& shape,
                                   Rng* rng, Graph* graph) {
  std::vector<float> values(static_cast<size_t>(shape.NumElements()));
  for (float& value : values) value = rng->Uniform(-0.5f, 0.5f);
  return graph->AddConstant<float>(name, shape, values, TensorKind::kParameter);
}

inline TensorId AddImageInput(const Shape& shape, Graph* graph) {
  Tensor input;
  input.name = "input";
  input.kind = TensorKind::kInput;
  input.shape = shape;
  graph->inputs = {graph->AddTensor(std::move(input))};
  graph->input_names = {"input"};
  return graph->inputs[0];
}

// [N,6,6,2] -> "conv", 4 of 3x3 with ReLU -> MaxPool 2x2 -> "dense", 3 logits.
// Weights are random, uniform in +-0.5.
inline Graph SmallCnn(uint64_t seed = 1) {
  Rng rng(seed);
  Graph graph;
  TensorId x = AddImageInput({kDynamic, 6, 6, 2}, &graph);
  const TensorId w =
      AddRandomParameter("conv/kernel", {4, 3, 3, 2}, &rng, &graph);
  const TensorId b = AddRandomParameter("conv/bias", {4}, &rng, &graph);
  Node& conv = graph.AddNode(kConv2D, "conv", {x, w, b}, {"conv"});
  conv.Set<&Conv2DAttrs::padding>(kValid);
  conv.Set<&Conv2DAttrs::stride_w>(1);
  conv.Set<&Conv2DAttrs::stride_h>(1);
  conv.Set<&Conv2DAttrs::activation>(activation::kRelu);
  x = conv.outputs[0];
  Node& pool = graph.AddNode(kMaxPool2D, "pool", {x}, {"pool"});
  pool.Set<&Pool2DAttrs::padding>(kValid);
  pool.Set<&Pool2DAttrs::stride_w>(2);
  pool.Set<&Pool2DAttrs::stride_h>(2);
  pool.Set<&Pool2DAttrs::filter_w>(2);
  pool.Set<&Pool2DAttrs::filter_h>(2);
  x = pool.outputs[0];
  const std::vector<int32_t> dims = {kDynamic, 16};
  const TensorId shape = graph.AddConstant<int32_t>("flatten/shape", {2}, dims);
  x = graph.AddNode(kReshape, "flatten", {x, shape}, {"flatten"}).outputs[0];
  const TensorId dw = AddRandomParameter("dense/kernel", {3, 16}, &rng, &graph);
  const TensorId db = AddRandomParameter("dense/bias", {3}, &rng, &graph);
  Node& dense = graph.AddNode(kFullyConnected, "dense", {x, dw, db}, {"dense"});
  graph.outputs = dense.outputs;
  graph.output_names = {"dense"};
  InferShapes(&graph);
  VerifyStructure(graph);
  return graph;
}

// The tensor of that name; null if there is none.
inline Tensor* FindTensor(Graph* graph, const std::string& name) {
  const auto at =
      std::find_if(graph->tensors.begin(), graph->tensors.end(),
                   [&](const Tensor& tensor) { return tensor.name == name; });
  return at == graph->tensors.end() ? nullptr : &*at;
}

inline std::vector<float> ValuesOf(const Graph& graph,
                                   const std::string& name) {
  for (const Tensor& tensor : graph.tensors) {
    if (tensor.name == name)
      return {tensor.As<float>().begin(), tensor.As<float>().end()};
  }
  ADD_FAILURE() << "no tensor " << name;
  return {};
}

inline void SetValuesOf(Graph* graph, const std::string& name,
                        std::span<const float> values) {
  Tensor* tensor = FindTensor(graph, name);
  ASSERT_NE(tensor, nullptr) << name;
  ASSERT_EQ(tensor->As<float>().size(), values.size()) << name;
  std::copy(values.begin(), values.end(), tensor->MutableAs<float>().begin());
}

// A dropout behind the layer, called "<layer>_dropout".
inline void AddDropoutBehind(const std::string& layer, float rate,
                             Graph* graph) {
  const auto at =
      std::find_if(graph->nodes.begin(), graph->nodes.end(),
                   [&](const Node& node) { return node.name == layer; });
  ASSERT_NE(at, graph->nodes.end()) << layer;
  const TensorId x = at->outputs[0];
  Node node;
  node.op = &kDropout;
  node.name = layer + "_dropout";
  node.attrs = DefaultAttrs(kDropout);
  node.Set<&DropoutAttrs::rate>(rate);
  Tensor out;
  out.name = node.name;
  const TensorId y = graph->AddTensor(std::move(out));
  graph->ReplaceUses(x, y);
  node.inputs = {x};
  node.outputs = {y};
  graph->nodes.insert(at + 1, std::move(node));
  InferShapes(graph);
}

// SmallCnn with this op, of one input, behind its logits.
inline Graph SmallCnnWith(const OpDef& op, const std::string& name) {
  Graph graph = SmallCnn();
  Node& node = graph.AddNode(op, name, {graph.outputs[0]}, {name});
  if (&op == &kSoftmax) node.Set<&SoftmaxAttrs::beta>(1.0f);
  graph.outputs = node.outputs;
  InferShapes(&graph);
  return graph;
}

// The layer's weights and bias become constants.
inline void Freeze(const std::string& layer, Graph* graph) {
  for (const char* part : {"/kernel", "/bias"}) {
    if (Tensor* tensor = FindTensor(graph, layer + part))
      tensor->kind = TensorKind::kConstant;
  }
}

// The Error that `body` ends in, as "kind: message"; empty if in none.
template <typename Body>
std::string ErrorOf(const Body& body) {
  try {
    body();
  } catch (const Error& error) {
    return std::string(Name(error.kind())) + ": " + error.what();
  }
  return "";
}

}  // namespace litesmith

#endif  // LITESMITH_OPS_SMALL_GRAPH_TEST_H_
