// Multiply-accumulates by what the ops say, limits by the types that they
// multiply.
#include "src/runtime/profile.h"

#include "src/graph/op_def.h"
#include "src/kernels/common/peak.h"

namespace litesmith {
namespace {

PeakKind PeakOf(const Graph& graph, const Node& node) {
  const DType x = graph.tensor(node.inputs[0]).dtype;
  if (x == DType::kInt16) return PeakKind::kS16;
  const int weight = node.op->Find(Role::kWeight);
  if (x != DType::kFloat32 || weight < 0) return PeakKind::kS8;
  const TensorId id = node.input(static_cast<size_t>(weight));
  if (id == kNoTensor) return PeakKind::kS8;
  return graph.tensor(id).dtype == DType::kFloat32 ? PeakKind::kF32
                                                   : PeakKind::kS8;
}

}  // namespace

Work WorkOf(const Graph& graph, std::span<const NodeId> nodes) {
  Work work;
  for (const NodeId id : nodes) {
    const Node& node = graph.node(id);
    if (node.op->macs == nullptr) continue;
    work.macs += static_cast<double>(node.op->macs(graph, node));
    work.peak = PeakOf(graph, node);
  }
  return work;
}

}  // namespace litesmith
