// What makes a reduction of a struct that says how values become one: the
// kernels, and the rows of them that ops put together.
//
//   struct Sum {
//     template <class T> using Total = ...;  // what values of T are joined in
//     template <class T> static Total<T> Start();         // of no values
//     template <class T> static Total<T> Join(Total<T> total, T x);
//     template <class T> static T Finish(Total<T> total, int64_t count);
//     static float Slope(int64_t count);  // of the result by one input
//     class Integer;                      // of integers with scales
//   };
//
// Integer is made from the context and the number of inputs of a result, and
// has Total, Start(), Join(total, stored value) and Finish(total), a stored
// value to be clamped.
#ifndef LITESMITH_OPS_REDUCE_REDUCE_KERNELS_H_
#define LITESMITH_OPS_REDUCE_REDUCE_KERNELS_H_

#include <algorithm>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "src/graph/op_def.h"
#include "src/kernels/reduce/add_rows.h"
#include "src/kernels/reduce/reduce.h"
#include "src/ops/layer/layer.h"
#include "src/ops/reduce/reduce.h"

namespace litesmith {

// ---- What the ops share ---------------------------------------------------

inline constexpr Operand kReduceOperands[] = {
    {.name = "x"},
    {.name = "axes", .role = Role::kShape},
};

// Input of a type that a kernel row of the op has; the output has the same, and
// what is left of the shape. Each throws Error.
void InferReduce(Graph* graph, const Node& node);
// The same, where 8-bit and 16-bit integers have scales.
void InferScaledReduce(Graph* graph, const Node& node);

// ---- Kernels --------------------------------------------------------------

// How a node walks through one sample, or through all if it has none.
class ReduceWalk {
 public:
  explicit ReduceWalk(const PrepareContext& context)
      : batched_(context.facts.IsBatched(context.node)) {
    const Shape& x = context.input(0).shape;
    std::vector<int64_t> dims(x.dims().begin(), x.dims().end());
    const std::vector<bool> reduced = ReducedDims(context.graph, context.node);
    if (batched_ && !dims.empty()) dims[0] = PerSample(context, dims[0]);
    plan_ = kernels::PlanReduce(dims, reduced);
  }
  const kernels::ReducePlan& plan() const { return plan_; }
  int64_t inputs() const { return plan_.outputs * plan_.count; }
  int64_t outputs() const { return plan_.outputs; }
  int64_t count() const { return plan_.count; }
  int samples(int batch) const { return batched_ ? batch : 1; }
  // Calls visit(input, its output) for the elements of one sample.
  template <class Visit>
  void ForEach(const Visit& visit) const {
    kernels::ForEachRun(plan_,
                        [&](int64_t in, int64_t out, int64_t n, int64_t step) {
                          for (int64_t i = 0; i < n; ++i)
                            visit(in + i, out + i * step);
                        });
  }

 private:
  bool batched_;
  kernels::ReducePlan plan_;
};

// Whether a sample is rows that are added up: an image's pixels.
inline bool IsOfRows(const PrepareContext& context) {
  const ReduceWalk walk(context);
  const std::vector<kernels::ReduceDim>& dims = walk.plan().dims;
  return dims.size() == 2 && dims[0].step == 0;
}

// Numbers as they are.
template <class F, class T>
class ReducePlain : public Kernel {
 public:
  explicit ReducePlain(const PrepareContext& context) : walk_(context) {
    if (!kInPlace)
      workspace_bytes = static_cast<size_t>(walk_.outputs()) * sizeof(Total);
  }
  void Run(const KernelArgs& args) const override { Reduce(walk_, args); }

  static void Reduce(const ReduceWalk& walk, const KernelArgs& args) {
    for (int s = 0; s < walk.samples(args.batch); ++s) {
      T* y = args.out<T>() + s * walk.outputs();
      Total* totals = TotalsOf(args, y);
      kernels::Reduce(
          walk.plan(), args.in<T>(0) + s * walk.inputs(),
          F::template Start<T>(),
          [](Total total, T v) { return F::template Join<T>(total, v); },
          totals);
      for (int64_t o = 0; o < walk.outputs(); ++o)
        y[o] = F::template Finish<T>(totals[o], walk.count());
    }
  }

 private:
  using Total = typename F::template Total<T>;
  static constexpr bool kInPlace = std::is_same_v<T, Total>;

