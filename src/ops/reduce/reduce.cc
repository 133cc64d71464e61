// The reductions along axes: one struct each says how two values become one and
// what is made of the total, and a row of facts makes it an op. Follows
// specs/ops.md 6 and specs/tflite.md 3.6.
#include "src/ops/reduce/reduce.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "src/base/error.h"
#include "src/kernels/reduce/reduce.h"
#include "src/ops/checks.h"
#include "src/ops/indices.h"
#include "src/ops/layer/layer.h"
#include "src/ops/map/elementwise.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

// ---- The functions --------------------------------------------------------

// Sums in the input's order, divided at the end.
struct Mean {
  template <class Total, class T>
  static Total Join(Total total, T x) {
    if constexpr (std::is_integral_v<Total>) {  // wraps, as the reference's
      using Wrapping = std::make_unsigned_t<Total>;
      return static_cast<Total>(static_cast<Wrapping>(total) +
                                static_cast<Wrapping>(x));
    } else {
      return total + static_cast<Total>(x);
    }
  }
  template <class Total>
  static Total Finish(Total total, int64_t count) {
    return total / static_cast<Total>(count);
  }
  // What a step of one input makes of the result.
  static float Slope(int64_t count) { return 1.0f / static_cast<float>(count); }

  // Of 8-bit and 16-bit values with scales: the multiplier holds 1 / count, to
  // as many bits as fit.
  class Integer {
   public:
    Integer(const PrepareContext& context, int64_t count)
        : y_zero_(ZeroOf(context.output())) {
      const Tensor& x = context.input(0);
      const Tensor& y = context.output();
      multiplier_ = RatioOfScales(static_cast<double>(x.quant.scale[0]) /
                                      static_cast<double>(y.quant.scale[0]),
                                  x, y);
      const int log2 = std::bit_width(static_cast<uint64_t>(count)) - 1;
      const int bits = std::min({log2, 32, 31 + multiplier_.shift});
      // value < 2^31 and 2^bits <= count, so the quotient fits 31 bits.
      multiplier_.value =
          static_cast<int32_t>((int64_t{multiplier_.value} << bits) / count);
      multiplier_.shift -= bits;
      offset_ = static_cast<uint32_t>(ZeroOf(x)) * static_cast<uint32_t>(count);
    }
    // Wraps, as the reference's sums of 32 bits do.
    int32_t operator()(uint32_t total) const {
      return y_zero_ + Mbqm(static_cast<int32_t>(total - offset_), multiplier_);
    }

   private:
    FixedMultiplier multiplier_;
    uint32_t offset_;
    int32_t y_zero_;
  };
};

// ---- Their kernels --------------------------------------------------------

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

 private:
  bool batched_;
  kernels::ReducePlan plan_;
};

// Numbers as they are. Integers are added up in 64 bits.
template <class F, class T>
class ReducePlain : public TrainKernel {
 public:
  explicit ReducePlain(const PrepareContext& context) : walk_(context) {
    if (!std::is_same_v<T, Total>)
      workspace_bytes = static_cast<size_t>(walk_.outputs()) * sizeof(Total);
  }
  void Run(const KernelArgs& args) const override {
    for (int s = 0; s < walk_.samples(args.batch); ++s) {
      T* y = args.out<T>() + s * walk_.outputs();
      Total* totals = TotalsOf(args, y);
      kernels::Reduce(walk_.plan(), args.in<T>(0) + s * walk_.inputs(),
                      Total{0}, F::template Join<Total, T>, totals);
      for (int64_t o = 0; o < walk_.outputs(); ++o)
        y[o] = static_cast<T>(F::Finish(totals[o], walk_.count()));
    }
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
  using Total = std::conditional_t<std::is_integral_v<T>, int64_t, T>;

  static Total* TotalsOf(const KernelArgs& args, T* y) {
    if constexpr (std::is_same_v<T, Total>) {
      return y;
    } else {
      return reinterpret_cast<Total*>(args.workspace);
    }
  }

  ReduceWalk walk_;
};

// Integers with scales.
template <class F, class T>
class ReduceInteger : public Kernel {
 public:
  explicit ReduceInteger(const PrepareContext& context)
      : walk_(context),
        f_(context, walk_.count()),
        range_(ActivationRange(kNone, context.output())) {
    workspace_bytes = static_cast<size_t>(walk_.outputs()) * sizeof(uint32_t);
  }
  void Run(const KernelArgs& args) const override {
    auto* totals = reinterpret_cast<uint32_t*>(args.workspace);
    for (int s = 0; s < walk_.samples(args.batch); ++s) {
      kernels::Reduce(walk_.plan(), args.in<T>(0) + s * walk_.inputs(),
                      uint32_t{0}, F::template Join<uint32_t, T>, totals);
      T* y = args.out<T>() + s * walk_.outputs();
      for (int64_t o = 0; o < walk_.outputs(); ++o)
        y[o] = static_cast<T>(std::clamp(f_(totals[o]), range_.lo, range_.hi));
    }
  }

