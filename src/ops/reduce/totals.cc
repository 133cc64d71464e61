// ADD_N, the sum of tensors of one shape, and CUMSUM, sums of all values up to
// each along an axis. Follows specs/ops.md 6.3.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <type_traits>

#include "src/base/error.h"
#include "src/ops/checks.h"
#include "src/ops/indices.h"
#include "src/ops/layer/layer.h"
#include "src/ops/map/elementwise.h"
#include "src/ops/reduce/reduce.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

// Numbers as they are; integers wrap.
template <class T>
struct PlainTotal {
  using Total = T;
  explicit PlainTotal(const PrepareContext&) {}
  static T Join(T total, T x) {
    if constexpr (std::is_integral_v<T>) {
      return static_cast<T>(static_cast<uint64_t>(total) +
                            static_cast<uint64_t>(x));
    } else {
      return total + x;
    }
  }
  static T Finish(T total) { return total; }
};

// int8 with scales, as tflite-micro computes it, but that totals begin at zero,
// not at what a stored zero is worth, and do not leave 32 bits.
class Int8Total {
 public:
  using Total = int64_t;
  explicit Int8Total(const PrepareContext& context)
      : x_zero_(ZeroOf(context.input(0))),
        y_zero_(ZeroOf(context.output())),
        multiplier_(RatioOfScales(double{context.input(0).quant.scale[0]} /
                                      double{context.output().quant.scale[0]},
                                  context.input(0), context.output())),
        range_(ActivationRange(kNone, context.output())) {}
  int64_t Join(int64_t total, int8_t x) const { return total + (x - x_zero_); }
  int8_t Finish(int64_t total) const {
    const int64_t y = y_zero_ + int64_t{Scaled(total)};
    return static_cast<int8_t>(std::clamp<int64_t>(y, range_.lo, range_.hi));
  }

 private:
  // With 19 bits of fraction where these fit.
  int32_t Scaled(int64_t total) const {
    constexpr int kBits = 19;
    if (std::abs(total) >= int64_t{1} << (31 - kBits)) {
      const int64_t far = std::clamp<int64_t>(total, -(1 << 30), 1 << 30);
      return Mbqm(static_cast<int32_t>(far), multiplier_);
    }
    FixedMultiplier fine = multiplier_;
    fine.shift -= kBits;
    if (fine.shift < -31) return 0;
    return Mbqm(static_cast<int32_t>(total * (1 << kBits)), fine);
  }

  int32_t x_zero_, y_zero_;
  FixedMultiplier multiplier_;
  IntegerRange range_;
};

// ---- ADD_N ----------------------------------------------------------------

// The gradient is of floats.
template <class F, class T>
class AddTensors : public TrainKernel {
 public:
  explicit AddTensors(const PrepareContext& context)
      : f_(context),
        inputs_(context.node.inputs.size()),
        size_(ElementsPerSample(context)) {}
  void Run(const KernelArgs& args) const override {
    for (int64_t i = 0; i < size_ * args.batch; ++i) {
      typename F::Total total = 0;
      for (size_t n = 0; n < inputs_; ++n)
        total = f_.Join(total, args.in<T>(n)[i]);
      args.out<T>()[i] = f_.Finish(total);
    }
  }
  void Backward(const BackwardArgs& args) const override {
    for (size_t n = 0; n < inputs_; ++n) {
      if (args.input_grads[n] == nullptr) continue;
      std::copy_n(args.output_grads[0], size_ * args.batch,
                  args.input_grads[n]);
    }
  }

 private:
  F f_;
  size_t inputs_;
  int64_t size_;  // per sample
};

// One scale for all inputs, as tflite-micro checks.
void CheckOneScale(const Tensor& x, const Tensor& first) {
  CheckPerTensorQuant(x, "input");
  if (x.quant.scale == first.quant.scale &&
      x.quant.zero_point == first.quant.zero_point)
    return;
  Fail(ErrorKind::kUnsupported,
       "the inputs '{}' and '{}' have the scales {} and {}; one is wanted",
       first.name, x.name, first.quant.scale[0], x.quant.scale[0]);
}

void InferAddN(Graph* graph, const Node& node) {
  const Tensor& first = graph->tensor(node.inputs[0]);
  Tensor& out = graph->tensor(node.outputs[0]);
  CheckKernelDType(first, "first input", *node.op);
  if (node.inputs.size() < 2) {
    Fail(ErrorKind::kCorrupt, "there is one input, '{}'; two are wanted",
         first.name);
  }
  if (first.dtype == DType::kInt8) {
    CheckPerTensorQuant(first, "input");
    CheckPerTensorQuant(out, "output");
  }
  for (const TensorId id : node.inputs) {
    if (id == kNoTensor) Fail(ErrorKind::kCorrupt, "an input is missing");
    const Tensor& x = graph->tensor(id);
    CheckDType(x, "input", {first.dtype});
    if (!(x.shape == first.shape)) {
      Fail(ErrorKind::kCorrupt,
           "the inputs '{}' and '{}' have the shapes {} and {}; one is wanted",
           first.name, x.name, first.shape.ToString(), x.shape.ToString());
    }
    if (x.dtype == DType::kInt8) CheckOneScale(x, first);
  }
  out.dtype = first.dtype;
  out.shape = first.shape;
}