  static Total* TotalsOf(const KernelArgs& args, T* y) {
    if constexpr (kInPlace) {
      return y;
    } else {
      return reinterpret_cast<Total*>(args.workspace);
    }
  }

  ReduceWalk walk_;
};

// Of floats, with a gradient that is the same for all inputs of a result.
template <class F>
class ReduceF32 : public TrainKernel {
 public:
  explicit ReduceF32(const PrepareContext& context) : walk_(context) {}
  void Run(const KernelArgs& args) const override {
    ReducePlain<F, float>::Reduce(walk_, args);
  }
  void Backward(const BackwardArgs& args) const override {
    float* dx = args.input_grads[0];
    if (dx == nullptr) return;
    const float* dy = args.output_grads[0];
    const float slope = F::Slope(walk_.count());
    for (int s = 0; s < walk_.samples(args.batch); ++s) {
      kernels::ForEachRun(
          walk_.plan(), [&](int64_t in, int64_t out, int64_t n, int64_t step) {
            for (int64_t i = 0; i < n; ++i)
              dx[in + i] = dy[out + i * step] * slope;
          });
      dx += walk_.inputs();
      dy += walk_.outputs();
    }
  }

 private:
  ReduceWalk walk_;
};

// The same of rows, which `F` adds up.
template <class F>
class AddRowsF32 : public Kernel {
 public:
  explicit AddRowsF32(const PrepareContext& context) : walk_(context) {}
  void Run(const KernelArgs& args) const override {
    for (int s = 0; s < walk_.samples(args.batch); ++s) {
      float* y = args.out<float>() + s * walk_.outputs();
      AddRows(args.in<float>(0) + s * walk_.inputs(), walk_.count(),
              walk_.outputs(), y);
      for (int64_t o = 0; o < walk_.outputs(); ++o)
        y[o] = F::template Finish<float>(y[o], walk_.count());
    }
  }

 private:
  ReduceWalk walk_;
};

// Integers with scales; kRows: of rows, which F adds up.
template <class F, class T, bool kRows = false>
class ReduceInteger : public Kernel {
 public:
  explicit ReduceInteger(const PrepareContext& context)
      : walk_(context),
        f_(context, walk_.count()),
        range_(ActivationRange(kNone, context.output())) {
    workspace_bytes = static_cast<size_t>(walk_.outputs()) * sizeof(Total);
  }
  void Run(const KernelArgs& args) const override {
    auto* totals = reinterpret_cast<Total*>(args.workspace);
    for (int s = 0; s < walk_.samples(args.batch); ++s) {
      const T* x = args.in<T>(0) + s * walk_.inputs();
      if constexpr (kRows) {
        AddRows(x, walk_.count(), walk_.outputs(), totals);
      } else {
        kernels::Reduce(
            walk_.plan(), x, f_.Start(),
            [this](Total total, T v) { return f_.Join(total, v); }, totals);
      }
      T* y = args.out<T>() + s * walk_.outputs();
      for (int64_t o = 0; o < walk_.outputs(); ++o)
        y[o] = static_cast<T>(
            std::clamp(f_.Finish(totals[o]), range_.lo, range_.hi));
    }
  }

 private:
  using Total = typename F::Integer::Total;

  ReduceWalk walk_;
  typename F::Integer f_;
  IntegerRange range_;
};

// ---- Rows of them ---------------------------------------------------------

template <class F>
inline constexpr KernelRow kReduceF32Train = {
    "F32Train", Purpose::kTrain, {DType::kFloat32}, MakeKernel<ReduceF32<F>>};
template <class F, class T>
constexpr KernelRow AddedRows(const char* name, DType dtype) {
  return {name,
          Purpose::kFast,
          {dtype},
          MakeKernel<ReduceInteger<F, T, true>>,
          IsOfRows};
}
template <class F, class T>
constexpr KernelRow PlainReduce(const char* name, DType dtype) {
  return {name, Purpose::kReference, {dtype}, MakeKernel<ReducePlain<F, T>>};
}
template <class F, class T>
constexpr KernelRow ScaledReduce(const char* name, DType dtype) {
  return {name, Purpose::kReference, {dtype}, MakeKernel<ReduceInteger<F, T>>};
}

}  // namespace litesmith

#endif  // LITESMITH_OPS_REDUCE_REDUCE_KERNELS_H_
