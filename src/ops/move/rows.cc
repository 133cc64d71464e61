// A node's rows and its samples.
#include "src/ops/move/rows.h"

#include <algorithm>
#include <utility>

#include "src/base/error.h"
#include "src/ops/move/moves.h"

namespace litesmith {

NodeRows OfOneSample(const PrepareContext& context, kernels::RowPlan plan,
                     int array, int indices) {
  const GraphFacts& facts = context.facts;
  NodeRows rows;
  rows.batched = facts.IsBatched(context.node);
  const auto is_batched = [&](int i) {
    return i >= 0 &&
           facts.IsBatched(context.node.inputs[static_cast<size_t>(i)]);
  };
  if (rows.batched && facts.batch > 1) {
    const bool of_array = is_batched(array);
    const bool of_indices = is_batched(indices);
    // The part of the plan that goes through the samples.
    int64_t* samples = nullptr;
    if (of_array && of_indices) {
      samples = &plan.batches;
    } else if (of_array && plan.batches == 1) {
      samples = &plan.outer;
    } else if (!of_array && array >= 0 && plan.batches * plan.outer == 1) {
      samples = &plan.indices;
    }
    if (samples == nullptr || *samples % facts.batch != 0) {
      Fail(ErrorKind::kUnsupported,
           "node '{}': {} at a batch of {} takes values of other samples: it "
           "mixes samples",
           context.node.name, context.node.op->name, facts.batch);
    }
    *samples /= facts.batch;
    const auto numbers = static_cast<int64_t>(plan.coordinates.size());
    if (of_indices) rows.index_sample = plan.batches * plan.indices * numbers;
    if (of_array) {
      rows.array_sample = of_indices ? plan.batches * plan.batch_step
                                     : plan.outer * plan.outer_step;
    }
  }
  rows.row_sample = plan.batches * plan.outer * plan.indices * plan.inner;
  rows.plan = std::move(plan);
  return rows;
}

void CheckNotEmpty(const Tensor& array, const Tensor& indices) {
  const auto has_zero = [](const Shape& shape) {
    const auto dims = shape.dims();
    return std::find(dims.begin(), dims.end(), 0) != dims.end();
  };
  if (!has_zero(array.shape) || has_zero(indices.shape)) return;
  Fail(ErrorKind::kCorrupt, "'{}' of shape {} has no rows that '{}' could name",
       array.name, array.shape.ToString(), indices.name);
}

void Append(const Shape& shape, int first, int last,
            std::vector<int32_t>* dims) {
  for (int d = first; d < last; ++d) dims->push_back(shape[d]);
}

int64_t Product(const Shape& shape, int first, int last) {
  int64_t product = 1;
  for (int d = first; d < last; ++d) product *= shape[d];
  return product;
}

std::vector<kernels::Coordinate> CoordinatesOf(const Shape& array,
                                               int numbers) {
  const std::vector<int64_t> strides = Strides(array);
  std::vector<kernels::Coordinate> coordinates;
  for (int d = 0; d < numbers; ++d)
    coordinates.push_back({array[d], strides[static_cast<size_t>(d)]});
  return coordinates;
}

}  // namespace litesmith