// ---- CUMSUM ---------------------------------------------------------------

// The gradient, of floats, is the cumulative sum from the other end.
template <class F, class T>
class CumulativeSum : public TrainKernel {
 public:
  explicit CumulativeSum(const PrepareContext& context)
      : f_(context), attrs_(Get<CumsumAttrs>(context.node)) {
    const Shape& x = context.input(0).shape;
    const int axis =
        AxisOf(context.input(0), ConstantIndex(context.input(1), "axis"));
    int64_t outer = 1;
    for (int d = 0; d < axis; ++d) outer *= x[d];
    for (int d = axis + 1; d < x.rank(); ++d) inner_ *= x[d];
    count_ = x[axis];
    outer_ = PerSample(context, outer);
  }
  void Run(const KernelArgs& args) const override {
    AddAllUp(args.batch, args.in<T>(0), attrs_.reverse, args.out<T>());
  }
  void Backward(const BackwardArgs& args) const override {
    if constexpr (std::is_same_v<T, float>) {
      if (args.input_grads[0] == nullptr) return;
      AddAllUp(args.batch, args.output_grads[0], !attrs_.reverse,
               args.input_grads[0]);
    }
  }

 private:
  void AddAllUp(int batch, const T* x, bool reverse, T* y) const {
    const int64_t block = count_ * inner_;
    for (int64_t o = 0; o < outer_ * batch; ++o) {
      for (int64_t i = 0; i < inner_; ++i)
        AddUp(x + o * block + i, reverse, y + o * block + i);
    }
  }
  void AddUp(const T* x, bool reverse, T* y) const {
    typename F::Total total = 0;
    for (int64_t k = 0; k < count_; ++k) {
      const int64_t at = (reverse ? count_ - 1 - k : k) * inner_;
      const typename F::Total before = total;
      total = f_.Join(total, x[at]);
      y[at] = f_.Finish(attrs_.exclusive ? before : total);
    }
  }

  F f_;
  CumsumAttrs attrs_;
  int64_t outer_;  // per sample
  int64_t count_;
  int64_t inner_ = 1;
};

void InferCumsum(Graph* graph, const Node& node) {
  const Tensor& x = graph->tensor(node.inputs[0]);
  const Tensor& axis = graph->tensor(node.inputs[1]);
  Tensor& out = graph->tensor(node.outputs[0]);
  CheckKernelDType(x, "input", *node.op);
  CheckDType(axis, "axis", {DType::kInt32});
  if (AreKnown(*graph, node)) (void)AxisOf(x, ConstantIndex(axis, "axis"));
  out.dtype = x.dtype;
  out.shape = x.shape;
  if (x.dtype != DType::kInt8) return;
  CheckPerTensorQuant(x, "input");
  CheckPerTensorQuant(out, "output");
}

// ---- The ops --------------------------------------------------------------

template <template <class, class> class K>
constexpr KernelRow kF32Train = {"F32Train",
                                 Purpose::kTrain,
                                 {DType::kFloat32},
                                 MakeKernel<K<PlainTotal<float>, float>>};
template <template <class, class> class K>
constexpr KernelRow kF32 = {"F32Ref",
                            Purpose::kReference,
                            {DType::kFloat32},
                            MakeKernel<K<PlainTotal<float>, float>>};
template <template <class, class> class K>
constexpr KernelRow kS8 = {"S8Ref",
                           Purpose::kReference,
                           {DType::kInt8},
                           MakeKernel<K<Int8Total, int8_t>>};
template <template <class, class> class K>
constexpr KernelRow kI32 = {"I32Ref",
                            Purpose::kReference,
                            {DType::kInt32},
                            MakeKernel<K<PlainTotal<int32_t>, int32_t>>};

constexpr KernelRow kAddNRows[] = {kF32Train<AddTensors>, kF32<AddTensors>,
                                   kS8<AddTensors>, kI32<AddTensors>};
constexpr KernelRow kCumsumRows[] = {
    kF32Train<CumulativeSum>,
    kF32<CumulativeSum>,
    kS8<CumulativeSum>,
    kI32<CumulativeSum>,
    {"I64Ref",
     Purpose::kReference,
     {DType::kInt64},
     MakeKernel<CumulativeSum<PlainTotal<int64_t>, int64_t>>},
};

constexpr Operand kAddNOperands[] = {{.name = "x"}};
constexpr Operand kCumsumOperands[] = {
    {.name = "x"},
    {.name = "axis", .role = Role::kShape},
};

}  // namespace

const OpDef kAddN = {
    .name = "ADD_N",
    .summary = "sum of tensors of one shape",
    .tflite = {.code = 106, .options = 82},
    .operands = kAddNOperands,
    .variadic = true,
    .infer = InferAddN,
    .rows = kAddNRows,
};

const OpDef kCumsum = {
    .name = "CUMSUM",
    .summary = "sums of the values up to each along an axis",
    .tflite = {.code = 128, .options = 102},
    .attrs = kAttrs<CumsumAttrs>,
    .operands = kCumsumOperands,
    .infer = InferCumsum,
    .rows = kCumsumRows,
};

}  // namespace litesmith
