// What the reductions share: the axes, and the checks of inputs and outputs.
#include "src/ops/reduce/reduce.h"

#include <vector>

#include "src/base/error.h"
#include "src/ops/checks.h"
#include "src/ops/indices.h"
#include "src/ops/reduce/reduce_kernels.h"

namespace litesmith {

std::vector<bool> ReducedDims(const Graph& graph, const Node& node) {
  const Tensor& x = graph.tensor(node.inputs[0]);
  const Tensor& axes = graph.tensor(node.inputs[1]);
  if (axes.shape.rank() > 1) {
    Fail(ErrorKind::kCorrupt,
         "the axes '{}' have shape {}; a number or a list is wanted", axes.name,
         axes.shape.ToString());
  }
  std::vector<bool> reduced(static_cast<size_t>(x.shape.rank()), false);
  if (x.shape.rank() == 0) return reduced;  // the runtimes ask for none
  for (const int64_t axis : ConstantIndices(axes, "axes"))
    reduced[static_cast<size_t>(AxisOf(x, axis))] = true;
  return reduced;
}

void InferReduce(Graph* graph, const Node& node) {
  const Tensor& x = graph->tensor(node.inputs[0]);
  Tensor& out = graph->tensor(node.outputs[0]);
  CheckKernelDType(x, "input", *node.op);
  out.dtype = x.dtype;
  if (!AreKnown(*graph, node)) return;
  const std::vector<bool> reduced = ReducedDims(*graph, node);
  const bool keep = node.Get<&ReduceAttrs::keep_dims>();
  std::vector<int32_t> dims;
  for (int d = 0; d < x.shape.rank(); ++d) {
    if (!reduced[static_cast<size_t>(d)]) {
      dims.push_back(x.shape[d]);
    } else if (keep) {
      dims.push_back(1);
    }
  }
  out.shape = Shape(dims);
}

void InferScaledReduce(Graph* graph, const Node& node) {
  InferReduce(graph, node);
  const Tensor& x = graph->tensor(node.inputs[0]);
  if (x.dtype != DType::kInt8 && x.dtype != DType::kUInt8 &&
      x.dtype != DType::kInt16)
    return;
  CheckPerTensorQuant(x, "input");
  CheckPerTensorQuant(graph->tensor(node.outputs[0]), "output");
}

}  // namespace litesmith
