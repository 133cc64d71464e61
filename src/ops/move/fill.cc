// FILL, RANGE and BROADCAST_ARGS: tensors made of sizes and single values.
// Follow specs/ops.md 8.3; BROADCAST_ARGS follows BROADCAST_TO's rule. The last
// two are computed when a plan is made.
#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>
#include <vector>

#include "src/base/error.h"
#include "src/ops/checks.h"
#include "src/ops/indices.h"
#include "src/ops/move/moves.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

// ---- FILL -----------------------------------------------------------------

void InferFill(Graph* graph, const Node& node) {
  const Tensor& dims = graph->tensor(node.inputs[0]);
  const Tensor& value = graph->tensor(node.inputs[1]);
  Tensor& out = graph->tensor(node.outputs[0]);
  CheckMovable(value, "value");
  out.dtype = value.dtype;
  if (value.shape.NumElements() != 1) {
    Fail(ErrorKind::kCorrupt, "the value '{}' has shape {}; one is wanted",
         value.name, value.shape.ToString());
  }
  if (!AreKnown(*graph, node)) return;
  if (dims.shape.rank() != 1) {
    Fail(ErrorKind::kCorrupt, "the sizes '{}' have shape {}; rank 1 is wanted",
         dims.name, dims.shape.ToString());
  }
  std::vector<int32_t> shape;
  for (const int64_t dim : ConstantIndices(dims, "sizes"))
    shape.push_back(CheckedDimension(dim, dims));
  out.shape = Shape(shape);
}

Moves FillMoves(const PrepareContext& context) {
  const Shape& y = context.output().shape;
  const std::vector<int64_t> to = Strides(y);
  kernels::Block block{.input = 1};
  for (int d = 0; d < y.rank(); ++d)
    block.dims.push_back({y[d], 0, to[static_cast<size_t>(d)]});
  return {{block}};
}

int FillVersion(const Graph& graph, const Node& node) {
  switch (graph.tensor(node.inputs[1]).dtype) {
    case DType::kInt8:
    case DType::kInt16:
      return 3;
    case DType::kBool:
      return 2;
    default:
      return 1;
  }
}

constexpr Operand kFillOperands[] = {
    {.name = "dims", .role = Role::kShape},
    {.name = "value"},
};

// ---- RANGE ----------------------------------------------------------------

// start, start + delta, ... as long as it lies before limit.
template <typename T>
struct Progression {
  T start, limit, delta;
};

template <typename T>
Progression<T> ProgressionOf(const Graph& graph, const Node& node) {
  const auto one = [&](size_t i) {
    return graph.tensor(node.inputs[i]).As<T>()[0];
  };
  return {one(0), one(1), one(2)};
}

template <typename T>
int64_t CountOf(const Progression<T>& p) {
  const bool up = p.start <= p.limit && p.delta > 0;
  const bool down = p.start >= p.limit && p.delta < 0;
  if (!up && !down) {
    Fail(ErrorKind::kCorrupt, "no steps of {} lead from {} to {}", p.delta,
         p.start, p.limit);
  }
  if constexpr (std::is_floating_point_v<T>) {
    const T steps = std::ceil(std::abs((p.limit - p.start) / p.delta));
    // Not below: no number, or infinite.
    return steps < T{2147483648} ? static_cast<int64_t>(steps) : int64_t{-1};
  } else {
    // Differences of int64 fit uint64.
    using U = uint64_t;
    const U span = up ? static_cast<U>(p.limit) - static_cast<U>(p.start)
                      : static_cast<U>(p.start) - static_cast<U>(p.limit);
    const U step =
        up ? static_cast<U>(p.delta) : U{0} - static_cast<U>(p.delta);
    const U count = span / step + (span % step != 0 ? 1 : 0);
    return count <= U{2147483647} ? static_cast<int64_t>(count) : int64_t{-1};
  }
}

// Calls work with a value of the tensor's type.
template <class Work>
auto WithRangeType(const Tensor& tensor, const Work& work) {
  switch (tensor.dtype) {
    case DType::kFloat32:
      return work(float{});
    case DType::kInt32:
      return work(int32_t{});
    default:
      return work(int64_t{});
  }
}

void InferRange(Graph* graph, const Node& node) {
  const Tensor& start = graph->tensor(node.inputs[0]);
  Tensor& out = graph->tensor(node.outputs[0]);
  CheckDType(start, "start", {DType::kFloat32, DType::kInt32, DType::kInt64});
  for (const TensorId id : node.inputs) {
    const Tensor& tensor = graph->tensor(id);
    CheckDType(tensor, "operand", {start.dtype});
    if (tensor.shape.NumElements() != 1) {
      Fail(ErrorKind::kCorrupt, "the operand '{}' has shape {}; one is wanted",
           tensor.name, tensor.shape.ToString());
    }
  }
  out.dtype = start.dtype;
  if (!AreKnown(*graph, node)) return;
  const int64_t count = WithRangeType(start, [&](auto type) {
    return CountOf(ProgressionOf<decltype(type)>(*graph, node));
  });
  out.shape = Shape{CheckedDimension(count, start)};
}

