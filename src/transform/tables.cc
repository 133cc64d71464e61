// Finds tables.
#include "src/transform/tables.h"

#include "src/ops/registry.h"

namespace litesmith {
namespace {

// Which input of the node may be a table; -1: none.
int TableOf(const Node& node) {
  if (node.op == &kGather) return 0;
  if (node.op == &kEmbeddingLookup || node.op == &kBatchMatMul) return 1;
  return -1;
}

}  // namespace

void MarkTables(Graph* graph) {
  for (const Node& node : graph->nodes) {
    const int at = TableOf(node);
    if (at < 0) continue;
    Tensor& table = graph->tensor(node.inputs[static_cast<size_t>(at)]);
    if (table.kind == TensorKind::kConstant && table.dtype == DType::kFloat32 &&
        table.shape.rank() >= 2)
      table.kind = TensorKind::kParameter;
  }
}

}  // namespace litesmith
