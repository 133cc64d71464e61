// What the binary ops share: shapes that broadcast, and the checks of inputs
// and outputs.
#include "src/ops/map/binary.h"

#include <algorithm>
#include <vector>

#include "src/base/error.h"
#include "src/ops/checks.h"
#include "src/ops/map/binary_kernels.h"

namespace litesmith {
namespace {

// Types, activation and shape; the output's type is left.
void InferInputs(Graph* graph, const Node& node) {
  const Tensor& a = graph->tensor(node.inputs[0]);
  const Tensor& b = graph->tensor(node.inputs[1]);
  CheckActivation(ActivationOf(node));
  CheckKernelDType(a, "first input", *node.op);
  CheckDType(b, "second input", {a.dtype});
  graph->tensor(node.outputs[0]).shape = BroadcastShape(a, b);
}

bool IsNarrow(DType dtype) {
  return dtype == DType::kInt8 || dtype == DType::kUInt8 ||
         dtype == DType::kInt16;
}

}  // namespace

Shape BroadcastShape(const Tensor& a, const Tensor& b) {
  const int rank = std::max(a.shape.rank(), b.shape.rank());
  if (rank > kernels::kMaxBroadcastRank) {
    Fail(ErrorKind::kUnsupported,
         "'{}' has shape {} and '{}' {}; ranks up to {} are supported", a.name,
         a.shape.ToString(), b.name, b.shape.ToString(),
         kernels::kMaxBroadcastRank);
  }
  std::vector<int32_t> dims(static_cast<size_t>(rank));
  for (int d = 0; d < rank; ++d) {
    const auto of = [&](const Tensor& t) {
      const int at = d - (rank - t.shape.rank());
      return at < 0 ? 1 : t.shape[at];
    };
    const int32_t x = of(a);
    const int32_t y = of(b);
    // An open batch is known when a plan binds it.
    const bool fits = x == y || x == 1 || y == 1 ||
                      (d == 0 && (x == kDynamic || y == kDynamic));
    if (!fits) {
      Fail(ErrorKind::kCorrupt,
           "'{}' of shape {} and '{}' of shape {} do not broadcast: dimension "
           "{} is {} and {}",
           a.name, a.shape.ToString(), b.name, b.shape.ToString(), d, x, y);
    }
    dims[static_cast<size_t>(d)] = x == kDynamic || y == kDynamic ? kDynamic
                                   : x == 1                       ? y
                                                                  : x;
  }
  return Shape(dims);
}

void InferBinary(Graph* graph, const Node& node) {
  InferInputs(graph, node);
  graph->tensor(node.outputs[0]).dtype = graph->tensor(node.inputs[0]).dtype;
}

void InferScaledBinary(Graph* graph, const Node& node) {
  InferBinary(graph, node);
  const Tensor& a = graph->tensor(node.inputs[0]);
  const Tensor& b = graph->tensor(node.inputs[1]);
  const Tensor& out = graph->tensor(node.outputs[0]);
  // 16-bit integers without scales are numbers like those of 32 bits.
  if (!IsNarrow(a.dtype) || (a.dtype == DType::kInt16 && a.quant.empty() &&
                             b.quant.empty() && out.quant.empty())) {
    return;
  }
  CheckPerTensorQuant(a, "first input");
  CheckPerTensorQuant(b, "second input");
  CheckPerTensorQuant(out, "output");
}

void InferComparison(Graph* graph, const Node& node) {
  InferInputs(graph, node);
  graph->tensor(node.outputs[0]).dtype = DType::kBool;
}

bool BroadcastsBeyondFour(const Graph& graph, const Node& node) {
  const Shape& a = graph.tensor(node.inputs[0]).shape;
  const Shape& b = graph.tensor(node.inputs[1]).shape;
  return !(a == b) && std::max(a.rank(), b.rank()) > 4;
}

bool HasScales(const PrepareContext& context) {
  return !context.input(0).quant.empty();
}

}  // namespace litesmith
