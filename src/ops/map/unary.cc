// The unary ops: one struct each says what an element becomes, and a row of
// facts makes it an op. An op of 8-bit integers is a function of 256 values:
// its fast kernel looks them up in a table that the reference arithmetic has
// filled.
#include <array>
#include <cmath>
#include <limits>

#include "src/ops/checks.h"
#include "src/ops/layer/layer.h"
#include "src/ops/map/elementwise.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

// How the integers of an op's input and output stand for numbers.
struct UnaryQuant {
  Numerics numerics;
  float x_scale;
  float y_scale;
  int32_t x_zero;
  int32_t y_zero;
  int32_t low;  // of the output's type
  int32_t high;
  FixedMultiplier multiplier;  // x's scale / y's scale
};

// ---- The functions --------------------------------------------------------

// y = max(kLow, min(x, kHigh)). Integers follow specs/tflite.md 3.9.
template <int kLow, int kHigh>
struct Clamp {
  static constexpr float kUpper =
      kHigh == 0 ? std::numeric_limits<float>::max() : float{kHigh};

  static float Value(float x) {
    return std::max(float{kLow}, std::min(x, kUpper));
  }
  // TensorFlow's ReluGrad: nothing at the bounds themselves.
  static float Slope(float y) { return y > kLow && y < kUpper ? 1.0f : 0.0f; }

  static int32_t Integer(const UnaryQuant& q, int32_t x) {
    // The microcontroller runtime's RELU6 clamps by the input's scale and does
    // not rescale (specs/ops.md 7.1).
    const bool clamps = q.numerics == Numerics::kTflm && kHigh == 6;
    const float scale = clamps ? q.x_scale : q.y_scale;
    const int32_t zero = clamps ? q.x_zero : q.y_zero;
    const auto bound = [&](float value) {
      return static_cast<int32_t>(std::clamp<int64_t>(
          static_cast<int64_t>(
              std::round(std::clamp(value / scale, -1048576.0f, 1048576.0f))) +
              zero,
          q.low, q.high));
    };
    int32_t y = clamps ? x : q.y_zero + Mbqm(x - q.x_zero, q.multiplier);
    y = std::max(y, bound(kLow));
    return std::min(y, kHigh == 0 ? q.high : bound(kUpper));
  }
};

using Relu = Clamp<0, 0>;
using Relu6 = Clamp<0, 6>;

// ---- Their kernels --------------------------------------------------------

int64_t PerSampleElements(const PrepareContext& context) {
  return PerSample(context, context.input(0).shape.NumElements());
}

template <class F>
class UnaryF32 : public TrainKernel {
 public:
  explicit UnaryF32(const PrepareContext& context)
      : size_(PerSampleElements(context)) {}
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

template <class T>
UnaryQuant QuantOf(const PrepareContext& context) {
  const Tensor& x = context.input(0);
  const Tensor& y = context.output();
  UnaryQuant q{};
  q.numerics = context.numerics;
  q.x_scale = x.quant.scale[0];
  q.y_scale = y.quant.scale[0];
  q.x_zero = static_cast<int32_t>(x.quant.zero_point[0]);
  q.y_zero = static_cast<int32_t>(y.quant.zero_point[0]);
  q.low = std::numeric_limits<T>::min();
  q.high = std::numeric_limits<T>::max();
  q.multiplier =
      RatioOfScales(static_cast<double>(q.x_scale / q.y_scale), x, y);
  return q;
}

template <class F, class T>
class UnaryInteger : public Kernel {
 public:
  explicit UnaryInteger(const PrepareContext& context)
      : size_(PerSampleElements(context)), quant_(QuantOf<T>(context)) {}
  void Run(const KernelArgs& args) const override {
    const auto* x = args.in<T>(0);
    auto* y = args.out<T>();
    for (int64_t i = 0; i < size_ * args.batch; ++i)
      y[i] = static_cast<T>(F::Integer(quant_, x[i]));
  }

 private:
  int64_t size_;  // per sample
  UnaryQuant quant_;
};

template <class F, class T>
class UnaryTable : public Kernel {
 public:
  explicit UnaryTable(const PrepareContext& context)
      : size_(PerSampleElements(context)) {
    const UnaryQuant quant = QuantOf<T>(context);
    for (int32_t x = quant.low; x <= quant.high; ++x)
      table_[static_cast<uint8_t>(x)] = static_cast<T>(F::Integer(quant, x));
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
  (void)RatioOfScales(
      static_cast<double>(x.quant.scale[0] / out.quant.scale[0]), x, out);
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
