// Finds the target shape that a graph computes from its batch.
#include "src/transform/batch.h"

#include <algorithm>
#include <vector>

#include "src/base/error.h"
#include "src/graph/names.h"
#include "src/graph/op_def.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

// The dimensions, kDynamic where they are, as SHAPE's output of that type.
template <typename T>
TensorData Dims(const Shape& shape) {
  const auto dims = shape.dims();
  const std::vector<T> values(dims.begin(), dims.end());
  return TensorData(std::as_bytes(std::span<const T>(values)));
}

bool OnlyBatchIsOpen(const Shape& shape) {
  for (int i = 1; i < shape.rank(); ++i) {
    if (shape[i] == kDynamic) return false;
  }
  return true;
}

// The value of a tensor of shapes with kDynamic for the batch, as far as it can
// be told without it: the ops that fold constants only move elements.
TensorData ValueOf(Graph* known, const Node& node) {
  if (node.op == &kShape) {
    const Shape& shape = known->tensor(node.inputs[0]).shape;
    if (!OnlyBatchIsOpen(shape)) return {};
    return known->tensor(node.outputs[0]).dtype == DType::kInt64
               ? Dims<int64_t>(shape)
               : Dims<int32_t>(shape);
  }
  if (node.op->fold_constant == nullptr) return {};
  const bool all =
      std::all_of(node.inputs.begin(), node.inputs.end(), [&](TensorId id) {
        return id != kNoTensor && known->tensor(id).has_data() &&
               IsInteger(known->tensor(id).dtype);
      });
  if (!all) return {};
  try {
    // Operands have values now that they had not when shapes were inferred.
    node.op->infer(known, node);
    return node.op->fold_constant(*known, node);
  } catch (const Error&) {
    return {};  // kDynamic is no number that it takes
  }
}

// RESHAPE allows one -1. Where the batch has taken it, a later one is what a
// sample leaves for it. False if there is no such number.
bool OneWildcard(const Shape& x, std::vector<int32_t>* target) {
  if (std::count(target->begin(), target->end(), kDynamic) <= 1) return true;
  const auto second =
      std::find(target->begin() + 1, target->end(), int32_t{kDynamic});
  if (target->front() != kDynamic || x.rank() == 0) return false;
  int64_t rest = 1;
  for (auto dim = target->begin() + 1; dim != target->end(); ++dim) {
    if (dim != second) rest *= *dim;
  }
  const int64_t sample = x.NumElementsPerSample();
  if (rest < 1 || sample % rest != 0) return false;
  *second = static_cast<int32_t>(sample / rest);
  return true;
}

}  // namespace

Graph FoldBatchShapes(const Graph& graph) {
  Graph result = graph;
  // A copy whose shape arithmetic has data, as far as it is known.
  Graph known = graph;
  bool any = false;
  for (Node& node : result.nodes) {
    if (node.outputs.size() == 1) {
      Tensor& out = known.tensor(node.outputs[0]);
      TensorData value = ValueOf(&known, node);
      if (!value.empty()) out.data = std::move(value);
    }
    if (node.op != &kReshape || node.input(1) == kNoTensor) continue;
    const Tensor& shape = known.tensor(node.inputs[1]);
    if (graph.tensor(node.inputs[1]).has_data() || !shape.has_data()) continue;
    const auto dims = shape.As<int32_t>();
    std::vector<int32_t> target(dims.begin(), dims.end());
    if (!OneWildcard(known.tensor(node.inputs[0]).shape, &target)) continue;
    node.inputs[1] =
        result.AddConstant<int32_t>(shape.name, shape.shape, target);
    any = true;
  }
  if (!any) return graph;
  result = RemoveDeadNodes(result);
  MakeNamesUnique(&result);  // of one shape for two readers
  InferShapes(&result);
  return result;
}

}  // namespace litesmith
