#include "src/optimize/invariants.h"

#include <algorithm>
#include <cmath>
#include <span>

#include "src/base/error.h"
#include "src/graph/weights.h"
#include "src/optimize/step_graph.h"

namespace litesmith {
namespace {

// n - max(round(n (1 - s)), 1), half to even: what the mask removes.
int64_t RemovedWeights(const Tensor& weights, const PruneOptions& prune,
                       int64_t steps) {
  const auto removed = [&](int64_t n) {
    const float kept = std::nearbyint(static_cast<float>(n) *
                                      (1.0f - FinalSparsity(prune, steps)));
    return n - std::max<int64_t>(static_cast<int64_t>(kept), 1);
  };
  const int64_t n = weights.shape.NumElements();
  if (prune.schedule == prune_mask::kZerosInGroups) {
    // The larger of a group are kept; a short last one keeps as many.
    const int64_t in = weights.shape[weights.shape.rank() - 1];
    const int64_t kept = prune.group_size - prune.group_zeros;
    return n / in *
           (in / prune.group_size * prune.group_zeros +
            std::max<int64_t>(in % prune.group_size - kept, 0));
  }
  const int64_t height = prune.block_height;
  const int64_t width = prune.block_width;
  if (height == 1 && width == 1) return removed(n);
  // Of blocks over [in, out]; those at the edges may be smaller.
  const int64_t rows = (weights.shape[1] + height - 1) / height;
  const int64_t columns = (weights.shape[0] + width - 1) / width;
  const int64_t kept = rows * columns - removed(rows * columns);
  return std::max<int64_t>(n - kept * height * width, 0);
}

Promise After(const Tensor& weights, const RecipeStep& step,
              const LayerSettings& settings, int64_t steps, Promise before) {
  switch (step.kind) {
    case StepKind::kTrain:
      return {};
    case StepKind::kPrune:
      before = {.zeros = RemovedWeights(weights, settings.prune, steps)};
      if (settings.prune.schedule == prune_mask::kZerosInGroups) {
        before.group_zeros = settings.prune.group_zeros;
        before.group_size = settings.prune.group_size;
      }
      return before;
    case StepKind::kCluster:
      if (!settings.cluster.preserve_sparsity)
        before.zeros = before.group_size = 0;
      before.clusters = settings.cluster.clusters;
      before.per_channel = settings.cluster.per_channel;
      return before;
    case StepKind::kQat:
      if (!settings.qat.preserve_sparsity) before.zeros = before.group_size = 0;
      if (!settings.qat.preserve_clusters) before.clusters = 0;
      // On the grid a channel's scale of its own makes values of its own.
      before.per_channel |=
          settings.qat.per_channel && weights.shape.rank() == 4;
      return before;
  }
  return {};
}

// Calls f with each slice's bytes.
template <typename F>
void ForEachSlice(const Tensor& tensor, bool per_channel, const F& f) {
  const size_t slices = per_channel ? static_cast<size_t>(tensor.shape[0]) : 1;
  const size_t bytes = tensor.data.size() / slices;
  for (size_t s = 0; s < slices; ++s) {
    f(std::span<const std::byte>(tensor.data.data() + s * bytes, bytes));
  }
}

// Groups along the input channels that have too few zeros. A short last group
// has as many fewer.
int64_t GroupsWithout(const Tensor& tensor, int zeros, int size) {
  const int in = tensor.shape[tensor.shape.rank() - 1];
  const size_t element = SizeOf(tensor.dtype);
  int64_t broken = 0;
  for (size_t at = 0; at < tensor.data.size();) {
    for (int first = 0; first < in; first += size) {
      const int count = std::min(size, in - first);
      Tensor group;
      group.dtype = tensor.dtype;
      const size_t bytes = static_cast<size_t>(count) * element;
      group.data = TensorData(
          std::span<const std::byte>(tensor.data.data() + at, bytes));
      at += bytes;
      broken += CountValues(group).zeros < count - (size - zeros);
    }
  }
  return broken;
}

int64_t MostDistinct(const Tensor& tensor, bool per_channel) {
  int64_t most = 0;
  ForEachSlice(tensor, per_channel, [&](std::span<const std::byte> bytes) {
    Tensor slice;
    slice.dtype = tensor.dtype;
    slice.data = TensorData(bytes);
    most = std::max(most, CountValues(slice).distinct);
  });
  return most;
}

}  // namespace

Promises PromisesAfter(const Graph& graph, const RecipeStep& step,
                       int64_t steps, const Promises& before) {
  Promises result;
  ForEachLayer(
      graph, step, steps,
      [&](const Node&, const Tensor& weights, const LayerSettings& settings) {
        const auto known = before.find(weights.name);
        result[weights.name] =
            After(weights, step, settings, steps,
                  known == before.end() ? Promise() : known->second);
      });
  return result;
}

std::vector<Invariant> CheckInvariants(const Graph& exported,
                                       const Promises& promises) {
  std::vector<Invariant> result;
  const auto add = [&](const char* name, const Tensor& tensor, int64_t value,
                       int64_t limit, bool ok) {
    result.push_back({name, tensor.name, static_cast<double>(value),
                      static_cast<double>(limit), ok});
  };
  Promises open = promises;
  for (const TensorId id : WeightTensors(exported)) {
    const Tensor& tensor = exported.tensor(id);
    if (tensor.dtype == DType::kInt8) {
      const auto values = tensor.As<int8_t>();
      const int lowest = *std::min_element(values.begin(), values.end());
      const bool centred = std::all_of(tensor.quant.zero_point.begin(),
                                       tensor.quant.zero_point.end(),
                                       [](int64_t zero) { return zero == 0; });
      add("narrow_range", tensor, lowest, -127, lowest >= -127 && centred);
    }
    const auto promise = open.find(tensor.name);
    if (promise == open.end()) continue;
    const auto [zeros, clusters, trained_per_channel, group_zeros, group_size] =
        promise->second;
    open.erase(promise);
    if (zeros > 0) {
      const int64_t value = CountValues(tensor).zeros;
      add("zeros", tensor, value, zeros, value >= zeros);
    }
    if (group_size > 0) {
      const int64_t value = GroupsWithout(tensor, group_zeros, group_size);
      add("groups", tensor, value, 0, value == 0);
    }
    if (clusters > 0) {
      const bool per_channel = trained_per_channel || tensor.quant.per_axis();
      const int64_t value = MostDistinct(tensor, per_channel);
      add("clusters", tensor, value, clusters, value <= clusters);
    }
  }
  for (const auto& [name, promise] : open) {
    if (promise.zeros == 0 && promise.clusters == 0) continue;
    Fail(ErrorKind::kInvariant,
         "the exported file has no weights '{}', of which the recipe promises "
         "something",
         name);
  }
  return result;
}

}  // namespace litesmith