TensorData FoldRange(const Graph& graph, const Node& node) {
  if (!AreKnown(graph, node)) return {};
  const Tensor& out = graph.tensor(node.outputs[0]);
  return WithRangeType(out, [&](auto type) {
    using T = decltype(type);
    const Progression<T> p = ProgressionOf<T>(graph, node);
    TensorData data(out.Bytes());
    T* values = reinterpret_cast<T*>(data.MutableData());
    T value = p.start;
    for (int32_t i = 0; i < out.shape[0]; ++i) {
      values[i] = value;
      // Beyond the last one it may leave the type: it is not used.
      if constexpr (std::is_floating_point_v<T>) {
        value += p.delta;
      } else {
        value = static_cast<T>(static_cast<uint64_t>(value) +
                               static_cast<uint64_t>(p.delta));
      }
    }
    return data;
  });
}

int RangeVersion(const Graph& graph, const Node& node) {
  return graph.tensor(node.inputs[0]).dtype == DType::kInt64 ? 2 : 1;
}

constexpr Operand kRangeOperands[] = {
    {.name = "start", .role = Role::kShape},
    {.name = "limit", .role = Role::kShape},
    {.name = "delta", .role = Role::kShape},
};

// ---- BROADCAST_ARGS -------------------------------------------------------

void InferBroadcastArgs(Graph* graph, const Node& node) {
  const Tensor& a = graph->tensor(node.inputs[0]);
  const Tensor& b = graph->tensor(node.inputs[1]);
  CheckDType(a, "shape", {DType::kInt32, DType::kInt64});
  CheckDType(b, "shape", {a.dtype});
  CheckRank(a, "shape", 1);
  CheckRank(b, "shape", 1);
  Tensor& out = graph->tensor(node.outputs[0]);
  out.dtype = a.dtype;
  out.shape = Shape{std::max(a.shape[0], b.shape[0])};
}

TensorData FoldBroadcastArgs(const Graph& graph, const Node& node) {
  if (!AreKnown(graph, node)) return {};
  const Tensor& out = graph.tensor(node.outputs[0]);
  std::vector<int64_t> a =
      ConstantIndices(graph.tensor(node.inputs[0]), "shape");
  std::vector<int64_t> b =
      ConstantIndices(graph.tensor(node.inputs[1]), "shape");
  const auto rank = static_cast<size_t>(out.shape[0]);
  a.insert(a.begin(), rank - a.size(), 1);
  b.insert(b.begin(), rank - b.size(), 1);
  for (size_t d = 0; d < rank; ++d) {
    if (a[d] != b[d] && a[d] != 1 && b[d] != 1) {
      Fail(
          ErrorKind::kCorrupt,
          "dimension {} of the shapes '{}' and '{}' is {} and {}: the same, or "
          "1, is wanted",
          d, graph.tensor(node.inputs[0]).name,
          graph.tensor(node.inputs[1]).name, a[d], b[d]);
    }
    if (a[d] == 1) a[d] = b[d];
  }
  if (out.dtype == DType::kInt64)
    return TensorData(std::as_bytes(std::span<const int64_t>(a)));
  const std::vector<int32_t> narrow(a.begin(), a.end());
  return TensorData(std::as_bytes(std::span<const int32_t>(narrow)));
}

constexpr Operand kBroadcastArgsOperands[] = {
    {.name = "shape_a", .role = Role::kShape},
    {.name = "shape_b", .role = Role::kShape},
};

}  // namespace

const OpDef kFill = {
    .name = "FILL",
    .summary = "one value everywhere",
    .tflite = {.code = 94, .options = 68, .version = FillVersion},
    .operands = kFillOperands,
    .infer = InferFill,
    .rows = kMoveRows<FillMoves>,
    .quant = {.output = QuantRule::kLikeAllInputs},
};

const OpDef kRange = {
    .name = "RANGE",
    .summary = "numbers in equal steps",
    .tflite = {.code = 96, .options = 73, .version = RangeVersion},
    .operands = kRangeOperands,
    .infer = InferRange,
    .fold_constant = FoldRange,
};

const OpDef kBroadcastArgs = {
    .name = "BROADCAST_ARGS",
    .summary = "the shape that two shapes broadcast to",
    .tflite = {.code = 145},
    .operands = kBroadcastArgsOperands,
    .infer = InferBroadcastArgs,
    .fold_constant = FoldBroadcastArgs,
};

}  // namespace litesmith
