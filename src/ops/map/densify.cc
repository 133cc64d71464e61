// DENSIFY: in a file, a sparse constant in full. Reading has done that already:
// it is folded, and has no kernel (specs/tflite.md 6.1).
#include "src/ops/checks.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

void Infer(Graph* graph, const Node& node) {
  const Tensor& x = graph->tensor(node.inputs[0]);
  Tensor& out = graph->tensor(node.outputs[0]);
  CheckDType(x, "input", {DType::kFloat32, DType::kFloat16, DType::kInt8});
  out.dtype = x.dtype;
  out.shape = x.shape;
}

constexpr Operand kOperands[] = {{.name = "x"}};

TensorData Fold(const Graph& graph, const Node& node) {
  return graph.tensor(node.inputs[0]).data;
}

}  // namespace

const OpDef kDensify = {
    .name = "DENSIFY",
    .summary = "a sparse constant in full",
    .tflite = {.code = 124, .options = 99},
    .operands = kOperands,
    .infer = Infer,
    .fold_constant = Fold,
};

}  // namespace litesmith
