// Lives of activations over the operators of a bound graph.
#include "src/measure/memory.h"

#include <algorithm>

#include "src/runtime/arena.h"
#include "src/runtime/bind.h"

namespace litesmith {

MemoryPlan PlanMemory(const Graph& graph) {
  BindOptions options;
  options.batch = BatchFor(graph, 1);
  options.reference = true;
  const BoundGraph bound = BindGraph(graph, options);
  MemoryPlan plan;
  std::vector<int> life_of(bound.graph.tensors.size(), -1);
  const auto touch = [&](TensorId id, int64_t step) {
    if (id == kNoTensor) return;
    const auto root = static_cast<size_t>(bound.facts.Root(id));
    const Tensor& tensor = bound.graph.tensors[root];
    if (tensor.has_data()) return;
    if (life_of[root] < 0) {
      life_of[root] = static_cast<int>(plan.tensors.size());
      plan.tensors.push_back(
          {tensor.name, static_cast<int64_t>(tensor.Bytes()), 0, step, step});
    }
    TensorLife& life = plan.tensors[static_cast<size_t>(life_of[root])];
    life.first = std::min(life.first, step);
    life.last = std::max(life.last, step);
  };
  for (const TensorId id : bound.graph.inputs) touch(id, 0);
  for (const Node& node : bound.graph.nodes) {
    const auto step = static_cast<int64_t>(plan.operators.size());
    plan.operators.emplace_back(node.op->name);
    for (const TensorId id : node.inputs) touch(id, step);
    for (const TensorId id : node.outputs) touch(id, step);
  }
  const auto end = static_cast<int64_t>(plan.operators.size()) - 1;
  for (const TensorId id : bound.graph.outputs)
    touch(id, std::max<int64_t>(end, 0));
  // Variables last from call to call.
  for (size_t t = 0; t < bound.graph.tensors.size(); ++t) {
    if (bound.graph.tensors[t].kind != TensorKind::kVariable) continue;
    touch(static_cast<TensorId>(t), 0);
    touch(static_cast<TensorId>(t), std::max<int64_t>(end, 0));
  }
  std::vector<ArenaBuffer> buffers;
  for (const TensorLife& life : plan.tensors) {
    buffers.push_back({static_cast<size_t>(life.bytes),
                       static_cast<int>(life.first),
                       static_cast<int>(life.last)});
  }
  plan.arena_bytes = static_cast<int64_t>(PlanArena(&buffers));
  for (size_t i = 0; i < buffers.size(); ++i)
    plan.tensors[i].offset = static_cast<int64_t>(buffers[i].offset);
  return plan;
}

}  // namespace litesmith
