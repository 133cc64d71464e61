// Graphs of patterns that are rewritten, for the tests of conversion.
#ifndef LITESMITH_QUANT_PATTERN_TEST_H_
#define LITESMITH_QUANT_PATTERN_TEST_H_

#include <functional>
#include <string>
#include <vector>

#include "src/ops/layer/conv_2d.h"
#include "src/ops/layer/depthwise_conv_2d.h"
#include "src/ops/reduce/reduce.h"
#include "src/ops/registry.h"
#include "src/ops/small_graph_test.h"

namespace litesmith {

using Floats = std::vector<float>;
using Ints = std::vector<int32_t>;
using Names = std::vector<std::string>;

class PatternBuilder {
 public:
  Graph graph;

  TensorId Input(const Shape& shape) {
    Tensor tensor;
    tensor.name = "x" + std::to_string(graph.inputs.size());
    tensor.kind = TensorKind::kInput;
    tensor.shape = shape;
    graph.inputs.push_back(graph.AddTensor(std::move(tensor)));
    return graph.inputs.back();
  }
  TensorId Add(const OpDef& op, std::vector<TensorId> inputs) {
    last = &graph.AddNode(op, NextName(op.name), std::move(inputs),
                          {NextName("y")});
    const TensorId out = last->outputs[0];
    InferShapes(&graph);
    return out;
  }
  TensorId Number(float value) {
    return graph.AddConstant<float>(NextName("c"), Shape(), Floats{value});
  }
  TensorId Row(const Floats& values) {
    return graph.AddConstant<float>(
        NextName("c"), {static_cast<int32_t>(values.size())}, values);
  }
  TensorId Where(const Ints& values) {
    return graph.AddConstant<int32_t>(
        NextName("i"), {static_cast<int32_t>(values.size())}, values);
  }
  TensorId Random(const Shape& shape) {
    return AddRandomParameter(NextName("w"), shape, &rng_, &graph);
  }
  TensorId Reshape(TensorId x, const Ints& target) {
    return Add(kReshape, {x, Where(target)});
  }
  TensorId Reduce(const OpDef& op, TensorId x, const Ints& axes) {
    Node& node =
        graph.AddNode(op, NextName(op.name), {x, Where(axes)}, {NextName("y")});
    node.Set<&ReduceAttrs::keep_dims>(true);
    op.infer(&graph, node);
    return node.outputs[0];
  }
  TensorId Conv(TensorId x, const Shape& filter, Padding padding,
                int stride = 1) {
    const TensorId w = Random(filter);
    Node& node =
        graph.AddNode(kConv2D, NextName("conv"), {x, w}, {NextName("y")});
    node.Set<&Conv2DAttrs::padding>(padding);
    node.Set<&Conv2DAttrs::stride_w>(stride);
    node.Set<&Conv2DAttrs::stride_h>(stride);
    node.op->infer(&graph, node);
    return node.outputs[0];
  }
  TensorId Depthwise(TensorId x, const Shape& filter, Padding padding) {
    const TensorId w = Random(filter);
    Node& node = graph.AddNode(kDepthwiseConv2D, NextName("depthwise"), {x, w},
                               {NextName("y")});
    node.Set<&DepthwiseConv2DAttrs::padding>(padding);
    node.Set<&DepthwiseConv2DAttrs::stride_w>(1);
    node.Set<&DepthwiseConv2DAttrs::stride_h>(1);
    node.op->infer(&graph, node);
    return node.outputs[0];
  }
  // [rows, 2] operands of PAD and the like.
  TensorId Pairs(const Ints& values) {
    return graph.AddConstant<int32_t>(
        NextName("i"), {static_cast<int32_t>(values.size() / 2), 2}, values);
  }
  Graph Finish(TensorId out) {
    graph.outputs = {out};
    graph.tensor(out).name = "out";
    graph.output_names = {"out"};
    InferShapes(&graph);
    return graph;
  }
  Node* last = nullptr;

 private:
  std::string NextName(const std::string& kind) {
    return kind + std::to_string(names_++);
  }
  int names_ = 0;
  Rng rng_{7};
};

struct PatternCase {
  std::string rewrite;  // of the table
  std::string what;
  std::function<Graph()> graph;
  Names wanted;  // ops
};

inline Shape Image() { return {kDynamic, 6, 5, 3}; }

// Functions that have an op, spelt out (spelt_patterns_test.cc).
std::vector<PatternCase> SpeltCases();

}  // namespace litesmith

#endif  // LITESMITH_QUANT_PATTERN_TEST_H_
