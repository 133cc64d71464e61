// Promises on weights, checked on what a file stores.
#include "src/optimize/promises.h"

#include <fmt/core.h>

#include <algorithm>
#include <span>

#include "src/base/error.h"
#include "src/base/slices.h"
#include "src/graph/weights.h"

namespace litesmith {
namespace {

// Element i of the tensor, whatever its type, as bytes of a tensor of its own.
Tensor Gathered(const Tensor& tensor, std::span<const size_t> elements) {
  const size_t size = SizeOf(tensor.dtype);
  std::vector<std::byte> bytes(elements.size() * size);
  for (size_t i = 0; i < elements.size(); ++i) {
    std::copy_n(tensor.data.data() + elements[i] * size, size,
                bytes.data() + i * size);
  }
  Tensor result;
  result.dtype = tensor.dtype;
  result.data = TensorData(std::span<const std::byte>(bytes));
  return result;
}

int64_t MostDistinct(const Tensor& tensor, const Slices& slices) {
  int64_t most = 0;
  std::vector<size_t> elements(slices.size());
  for (size_t c = 0; c < slices.count; ++c) {
    for (size_t i = 0; i < elements.size(); ++i) elements[i] = slices.At(c, i);
    most = std::max(most, CountValues(Gathered(tensor, elements)).distinct);
  }
  return most;
}

// Groups along the axis that have too few zeros. A short last group has as many
// fewer.
int64_t GroupsWithout(const Tensor& tensor, int axis, size_t zeros,
                      size_t size) {
  const Slices along = SlicesAlong(tensor.shape, axis);
  int64_t broken = 0;
  for (size_t line = 0; line < along.size(); ++line) {
    for (size_t first = 0; first < along.count; first += size) {
      const size_t count = std::min(size, along.count - first);
      std::vector<size_t> elements;
      for (size_t i = first; i < first + count; ++i)
        elements.push_back(along.At(i, line));
      const ValueCounts counts = CountValues(Gathered(tensor, elements));
      broken += static_cast<size_t>(counts.zeros) + size - zeros < count;
    }
  }
  return broken;
}

Invariant Check(const ZerosPromise& promise, const Tensor& tensor,
                const WeightRef&) {
  const int64_t value = CountValues(tensor).zeros;
  return {"zeros", tensor.name, static_cast<double>(value),
          static_cast<double>(promise.at_least), value >= promise.at_least};
}

Invariant Check(const GroupsPromise& promise, const Tensor& tensor,
                const WeightRef& weights) {
  const int64_t value = GroupsWithout(tensor, weights.input_axis,
                                      static_cast<size_t>(promise.zeros),
                                      static_cast<size_t>(promise.size));
  return {"groups", tensor.name, static_cast<double>(value), 0, value == 0};
}

Invariant Check(const ClustersPromise& promise, const Tensor& tensor,
                const WeightRef& weights) {
  const bool per_channel = promise.per_channel || tensor.quant.per_axis();
  const int64_t value = MostDistinct(
      tensor,
      SlicesAlong(tensor.shape, per_channel ? weights.channel_axis : -1));
  return {"clusters", tensor.name, static_cast<double>(value),
          static_cast<double>(promise.at_most), value <= promise.at_most};
}

// Of int8 weights.
Invariant CheckNarrowRange(const Tensor& tensor) {
  const auto values = tensor.As<int8_t>();
  const int lowest = *std::min_element(values.begin(), values.end());
  const bool centred = std::all_of(tensor.quant.zero_point.begin(),
                                   tensor.quant.zero_point.end(),
                                   [](int64_t zero) { return zero == 0; });
  return {"narrow_range", tensor.name, static_cast<double>(lowest), -127,
          lowest >= -127 && centred};
}

// What is promised of the weights, taken off `open`.
void CheckOne(const Tensor& tensor, const WeightRef& weights, Promises* open,
              std::vector<Invariant>* result) {
  const auto promised = open->find(tensor.name);
  if (promised == open->end()) return;
  for (const Promise& promise : promised->second) {
    result->push_back(std::visit(
        [&](const auto& kind) { return Check(kind, tensor, weights); },
        promise));
  }
  open->erase(promised);
}

// Of the graph and of those that its nodes run: a loop has the weights of its
// recurrence.
void CheckWeights(const Graph& graph, Promises* open,
                  std::vector<Invariant>* result) {
  for (const WeightRef& weights : Weights(graph)) {
    const Tensor& tensor = graph.tensor(weights.parameter);
    if (tensor.dtype == DType::kInt8)
      result->push_back(CheckNarrowRange(tensor));
    CheckOne(tensor, weights, open, result);
  }
  // A table that rows are looked up in is no layer's weights in a file, but
  // data.
  for (size_t t = 0; t < graph.tensors.size(); ++t) {
    const Tensor& tensor = graph.tensors[t];
    if (tensor.has_data())
      CheckOne(tensor, {.parameter = static_cast<TensorId>(t)}, open, result);
  }
  for (const Graph& subgraph : graph.subgraphs)
    CheckWeights(subgraph, open, result);
}

}  // namespace

std::vector<Invariant> CheckPromises(const Graph& exported,
                                     const Promises& promises) {
  std::vector<Invariant> result;
  Promises open = promises;
  CheckWeights(exported, &open, &result);
  for (const auto& [name, promise] : open) {
    if (promise.empty()) continue;
    Fail(ErrorKind::kInvariant,
         "the exported file has no weights '{}', of which the recipe promises "
         "something",
         name);
  }
  return result;
}

std::string BrokenPromises(const std::string& file,
                           const std::vector<Invariant>& invariants) {
  std::string broken;
  for (const Invariant& i : invariants) {
    if (i.ok) continue;
    broken += fmt::format("\n  {} '{}': {} {}, {} promised", file, i.tensor,
                          i.value, i.name, i.limit);
  }
  return broken;
}

void RequireKept(const std::string& broken) {
  if (broken.empty()) return;
  Fail(ErrorKind::kInvariant, "exported files break what was promised:{}",
       broken);
}

}  // namespace litesmith
