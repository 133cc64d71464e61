// The memory of a training plan, by a TrainingLayout.
#ifndef LITESMITH_RUNTIME_TRAINING_MEMORY_H_
#define LITESMITH_RUNTIME_TRAINING_MEMORY_H_

#include <cstddef>
#include <span>
#include <vector>

#include "src/graph/graph.h"
#include "src/runtime/training_layout.h"

namespace litesmith {

class TrainingMemory {
 public:
  TrainingMemory() = default;
  // Parameters and states have the values that they have in `graph`, which must
  // outlive this, as it holds the constants. All else is zero. At most
  // `workers` shards are computed at a time.
  TrainingMemory(const Graph& graph, const TrainingLayout& layout, int shards,
                 int workers);

  // Null for kNone, and for kWorker, which lies behind a worker's workspace.
  // `shard` counts only in blocks that each shard has.
  std::byte* At(const Place& place, int shard);
  float* FloatsAt(const Place& place, int shard) {
    return reinterpret_cast<float*>(At(place, shard));
  }

  std::span<float> parameters() { return Floats(&parameters_); }
  std::span<float> gradients() { return Floats(&gradients_); }
  std::span<std::byte> states() {
    return {states_.MutableData(), states_.size()};
  }
  // [shards][sums] and [sums].
  std::span<float> shard_sums() { return Floats(&shard_sums_); }
  std::span<float> sums() {
    return Floats(sums_are_gradients_ ? &gradients_ : &sums_);
  }
  std::byte* edge_workspace() { return edge_workspace_.MutableData(); }
  std::byte* workspace(int worker) {
    return workspaces_[static_cast<size_t>(worker)].MutableData();
  }

 private:
  static std::span<float> Floats(TensorData* data) {
    return {reinterpret_cast<float*>(data->MutableData()),
            data->size() / sizeof(float)};
  }

  const Graph* graph_ = nullptr;
  bool sums_are_gradients_ = false;
  size_t sum_bytes_ = 0;
  TensorData parameters_, gradients_, states_, edge_, shard_sums_, sums_;
  TensorData edge_workspace_;
  std::vector<TensorData> shards_, workspaces_;  // each apart from the others
};

}  // namespace litesmith

#endif  // LITESMITH_RUNTIME_TRAINING_MEMORY_H_
