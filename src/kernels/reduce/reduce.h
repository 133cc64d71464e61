// The walk over a tensor that is reduced along some of its dimensions: runs of
// neighbours, in the input's order, each with where its results are.
#ifndef LITESMITH_KERNELS_REDUCE_REDUCE_H_
#define LITESMITH_KERNELS_REDUCE_REDUCE_H_

#include <cstdint>
#include <span>
#include <vector>

namespace litesmith::kernels {

struct ReduceDim {
  int64_t size = 1;
  int64_t step = 0;  // in outputs from one element to the next; 0: reduced
};

struct ReducePlan {
  std::vector<ReduceDim> dims;  // outermost first; at least one
  int64_t outputs = 1;
  int64_t count = 1;  // inputs of each output
};

// Of one sample of these dimensions. Neighbours that are treated alike become
// one dimension.
inline ReducePlan PlanReduce(std::span<const int64_t> dims,
                             const std::vector<bool>& reduced) {
  ReducePlan plan;
  for (size_t d = dims.size(); d-- > 0;) {
    const int64_t step = reduced[d] ? 0 : plan.outputs;
    (reduced[d] ? plan.count : plan.outputs) *= dims[d];
    if (dims[d] == 1) continue;
    if (!plan.dims.empty() && (plan.dims.front().step == 0) == reduced[d]) {
      plan.dims.front().size *= dims[d];
    } else {
      plan.dims.insert(plan.dims.begin(), {dims[d], step});
    }
  }
  if (plan.dims.empty()) plan.dims = {{1, 0}};
  return plan;
}

// Calls visit(first input, first output, inputs of the run, step in outputs)
// for each run; the step is 0 or 1.
template <class Visit>
void ForEachRun(const ReducePlan& plan, const Visit& visit, size_t d = 0,
                int64_t in = 0, int64_t out = 0) {
  const ReduceDim& dim = plan.dims[d];
  if (d + 1 == plan.dims.size()) {
    visit(in, out, dim.size, dim.step);
    return;
  }
  int64_t inside = 1;
  for (size_t i = d + 1; i < plan.dims.size(); ++i) inside *= plan.dims[i].size;
  for (int64_t i = 0; i < dim.size; ++i)
    ForEachRun(plan, visit, d + 1, in + i * inside, out + i * dim.step);
}

// start and every x of an output, taken together by `join` in the input's
// order.
template <class T, class Total, class Join>
void Reduce(const ReducePlan& plan, const T* x, Total start, const Join& join,
            Total* y) {
  for (int64_t o = 0; o < plan.outputs; ++o) y[o] = start;
  ForEachRun(plan, [&](int64_t in, int64_t out, int64_t n, int64_t step) {
    if (step == 0) {
      Total total = y[out];
      for (int64_t i = 0; i < n; ++i) total = join(total, x[in + i]);
      y[out] = total;
    } else {
      for (int64_t i = 0; i < n; ++i) y[out + i] = join(y[out + i], x[in + i]);
    }
  });
}

}  // namespace litesmith::kernels

#endif  // LITESMITH_KERNELS_REDUCE_REDUCE_H_
