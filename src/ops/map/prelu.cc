// PRELU: x, or alpha x below zero, where alpha is an array that is broadcast to
// x. Integers follow specs/tflite.md 3.9; 16-bit ones have an int8 alpha.
#include <algorithm>

#include "src/base/error.h"
#include "src/kernels/map/broadcast.h"
#include "src/ops/checks.h"
#include "src/ops/layer/layer.h"
#include "src/ops/map/elementwise.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

void CheckBroadcasts(const Tensor& alpha, const Tensor& x) {
  const int missing = x.shape.rank() - alpha.shape.rank();
  bool fits = missing >= 0 && x.shape.rank() <= kernels::kMaxBroadcastRank;
  for (int d = 0; fits && d < alpha.shape.rank(); ++d)
    fits = alpha.shape[d] == 1 || alpha.shape[d] == x.shape[missing + d];
  if (fits) return;
  Fail(ErrorKind::kCorrupt,
       "alpha '{}' of shape {} cannot be broadcast to '{}' of shape {}",
       alpha.name, alpha.shape.ToString(), x.name, x.shape.ToString());
}

void Infer(Graph* graph, const Node& node) {
  const Tensor& x = graph->tensor(node.inputs[0]);
  const Tensor& alpha = graph->tensor(node.inputs[1]);
  Tensor& out = graph->tensor(node.outputs[0]);
  CheckHasRow(x, "input", *node.op);
  CheckDType(alpha, "alpha",
             {x.dtype == DType::kInt16 ? DType::kInt8 : x.dtype});
  CheckBroadcasts(alpha, x);
  out.dtype = x.dtype;
  out.shape = x.shape;
  if (x.dtype == DType::kFloat32) return;
  CheckPerTensorQuant(x, "input");
  CheckPerTensorQuant(alpha, "alpha");
  CheckPerTensorQuant(out, "output");
}

// y = f(x, alpha) of every element.
template <class F, class T, class Alpha>
class Prelu : public Kernel {
 public:
  explicit Prelu(const PrepareContext& context)
      : plan_(kernels::PlanBroadcast(context.input(0).shape.dims(),
                                     context.input(1).shape.dims(),
                                     context.output().shape.dims())),
        first_(PerSample(context, plan_.size[0])),
        f_(context) {}
  void Run(const KernelArgs& args) const override {
    const auto* x = args.in<T>(0);
    const auto* alpha = args.in<Alpha>(1);
    auto* y = args.out<T>();
    kernels::ForEachRun(plan_, first_ * args.batch,
                        [&, f = f_](int64_t at, int64_t at_alpha, int64_t out,
                                    int64_t n, int64_t, int64_t step) {
                          for (int64_t i = 0; i < n; ++i)
                            y[out + i] =
                                f(x[at + i], alpha[at_alpha + i * step]);
                        });
  }

 private:
  kernels::BroadcastPlan plan_;
  int64_t first_;  // of the first dimension, per sample
  F f_;
};

struct Floats {
  explicit Floats(const PrepareContext&) {}
  float operator()(float x, float alpha) const { return x > 0 ? x : x * alpha; }
};

template <class T>
class Integers {
 public:
  explicit Integers(const PrepareContext& context)
      : x_zero_(ZeroOf(context.input(0))),
        alpha_zero_(ZeroOf(context.input(1))),
        y_zero_(ZeroOf(context.output())),
        range_(ActivationRange(kNone, context.output())) {
    const float x = context.input(0).quant.scale[0];
    const float alpha = context.input(1).quant.scale[0];
    const float y = context.output().quant.scale[0];
    const bool in_double = context.numerics == Numerics::kTflm;
    const double above = in_double ? double{x} / double{y} : double{x / y};
    const double below = in_double ? double{x} * double{alpha} / double{y}
                                   : double{x * alpha / y};
    above_ = RatioOfScales(above, context.input(0), context.output());
    below_ = RatioOfScales(below, context.input(0), context.output());
  }
  T operator()(int32_t x, int32_t alpha) const {
    const int32_t v = x - x_zero_;
    const int32_t y =
        v >= 0 ? Mbqm(v, above_) : Mbqm(v * (alpha - alpha_zero_), below_);
    return static_cast<T>(std::clamp(y + y_zero_, range_.lo, range_.hi));
  }

 private:
  int32_t x_zero_, alpha_zero_, y_zero_;
  FixedMultiplier above_, below_;
  IntegerRange range_;
};

constexpr Operand kOperands[] = {{.name = "x"},
                                 {.name = "alpha", .role = Role::kParameter}};

constexpr KernelRow kRows[] = {
    {"F32Ref",
     Purpose::kReference,
     {DType::kFloat32},
     MakeKernel<Prelu<Floats, float, float>>},
    {"S8Ref",
     Purpose::kReference,
     {DType::kInt8},
     MakeKernel<Prelu<Integers<int8_t>, int8_t, int8_t>>},
    {"U8Ref",
     Purpose::kReference,
     {DType::kUInt8},
     MakeKernel<Prelu<Integers<uint8_t>, uint8_t, uint8_t>>},
    {"S16Ref",
     Purpose::kReference,
     {DType::kInt16},
     MakeKernel<Prelu<Integers<int16_t>, int16_t, int8_t>>},
};

}  // namespace

const OpDef kPrelu = {
    .name = "PRELU",
    .summary = "x, or alpha x below zero, alpha by element",
    .tflite = {.code = 54},
    .operands = kOperands,
    .infer = Infer,
    .rows = kRows,
    .quant = {.output = QuantRule::kOwn},
};

}  // namespace litesmith
