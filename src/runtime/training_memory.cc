// Blocks of a training plan.
#include "src/runtime/training_memory.h"

#include <cstring>

#include "src/base/check.h"

namespace litesmith {

TrainingMemory::TrainingMemory(const Graph& graph, const TrainingLayout& layout,
                               int shards, int workers)
    : graph_(&graph),
      sums_are_gradients_(layout.sums_are_gradients),
      sum_bytes_(layout.sum_bytes),
      parameters_(layout.parameter_bytes),
      gradients_(layout.parameter_bytes),
      states_(layout.state_bytes),
      edge_(layout.edge_bytes),
      shard_sums_(layout.sum_bytes * static_cast<size_t>(shards)),
      sums_(layout.sums_are_gradients ? 0 : layout.sum_bytes),
      edge_workspace_(layout.edge_workspace) {
  for (int s = 0; s < shards; ++s) shards_.emplace_back(layout.shard_bytes);
  for (int w = 0; w < workers; ++w)
    workspaces_.emplace_back(layout.shard_workspace + layout.worker_bytes);
  for (size_t t = 0; t < graph.tensors.size(); ++t) {
    const Tensor& tensor = graph.tensors[t];
    if (tensor.kind == TensorKind::kParameter ||
        tensor.kind == TensorKind::kState) {
      std::memcpy(At(layout.values[t], 0), tensor.data.data(),
                  tensor.data.size());
    }
  }
}

std::byte* TrainingMemory::At(const Place& place, int shard) {
  const auto s = static_cast<size_t>(shard);
  const auto in = [&](TensorData* data) {
    return data->MutableData() + place.offset;
  };
  switch (place.block) {
    case Block::kNone:
    case Block::kWorker:
      return nullptr;
    case Block::kConstant:
      // Kernels get the tensors that they write as pointers to bytes too.
      return const_cast<std::byte*>(graph_->tensors[place.offset].data.data());
    case Block::kParameters:
      return in(&parameters_);
    case Block::kGradients:
      return in(&gradients_);
    case Block::kStates:
      return in(&states_);
    case Block::kEdge:
      return in(&edge_);
    case Block::kShard:
      return in(&shards_[s]);
    case Block::kShardSums:
      return in(&shard_sums_) + s * sum_bytes_;
    case Block::kSums:
      return in(sums_are_gradients_ ? &gradients_ : &sums_);
  }
  LS_CHECK(!"a block");
  return nullptr;
}

}  // namespace litesmith
