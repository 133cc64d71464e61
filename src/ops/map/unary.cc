// The unary ops: one struct each says what an element becomes, and a row of
// facts makes it an op. An op of 8-bit integers is a function of 256 values:
// its fast kernel looks them up in a table that the reference arithmetic has
// filled.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "src/base/error.h"
#include "src/kernels/map/logistic.h"
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

// 1 / (1 + e^-x). Integers follow specs/tflite.md 3.10, their outputs have one
// scale whatever the values.
struct Logistic {
  static float Value(float x) {
    // The reference's bounds, beyond which float32 gives the same.
    if (x > 16.619047164916992188f) return 1.0f;
    if (x < -9.0f) return std::exp(x);
    return 1.0f / (1.0f + std::exp(-x));
  }
  static float Slope(float y) { return y * (1.0f - y); }

  class Integer {
   public:
    explicit Integer(const PrepareContext& context)
        : wide_(context.input(0).dtype == DType::kInt16),
          x_scale_(context.input(0).quant.scale[0]),
          x_zero_(ZeroOf(context.input(0))),
          steps_(1.0f / context.output().quant.scale[0]),
          y_zero_(ZeroOf(context.output())),
          range_(ActivationRange(kNone, context.output())),
          wide_function_(x_scale_) {}
    int32_t operator()(int32_t x) const {
      if (wide_) return wide_function_(x);
      const float real = x_scale_ * static_cast<float>(x - x_zero_);
      const float y = 1.0f / (1.0f + std::exp(-real));
      const auto q = static_cast<int32_t>(std::round(y * steps_)) + y_zero_;
      return std::clamp(q, range_.lo, range_.hi);
    }

   private:
    bool wide_;
    float x_scale_;
    int32_t x_zero_;
    float steps_;  // of the output, in 1
    int32_t y_zero_;
    IntegerRange range_;
    kernels::Logistic16 wide_function_;
  };
};

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

void InferLogistic(Graph* graph, const Node& node) {
  const Tensor& x = graph->tensor(node.inputs[0]);
  Infer(graph, node);
  if (x.dtype == DType::kFloat32) return;
  CheckFixedQuant(graph->tensor(node.outputs[0]), *node.op);
  const float scale = x.quant.scale[0];
  if (x.dtype != DType::kInt16 || kernels::Logistic16::IsPossible(scale))
    return;
  Fail(ErrorKind::kUnsupported,
       "the int16 input '{}' has the scale {}; at most 5 is supported", x.name,
       scale);
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
const OpDef kLogistic = [] {
  OpDef op = UnaryOp<Logistic>("LOGISTIC", "1 / (1 + e^-x), a sigmoid", 14);
  op.infer = InferLogistic;
  op.quant = {.output = QuantRule::kFixed,
              .fixed8 = {1.0f / 256, -128},
              .fixed16 = {1.0f / 32768, 0}};
  op.probabilities = [](const Node&) { return Probabilities::kOfEach; };
  return op;
}();

}  // namespace litesmith
