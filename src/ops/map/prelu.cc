// PRELU: x, or alpha x below zero, where alpha is an array that is broadcast to
// x. Integers follow specs/tflite.md 3.9; 16-bit ones have an int8 alpha.
#include <algorithm>

#include "src/base/error.h"
#include "src/kernels/map/broadcast.h"
#include "src/ops/checks.h"
#include "src/ops/map/binary_kernels.h"
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
  CheckKernelDType(x, "input", *node.op);
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

struct Prelu {
  static float Value(float x, float alpha) { return x > 0 ? x : x * alpha; }
  static float SlopeA(float x, float alpha) { return x > 0 ? 1.0f : alpha; }
  static float SlopeB(float x, float) { return x > 0 ? 0.0f : x; }

  class Integer {
   public:
    explicit Integer(const PrepareContext& context)
        : x_zero_(ZeroOf(context.input(0))),
          alpha_zero_(ZeroOf(context.input(1))),
          y_zero_(ZeroOf(context.output())) {
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
    int32_t operator()(int32_t x, int32_t alpha) const {
      const int32_t v = x - x_zero_;
      return y_zero_ + (v >= 0 ? Mbqm(v, above_)
                               : Mbqm(v * (alpha - alpha_zero_), below_));
    }

   private:
    int32_t x_zero_, alpha_zero_, y_zero_;
    FixedMultiplier above_, below_;
  };
};

// The two inputs are of different types.
class PreluS16 : public Kernel {
 public:
  explicit PreluS16(const PrepareContext& context)
      : walk_(context),
        f_(context),
        range_(ActivationRange(kNone, context.output())) {}
  void Run(const KernelArgs& args) const override {
    const auto* x = args.in<int16_t>(0);
    const auto* alpha = args.in<int8_t>(1);
    auto* y = args.out<int16_t>();
    kernels::ForEachRun(
        walk_.plan(), walk_.first(args.batch),
        [&](int64_t at, int64_t at_alpha, int64_t out, int64_t n, int64_t,
            int64_t step) {
          for (int64_t i = 0; i < n; ++i) {
            const int32_t v = f_(x[at + i], alpha[at_alpha + i * step]);
            y[out + i] =
                static_cast<int16_t>(std::clamp(v, range_.lo, range_.hi));
          }
        });
  }

 private:
  BinaryWalk walk_;
  Prelu::Integer f_;
  IntegerRange range_;
};

constexpr Operand kOperands[] = {{.name = "x"},
                                 {.name = "alpha", .role = Role::kParameter}};

constexpr KernelRow kRows[] = {
    kF32Train<Prelu>,
    kF32Ref<Prelu>,
    kS8Ref<Prelu>,
    kU8Ref<Prelu>,
    {"S16Ref", Purpose::kReference, {DType::kInt16}, MakeKernel<PreluS16>},
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
