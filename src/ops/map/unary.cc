// What the infer functions of unary ops check.
#include "src/ops/map/unary.h"

#include "src/ops/checks.h"

namespace litesmith::unary {

void InferPlain(Graph* graph, const Node& node) {
  const Tensor& x = graph->tensor(node.inputs[0]);
  Tensor& out = graph->tensor(node.outputs[0]);
  CheckKernelDType(x, "input", *node.op);
  out.dtype = x.dtype;
  out.shape = x.shape;
}

void InferFixed(Graph* graph, const Node& node) {
  InferPlain(graph, node);
  const Tensor& x = graph->tensor(node.inputs[0]);
  if (x.dtype == DType::kFloat32) return;
  CheckPerTensorQuant(x, "input");
  CheckFixedQuant(graph->tensor(node.outputs[0]), *node.op);
}

void Infer(Graph* graph, const Node& node) {
  InferPlain(graph, node);
  const Tensor& x = graph->tensor(node.inputs[0]);
  const Tensor& out = graph->tensor(node.outputs[0]);
  if (x.dtype == DType::kFloat32) return;
  CheckPerTensorQuant(x, "input");
  CheckPerTensorQuant(out, "output");
  (void)RatioOfScales(x, out);
}

int VersionOfIntegers(const Graph& graph, const Node& node) {
  return graph.tensor(node.inputs[0]).dtype == DType::kFloat32 ? 1 : 2;
}

}  // namespace litesmith::unary