 private:
  ReduceWalk walk_;
  typename F::Integer f_;
  IntegerRange range_;
};

// ---- The ops --------------------------------------------------------------

void Infer(Graph* graph, const Node& node) {
  const Tensor& x = graph->tensor(node.inputs[0]);
  Tensor& out = graph->tensor(node.outputs[0]);
  CheckDType(x, "input",
             {DType::kFloat32, DType::kInt8, DType::kUInt8, DType::kInt16,
              DType::kInt32, DType::kInt64});
  const std::vector<bool> reduced = ReducedDims(*graph, node);
  const bool keep = node.Get<&ReduceAttrs::keep_dims>();
  std::vector<int32_t> dims;
  for (int d = 0; d < x.shape.rank(); ++d) {
    if (!reduced[static_cast<size_t>(d)]) {
      dims.push_back(x.shape[d]);
      continue;
    }
    if (x.shape[d] == 0) {
      Fail(ErrorKind::kCorrupt,
           "dimension {} of '{}' is 0: there is nothing to reduce", d, x.name);
    }
    if (keep) dims.push_back(1);
  }
  out.dtype = x.dtype;
  out.shape = Shape(dims);
  if (x.dtype != DType::kInt8 && x.dtype != DType::kUInt8 &&
      x.dtype != DType::kInt16)
    return;
  CheckPerTensorQuant(x, "input");
  CheckPerTensorQuant(out, "output");
}

constexpr Operand kOperands[] = {
    {.name = "x"},
    {.name = "axes", .role = Role::kShape},
};

template <class F>
constexpr KernelRow kReduceRows[] = {
    {"F32Train",
     Purpose::kTrain,
     {DType::kFloat32},
     MakeKernel<ReducePlain<F, float>>},
    {"F32Ref",
     Purpose::kReference,
     {DType::kFloat32},
     MakeKernel<ReducePlain<F, float>>},
    {"S8Ref",
     Purpose::kReference,
     {DType::kInt8},
     MakeKernel<ReduceInteger<F, int8_t>>},
    {"U8Ref",
     Purpose::kReference,
     {DType::kUInt8},
     MakeKernel<ReduceInteger<F, uint8_t>>},
    {"S16Ref",
     Purpose::kReference,
     {DType::kInt16},
     MakeKernel<ReduceInteger<F, int16_t>>},
    {"I32Ref",
     Purpose::kReference,
     {DType::kInt32},
     MakeKernel<ReducePlain<F, int32_t>>},
    {"I64Ref",
     Purpose::kReference,
     {DType::kInt64},
     MakeKernel<ReducePlain<F, int64_t>>},
};

int Version(const Graph& graph, const Node& node) {
  const DType dtype = graph.tensor(node.inputs[0]).dtype;
  return dtype == DType::kInt16 ? 3 : dtype == DType::kInt8 ? 2 : 1;
}

}  // namespace

std::vector<bool> ReducedDims(const Graph& graph, const Node& node) {
  const Tensor& x = graph.tensor(node.inputs[0]);
  const Tensor& axes = graph.tensor(node.inputs[1]);
  if (axes.shape.rank() > 1) {
    Fail(ErrorKind::kCorrupt,
         "the axes '{}' have shape {}; a number or a list is wanted", axes.name,
         axes.shape.ToString());
  }
  std::vector<bool> reduced(static_cast<size_t>(x.shape.rank()), false);
  for (const int64_t axis : ConstantIndices(axes, "axes"))
    reduced[static_cast<size_t>(AxisOf(x, axis))] = true;
  return reduced;
}

const OpDef kMean = {
    .name = "MEAN",
    .summary = "mean along axes",
    .tflite = {.code = 40, .options = 27, .version = Version},
    .attrs = kAttrs<ReduceAttrs>,
    .operands = kOperands,
    .infer = Infer,
    .rows = kReduceRows<Mean>,
    .quant = {.output = QuantRule::kOwn},
};

}  // namespace litesmith
