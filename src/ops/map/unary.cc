// The unary ops: one struct each says what an element becomes, and a row of
// facts makes it an op. An op of 8-bit integers is a function of 256 values:
// its fast kernel looks them up in a table that the reference arithmetic has
// filled.
#include <algorithm>
#include <array>
#include <limits>

#include "src/ops/checks.h"
#include "src/ops/layer/layer.h"
#include "src/ops/map/elementwise.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

// ---- The functions --------------------------------------------------------

// What the fused activation does, by itself. Integers follow specs/tflite.md
// 3.9.
template <Activation kActivation>
struct Clamp {
  static constexpr kernels::FloatRange kRange = ActivationRange(kActivation);

  static float Value(float x) {
    return std::max(kRange.low, std::min(x, kRange.high));
  }
  // TensorFlow's ReluGrad: nothing at the bounds themselves.
  static float Slope(float y) { return kRange.Passes(y) ? 1.0f : 0.0f; }

  class Integer {
   public:
    explicit Integer(const PrepareContext& context)
        // The microcontroller runtime's RELU6 clamps by the input's scale and
        // does not rescale (specs/ops.md 7.1).
        : rescales_(kActivation != activation::kRelu6 ||
                    context.numerics != Numerics::kTflm),
          x_zero_(ZeroOf(context.input(0))),
          y_zero_(ZeroOf(context.output())),
          multiplier_(RatioOfScales(context.input(0), context.output())),
          range_(ActivationRange(
              kActivation, rescales_ ? context.output() : context.input(0))) {}
    int32_t operator()(int32_t x) const {
      const int32_t y =
          rescales_ ? y_zero_ + Mbqm(x - x_zero_, multiplier_) : x;
      return std::min(std::max(y, range_.lo), range_.hi);
    }

   private:
    bool rescales_;
    int32_t x_zero_, y_zero_;
    FixedMultiplier multiplier_;
    IntegerRange range_;
  };
};

using Relu = Clamp<activation::kRelu>;
using Relu6 = Clamp<activation::kRelu6>;

// ---- Their kernels --------------------------------------------------------

template <class F>
class UnaryF32 : public TrainKernel {
 public:
  explicit UnaryF32(const PrepareContext& context)
      : size_(ElementsPerSample(context)) {}
  void Run(const KernelArgs& args) const override {
    const auto* x = args.in<float>(0);
    auto* y = args.out<float>();
    for (int64_t i = 0; i < size_ * args.batch; ++i) y[i] = F::Value(x[i]);
  }
  void Backward(const BackwardArgs& args) const override {
    if (args.input_grads[0] == nullptr) return;
    const auto* y = static_cast<const float*>(args.outputs[0]);
    for (int64_t i = 0; i < size_ * args.batch; ++i)
      args.input_grads[0][i] = args.output_grads[0][i] * F::Slope(y[i]);
  }

 private:
  int64_t size_;  // per sample
};

template <class F, class T>
class UnaryInteger : public Kernel {
 public:
  explicit UnaryInteger(const PrepareContext& context)
      : size_(ElementsPerSample(context)), f_(context) {}
  void Run(const KernelArgs& args) const override {
    const auto* x = args.in<T>(0);
    auto* y = args.out<T>();
    for (int64_t i = 0; i < size_ * args.batch; ++i)
      y[i] = static_cast<T>(f_(x[i]));
  }

 private:
  int64_t size_;  // per sample
  typename F::Integer f_;
};

template <class F, class T>
class UnaryTable : public Kernel {
 public:
  explicit UnaryTable(const PrepareContext& context)
      : size_(ElementsPerSample(context)) {
    const typename F::Integer f(context);
    for (int32_t x = std::numeric_limits<T>::min();
         x <= std::numeric_limits<T>::max(); ++x)
      table_[static_cast<uint8_t>(x)] = static_cast<T>(f(x));
  }
  void Run(const KernelArgs& args) const override {
    const auto* x = args.in<uint8_t>(0);
    auto* y = args.out<T>();
    for (int64_t i = 0; i < size_ * args.batch; ++i) y[i] = table_[x[i]];
  }

 private:
  int64_t size_;  // per sample
  std::array<T, 256> table_{};
};

// ---- The ops --------------------------------------------------------------

void Infer(Graph* graph, const Node& node) {
  const Tensor& x = graph->tensor(node.inputs[0]);
  Tensor& out = graph->tensor(node.outputs[0]);
  CheckDType(x, "input",
             {DType::kFloat32, DType::kInt8, DType::kUInt8, DType::kInt16});
  out.dtype = x.dtype;
  out.shape = x.shape;
  if (x.dtype == DType::kFloat32) return;
  CheckPerTensorQuant(x, "input");
  CheckPerTensorQuant(out, "output");
  (void)RatioOfScales(x, out);
}

constexpr Operand kOperands[] = {{.name = "x"}};

template <class F>
constexpr KernelRow kUnaryRows[] = {
    {"F32Train", Purpose::kTrain, {DType::kFloat32}, MakeKernel<UnaryF32<F>>},
    {"S8", Purpose::kFast, {DType::kInt8}, MakeKernel<UnaryTable<F, int8_t>>},
    {"U8", Purpose::kFast, {DType::kUInt8}, MakeKernel<UnaryTable<F, uint8_t>>},
    {"F32Ref", Purpose::kReference, {DType::kFloat32}, MakeKernel<UnaryF32<F>>},
    {"S8Ref",
     Purpose::kReference,
     {DType::kInt8},
     MakeKernel<UnaryInteger<F, int8_t>>},
    {"U8Ref",
     Purpose::kReference,
     {DType::kUInt8},
     MakeKernel<UnaryInteger<F, uint8_t>>},
    {"S16Ref",
     Purpose::kReference,
     {DType::kInt16},
     MakeKernel<UnaryInteger<F, int16_t>>},
};

template <class F>
OpDef UnaryOp(const char* name, const char* summary, int code) {
  return {.name = name,
          .summary = summary,
          .tflite = {.code = code, .version = ElementwiseVersion},
          .operands = kOperands,
          .infer = Infer,
          .rows = kUnaryRows<F>,
          .quant = {.output = QuantRule::kOwn}};
}

}  // namespace

const OpDef kRelu = UnaryOp<Relu>("RELU", "max(x, 0)", 19);
const OpDef kRelu6 = UnaryOp<Relu6>("RELU6", "max(0, min(x, 6))", 21);

}  // namespace litesmith
