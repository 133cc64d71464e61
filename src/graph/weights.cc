// Weights found behind their layers, and counted.
#include "src/graph/weights.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string_view>

#include "src/base/check.h"
#include "src/graph/op_def.h"

namespace litesmith {
namespace {

// The stored tensor behind `id`, or kNoTensor if it depends on an input.
TensorId StoredBehind(const Graph& graph, TensorId id) {
  // A node's inputs come before its outputs, so this ends.
  while (id != kNoTensor && !graph.tensor(id).has_data()) {
    const NodeId producer = graph.Producer(id);
    if (producer < 0) return kNoTensor;
    id = graph.node(producer).input(0);
  }
  return id;
}

// A parameter that stands where data may, of an op that multiplies or looks up.
bool IsTable(const Tensor& tensor) {
  return tensor.kind == TensorKind::kParameter &&
         tensor.dtype == DType::kFloat32 && tensor.shape.rank() >= 2;
}
bool TakesTables(const OpDef& op) {
  const bool multiplies = op.macs != nullptr && op.Find(Role::kWeight) < 0;
  const bool looks_up = op.operands.size() == 2 && !op.variadic &&
                        (std::string_view(op.operands[0].name) == "ids" ||
                         std::string_view(op.operands[1].name) == "indices");
  return multiplies || looks_up;
}

}  // namespace

std::vector<WeightRef> Weights(const Graph& graph) {
  std::vector<WeightRef> result;
  std::vector<char> seen(graph.tensors.size(), 0);
  const auto add = [&](bool tables) {
    for (size_t n = 0; n < graph.nodes.size(); ++n) {
      const Node& node = graph.nodes[n];
      if (tables && !TakesTables(*node.op)) continue;
      for (size_t i = 0; i < node.inputs.size(); ++i) {
        const Operand& operand = node.op->OperandOf(i);
        if (operand.role != (tables ? Role::kData : Role::kWeight)) continue;
        const TensorId id = StoredBehind(graph, node.inputs[i]);
        if (id == kNoTensor || seen[static_cast<size_t>(id)] != 0 ||
            (tables && !IsTable(graph.tensor(id))))
          continue;
        seen[static_cast<size_t>(id)] = 1;
        result.push_back({id, static_cast<NodeId>(n), static_cast<int>(i),
                          operand.channel_axis, operand.input_axis});
      }
    }
  };
  add(/*tables=*/false);
  const auto layers = static_cast<ptrdiff_t>(result.size());
  add(/*tables=*/true);
  std::inplace_merge(
      result.begin(), result.begin() + layers, result.end(),
      [](const WeightRef& a, const WeightRef& b) { return a.node < b.node; });
  return result;
}

std::vector<WeightRef> FloatWeights(const Graph& graph) {
  std::vector<WeightRef> result = Weights(graph);
  std::erase_if(result, [&](const WeightRef& ref) {
    return graph.tensor(ref.parameter).dtype != DType::kFloat32;
  });
  return result;
}

bool IsFrozen(const Graph& graph, const WeightRef& weights) {
  return graph.tensor(weights.parameter).kind != TensorKind::kParameter;
}

bool HasScalePerChannel(const Graph& graph, const WeightRef& weights) {
  return weights.channel_axis >= 0 &&
         graph.node(weights.node).op->quant.per_channel;
}

namespace {

// The stored values as bits of which +0 and -0 are the same, and those of zero.
struct StoredBits {
  std::vector<uint64_t> values;
  uint64_t zero = 0;
};

StoredBits BitsOf(const Tensor& tensor) {
  const size_t size = SizeOf(tensor.dtype);
  LS_CHECK(size <= sizeof(uint64_t));
  StoredBits bits;
  bits.values.resize(tensor.data.size() / size);
  for (size_t i = 0; i < bits.values.size(); ++i)
    std::memcpy(&bits.values[i], tensor.data.data() + i * size, size);
  if (IsInteger(tensor.dtype)) {
    const bool has = !tensor.quant.zero_point.empty();
    const int64_t point = has ? tensor.quant.zero_point[0] : 0;
    std::memcpy(&bits.zero, &point, size);  // little endian
  } else {
    const uint64_t minus_zero = uint64_t{1} << (8 * size - 1);
    std::replace(bits.values.begin(), bits.values.end(), minus_zero,
                 uint64_t{0});
  }
  return bits;
}

int64_t Zeros(const StoredBits& bits) {
  return std::count(bits.values.begin(), bits.values.end(), bits.zero);
}

}  // namespace

ValueCounts CountValues(const Tensor& tensor) {
  StoredBits bits = BitsOf(tensor);
  ValueCounts counts;
  counts.values = static_cast<int64_t>(bits.values.size());
  counts.zeros = Zeros(bits);
  std::sort(bits.values.begin(), bits.values.end());
  counts.distinct =
      std::unique(bits.values.begin(), bits.values.end()) - bits.values.begin();
  return counts;
}

namespace {

template <typename T>
float ToFloat(T value) {
  if constexpr (std::is_same_v<T, Half>) {
    return HalfToFloat(value);
  } else {
    return value;
  }
}

template <typename T>
std::string DescribeNotFinite(const Tensor& tensor) {
  const std::span<const T> values = tensor.As<T>();
  const auto bad = [](T value) { return !std::isfinite(ToFloat(value)); };
  const auto first = std::find_if(values.begin(), values.end(), bad);
  if (first == values.end()) return {};
  const auto count = std::count_if(first, values.end(), bad);
  return fmt::format(
      "tensor '{}' {}: element {} of {} is {}, not a finite number{}",
      tensor.name, tensor.shape.ToString(), first - values.begin(),
      values.size(), ToFloat(*first),
      count > 1 ? fmt::format(" ({} of them are not)", count) : "");
}

}  // namespace

std::string FindNotFinite(const Graph& graph) {
  for (const Tensor& tensor : graph.tensors) {
    // A state may start at infinity: a range that has seen nothing.
    if (!tensor.has_data() || tensor.kind == TensorKind::kState) continue;
    std::string found;
    if (tensor.dtype == DType::kFloat32)
      found = DescribeNotFinite<float>(tensor);
    if (tensor.dtype == DType::kFloat16)
      found = DescribeNotFinite<Half>(tensor);
    if (!found.empty()) return found;
  }
  return {};
}

double WeightSparsity(const Graph& graph) {
  int64_t values = 0;
  int64_t zeros = 0;
  for (const WeightRef& weights : Weights(graph)) {
    const StoredBits bits = BitsOf(graph.tensor(weights.parameter));
    values += static_cast<int64_t>(bits.values.size());
    zeros += Zeros(bits);
  }
  if (values == 0) return 0;
  return static_cast<double>(zeros) / static_cast<double>(values);
}

}  // namespace litesmith
