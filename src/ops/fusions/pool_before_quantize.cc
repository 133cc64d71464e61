// QUANTIZE, DEQUANTIZE, MAX_POOL_2D, as quantization-aware float files have
// them, or FAKE_QUANT, MAX_POOL_2D, as quantization-aware graphs, in another
// order: the pool first. Quantization is monotone, so that the maximum of
// quantized values is the quantized maximum; fewer values are quantized, and a
// convolution before them may be fused with the pool.
#include <utility>

#include "src/ops/fusions.h"
#include "src/ops/pool/pool_2d.h"
#include "src/ops/registry.h"
#include "src/ops/train/fake_quant_range.h"

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

// x -> before -> pool -> y becomes x -> pool -> before -> y. The two nodes
// change places, so that the order stays topological.
void Swap(Graph* graph, Node* before, Node* pool) {
  const TensorId x = before->inputs[0];
  const TensorId y = pool->outputs[0];
  Tensor pooled = graph->tensor(y);
  pooled.name += "_before";
  pooled.dtype = graph->tensor(x).dtype;
  pooled.quant = graph->tensor(x).quant;
  std::swap(*before, *pool);
  Node& first = *before;
  Node& second = *pool;
  first.inputs[0] = x;
  first.outputs[0] = graph->AddTensor(std::move(pooled));
  second.inputs[0] = first.outputs[0];
  second.outputs[0] = y;
}

bool SwapFakeQuant(Graph* graph, Node* pool) {
  Node* const fake = Before(graph, *pool, kFakeQuant);
  if (fake == nullptr || !IsOneMonotoneMap(*graph, *fake)) return false;
  Swap(graph, fake, pool);
  return true;
}

bool SwapPair(Graph* graph, Node* pool) {
  Node* const dequantize = Before(graph, *pool, kDequantize);
  if (dequantize == nullptr) return false;
  Node* const quantize = Before(graph, *dequantize, kQuantize);
  if (quantize == nullptr ||
      graph->tensor(quantize->inputs[0]).dtype != DType::kFloat32) {
    return false;
  }
  Swap(graph, dequantize, pool);
  Swap(graph, quantize, dequantize);  // where the pool is now
  return true;
}

bool Rewrite(Graph* graph) {
  bool changed = false;
  for (Node& node : graph->nodes) {
    if (node.op == &kMaxPool2D &&
        node.Get<&Pool2DAttrs::activation>() == kNone) {
      changed |= SwapPair(graph, &node) || SwapFakeQuant(graph, &node);
    }
  }
  return changed;
}

}  // namespace

const Fusion kPoolBeforeQuantize = {
    .name = "MAX_POOL_2D before quantization",
    .summary = "pools before it quantizes: fewer values, and room for a fusion",
    .purpose = Purpose::kFast,
    .rewrite = Rewrite,
};

}  // namespace litesmith
