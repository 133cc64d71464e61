// QUANTIZE, DEQUANTIZE, MAX_POOL_2D, as quantization-aware float files have
// them, or FAKE_QUANT, MAX_POOL_2D, as quantization-aware graphs, in another
// order: the pool first. Quantization is monotone, so that the maximum of
// quantized values is the quantized maximum; fewer values are quantized, and a
// convolution before them may be fused with the pool.
#include <utility>

#include "src/ops/attributes.h"
#include "src/ops/fusions.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

// The producer of the node's first input, if that is `op`, has one scale, and
// nobody else reads it; else null.
Node* Before(Graph* graph, const Node& node, const OpDef& op) {
  const TensorId id = node.inputs[0];
  const NodeId from = graph->Producer(id);
  if (from < 0 || graph->node(from).op != &op || graph->NumUses(id) != 1 ||
      graph->tensor(id).quant.per_axis()) {
    return nullptr;
  }
  return &graph->node(from);
}

bool SwapPair(Graph* graph, Node* pool) {
  Node* const dequantize = Before(graph, *pool, kDequantize);
  if (dequantize == nullptr) return false;
  Node* const quantize = Before(graph, *dequantize, kQuantize);
  if (quantize == nullptr) return false;
  const TensorId x = quantize->inputs[0];
  const TensorId y = pool->outputs[0];
  if (graph->tensor(x).dtype != DType::kFloat32) return false;
  Tensor pooled = graph->tensor(y);
  pooled.name += "_float";
  Tensor integers = graph->tensor(quantize->outputs[0]);
  integers.shape = pooled.shape;
  // The three nodes keep their places, so that the order stays topological.
  std::swap(*quantize, *pool);
  std::swap(*dequantize, *pool);
  Node& first = *quantize;
  Node& second = *dequantize;
  Node& third = *pool;
  first.inputs[0] = x;
  first.outputs[0] = graph->AddTensor(std::move(pooled));
  second.inputs[0] = first.outputs[0];
  second.outputs[0] = graph->AddTensor(std::move(integers));
  third.inputs[0] = second.outputs[0];
  third.outputs[0] = y;
  return true;
}

bool SwapFakeQuant(Graph* graph, Node* pool) {
  Node* const fake = Before(graph, *pool, kFakeQuant);
  if (fake == nullptr) return false;
  // One range, which does not depend on the values.
  if (graph->tensor(fake->inputs[1]).shape.NumElements() != 1 ||
      fake->Int(fake_quant::kRangeUpdate) == fake_quant::kLastValue) {
    return false;
  }
  const TensorId x = fake->inputs[0];
  const TensorId y = pool->outputs[0];
  Tensor pooled = graph->tensor(y);
  pooled.name += "_float";
  std::swap(*fake, *pool);
  Node& first = *fake;
  Node& second = *pool;
  first.inputs[0] = x;
  first.outputs[0] = graph->AddTensor(std::move(pooled));
  second.inputs[0] = first.outputs[0];
  second.outputs[0] = y;
  return true;
}

bool Apply(Graph* graph) {
  bool changed = false;
  for (Node& node : graph->nodes) {
    if (node.op == &kMaxPool2D && node.Int(pool_2d::kActivation) == kNone) {
      changed |= SwapPair(graph, &node) || SwapFakeQuant(graph, &node);
    }
  }
  return changed;
}

}  // namespace

const Fusion kPoolBeforeQuantize = {"MAX_POOL_2D before quantization", Apply};

}  // namespace litesmith
