// CONV_2D followed by a 2x2 MAX_POOL_2D of stride 2, as one plan-only op: the
// convolution's output never exists. Bit-identical in integers, because
// requantization is monotone (kernels/conv/simd.h).
#include <algorithm>

#include "src/base/check.h"
#include "src/ops/checks.h"
#include "src/ops/fusions.h"
#include "src/ops/layer/conv_2d.h"
#include "src/ops/layer/layer.h"
#include "src/ops/pool/pool_2d.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

// The convolution's attributes; the pool is always the same.
void Infer(Graph* graph, const Node& node) {
  kConv2D.infer(graph, node);
  Shape& shape = graph->tensor(node.outputs[0]).shape;
  shape[1] /= 2;
  shape[2] /= 2;
}

KernelPtr Prepare(const PrepareContext& context) {
  KernelPtr kernel = TryPrepareConv2DSimd(context, true);
  LS_CHECK(kernel != nullptr);  // Apply tried the same
  return kernel;
}

constexpr KernelRow kRows[] = {
    {"Conv2DMaxPool2D", Purpose::kFast, {}, Prepare}};

const OpDef& FusedOp() {
  static const OpDef op = [] {
    OpDef fused = kConv2D;
    fused.name = "CONV_2D+MAX_POOL_2D";
    fused.summary = "plan-only: convolution and 2x2 max pool";
    fused.tflite = {};
    fused.infer = Infer;
    fused.rows = kRows;
    return fused;
  }();
  return op;
}

// A 2x2 pool of stride 2 whose windows all lie inside the image, without an
// activation of its own.
bool IsPlainPool(const Graph& graph, const Node& node) {
  if (node.op != &kMaxPool2D || node.Get<&Pool2DAttrs::activation>() != kNone)
    return false;
  if (node.Get<&Pool2DAttrs::filter_h>() != 2 ||
      node.Get<&Pool2DAttrs::filter_w>() != 2 ||
      node.Get<&Pool2DAttrs::stride_h>() != 2 ||
      node.Get<&Pool2DAttrs::stride_w>() != 2) {
    return false;
  }
  const Shape& x = graph.tensor(node.inputs[0]).shape;
  return node.Get<&Pool2DAttrs::padding>() == kValid ||
         (x[1] % 2 == 0 && x[2] % 2 == 0);
}

bool Fuse(Graph* graph, Node* conv, Node* pool) {
  const TensorId between = conv->outputs[0];
  const TensorId result = pool->outputs[0];
  if (graph->NumUses(between) != 1) return false;
  const Tensor& x = graph->tensor(between);
  const Tensor& y = graph->tensor(result);
  // Scales may differ by what the pool tolerates; then the two stay two.
  if (x.dtype != y.dtype || !(x.quant.scale == y.quant.scale)) return false;
  Node fused = *conv;
  fused.op = &FusedOp();
  fused.outputs = {result};
  const GraphFacts facts = FactsOf(*graph);
  const PrepareContext context{*graph, fused, facts};
  if (TryPrepareConv2DSimd(context, true) == nullptr) return false;
  *pool = std::move(fused);
  conv->outputs = {graph->AddTensor(x)};  // read by nobody: dead
  return true;
}

bool Apply(Graph* graph) {
  bool changed = false;
  for (size_t n = 0; n < graph->nodes.size(); ++n) {
    if (!IsPlainPool(*graph, graph->nodes[n])) continue;
    const NodeId from = graph->Producer(graph->nodes[n].inputs[0]);
    if (from < 0 || graph->node(from).op != &kConv2D) continue;
    changed |= Fuse(graph, &graph->node(from), &graph->nodes[n]);
  }
  return changed;
}

}  // namespace

const Fusion kFuseConv2DMaxPool2D = {"CONV_2D + MAX_POOL_2D", Apply};

}  // namespace litesmith
