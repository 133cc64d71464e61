// The activation functions: RELU and its kin, sigmoids, and what lies between
// the two. unary.h says what such a struct is.
#include "src/ops/map/activations.h"

#include <algorithm>
#include <cmath>

#include "src/base/error.h"
#include "src/kernels/map/hard_swish.h"
#include "src/kernels/map/logistic.h"
#include "src/kernels/recurrent/gates.h"
#include "src/ops/checks.h"
#include "src/ops/fusions/int16_program.h"
#include "src/ops/map/unary.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

// ---- RELU and its kin -----------------------------------------------------

// What TFLite has as an op and not as a fused activation.
constexpr int64_t kRelu0To1Range = -1;

constexpr kernels::FloatRange RangeOf(int64_t activation) {
  return activation == kRelu0To1Range ? kernels::FloatRange{0, 1}
                                      : ActivationRange(activation);
}

// What a fused activation does, by itself. Integers follow specs/tflite.md 3.9.
template <int64_t kActivation>
struct Clamp {
  static constexpr kernels::FloatRange kRange = RangeOf(kActivation);

  static float Value(float x) {
    return std::max(kRange.low, std::min(x, kRange.high));
  }
  // TensorFlow's ReluGrad: nothing at the bounds themselves.
  static float Slope(float, float y) { return kRange.Passes(y) ? 1.0f : 0.0f; }

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
          range_(IntegersOf(rescales_ ? context.output() : context.input(0))) {}
    int32_t operator()(int32_t x) const {
      const int32_t y =
          rescales_ ? y_zero_ + Mbqm(x - x_zero_, multiplier_) : x;
      return std::min(std::max(y, range_.lo), range_.hi);
    }

   private:
    static IntegerRange IntegersOf(const Tensor& tensor) {
      if constexpr (kActivation != kRelu0To1Range)
        return ActivationRange(kActivation, tensor);
      return {ActivationRange(activation::kRelu, tensor).lo,
              ActivationRange(activation::kReluN1To1, tensor).hi};
    }

    bool rescales_;
    int32_t x_zero_, y_zero_;
    FixedMultiplier multiplier_;
    IntegerRange range_;
  };
};

using Relu = Clamp<activation::kRelu>;
using Relu6 = Clamp<activation::kRelu6>;
using ReluN1To1 = Clamp<activation::kReluN1To1>;
using Relu0To1 = Clamp<kRelu0To1Range>;

// x, or alpha x below zero. Integers follow specs/tflite.md 3.9.
struct LeakyRelu {
  explicit LeakyRelu(const PrepareContext& context)
      : alpha(context.node.Get<&LeakyReluAttrs::alpha>()) {}
  float alpha;

  float Value(float x) const { return x > 0 ? x : x * alpha; }
  float Slope(float x, float) const { return x > 0 ? 1.0f : alpha; }

  class Integer {
   public:
    explicit Integer(const PrepareContext& context)
        : x_zero_(ZeroOf(context.input(0))),
          y_zero_(ZeroOf(context.output())),
          above_(RatioOfScales(context.input(0), context.output())),
          range_(ActivationRange(kNone, context.output())) {
      const float alpha = LeakyRelu(context).alpha;
      const float ratio = context.input(0).quant.scale[0] * alpha /
                          context.output().quant.scale[0];
      below_ =
          RatioOfScales(std::abs(ratio), context.input(0), context.output());
      sign_ = alpha < 0 ? -1 : 1;
    }
    int32_t operator()(int32_t x) const {
      const int32_t v = x - x_zero_;
      const int32_t y = v >= 0 ? Mbqm(v, above_) : sign_ * Mbqm(v, below_);
      return std::clamp(y + y_zero_, range_.lo, range_.hi);
    }

   private:
    int32_t x_zero_, y_zero_;
    FixedMultiplier above_, below_;
    int32_t sign_;  // of alpha
    IntegerRange range_;
  };
};

void InferLeakyRelu(Graph* graph, const Node& node) {
  const float alpha = node.Get<&LeakyReluAttrs::alpha>();
  if (!std::isfinite(alpha)) {
    Fail(ErrorKind::kCorrupt, "alpha is {}; a number is wanted", alpha);
  }
  unary::Infer(graph, node);
}

// ---- Sigmoids -------------------------------------------------------------

// Integers of a function whose outputs have one scale whatever the values: of
// 16 bits by a table of the reference's, kWide (specs/tflite.md 3.10).
template <class F, class Wide>
class Sigmoid {
 public:
  explicit Sigmoid(const PrepareContext& context)
      : is_wide_(context.input(0).dtype == DType::kInt16),
        wide_(context.input(0).quant.scale[0]),
        narrow_(context) {}
  int32_t operator()(int32_t x) const {
    return is_wide_ ? wide_(x) : narrow_(x);
  }

 private:
  bool is_wide_;
  Wide wide_;
  unary::Rounded<F> narrow_;
};

void InferSigmoid(Graph* graph, const Node& node) {
  const Tensor& x = graph->tensor(node.inputs[0]);
  unary::InferFixed(graph, node);
  if (x.dtype != DType::kInt16) return;
  const float scale = x.quant.scale[0];
  if (kernels::LogisticSteps::IsPossible(scale)) return;
  Fail(ErrorKind::kUnsupported,
       "the int16 input '{}' has the scale {}; at most 5 is supported", x.name,
       scale);
}

// 1 / (1 + e^-x).
struct Logistic {
  static constexpr auto* kVectors = kernels::LogisticF32Simd;
  static float Value(float x) {
    // The reference's bounds, beyond which float32 gives the same.
    if (x > 16.619047164916992188f) return 1.0f;
    if (x < -9.0f) return std::exp(x);
    return 1.0f / (1.0f + std::exp(-x));
  }
  static float Slope(float, float y) { return y * (1.0f - y); }

  // The reference's table of 8 bits has no bounds.
  struct Unbounded {
    static float Value(float x) { return 1.0f / (1.0f + std::exp(-x)); }
  };
  using Integer = Sigmoid<Unbounded, kernels::Logistic16>;
};

struct Tanh {
  static constexpr auto* kVectors = kernels::TanhF32Simd;
  static float Value(float x) { return std::tanh(x); }
  static float Slope(float, float y) { return 1.0f - y * y; }
  using Integer = Sigmoid<Tanh, kernels::Tanh16>;
};

// Of floats, for speed.
class SigmoidF32 final : public Kernel {
 public:
  using Function = void (*)(float* values, size_t n);
  SigmoidF32(const PrepareContext& context, Function f)
      : size_(ElementsPerSample(context)), f_(f) {}
  void Run(const KernelArgs& args) const override {
    const auto n = static_cast<size_t>(size_ * args.batch);
    std::copy_n(args.in<float>(0), n, args.out<float>());
    f_(args.out<float>(), n);
  }

 private:
  int64_t size_;  // per sample
  Function f_;
};

// A last bit that differs from the reference's may be a whole step behind a
// QUANTIZE.
template <class F>
KernelPtr MakeSigmoidF32(const PrepareContext& context) {
  if (context.facts.IsBeforeQuantize(context.node.outputs[0]))
    return MakeKernel<unary::Floats<F>>(context);
  return std::make_unique<SigmoidF32>(context, F::kVectors);
}

// Of int16 values, for speed.
class SigmoidS16 final : public Kernel {
 public:
  SigmoidS16(const PrepareContext& context, const Sigmoid16& f)
      : size_(ElementsPerSample(context)), f_(f) {}
  void Run(const KernelArgs& args) const override {
    RunSigmoid16(f_, args.in<int16_t>(0), size_ * args.batch,
                 args.out<int16_t>());
  }

 private:
  int64_t size_;  // per sample
  Sigmoid16 f_;
};

template <class F>
KernelPtr MakeSigmoidS16(const PrepareContext& context) {
  Sigmoid16 f;
  if (FillSigmoid16(context, &f))
    return std::make_unique<SigmoidS16>(context, f);
  return MakeKernel<unary::Integers<F, int16_t>>(context);
}

template <class F>
constexpr KernelRow kSigmoidRows[] = {
    unary::kTrain<F>,
    {"F32", Purpose::kFast, {DType::kFloat32}, MakeSigmoidF32<F>},
    unary::kS8Fast<F>,
    unary::kU8Fast<F>,
    {"S16", Purpose::kFast, {DType::kInt16}, MakeSigmoidS16<F>},
    unary::kF32<F>,
    unary::kS8<F>,
    unary::kU8<F>,
    unary::kS16<F>};

// ---- Between the two ------------------------------------------------------

// x min(6, max(0, x + 3)) / 6. Integers follow specs/tflite.md 3.9.
struct HardSwish {
  static float Value(float x) {
    return x * std::min(6.0f, std::max(0.0f, x + 3.0f)) / 6.0f;
  }
  static float Slope(float x, float) {
    if (x <= -3.0f) return 0.0f;
    return x >= 3.0f ? 1.0f : (2.0f * x + 3.0f) / 6.0f;
  }

  class Integer {
   public:
    explicit Integer(const PrepareContext& context)
        : x_zero_(ZeroOf(context.input(0))),
          y_zero_(ZeroOf(context.output())),
          f_(context.input(0).quant.scale[0], context.output().quant.scale[0]),
          range_(ActivationRange(kNone, context.output())) {}
    int32_t operator()(int32_t x) const {
      return std::clamp(f_(x - x_zero_) + y_zero_, range_.lo, range_.hi);
    }

   private:
    int32_t x_zero_, y_zero_;
    kernels::HardSwish8 f_;
    IntegerRange range_;
  };
};

void InferHardSwish(Graph* graph, const Node& node) {
  unary::Infer(graph, node);
  const Tensor& x = graph->tensor(node.inputs[0]);
  if (x.dtype == DType::kFloat32) return;
  const Tensor& out = graph->tensor(node.outputs[0]);
  if (kernels::HardSwish8::IsPossible(x.quant.scale[0], out.quant.scale[0]))
    return;
  Fail(ErrorKind::kUnsupported,
       "the scale {} of '{}' is 128 times that of '{}', {}, or more",
       x.quant.scale[0], x.name, out.name, out.quant.scale[0]);
}

// x, or e^x - 1 below zero.
struct Elu {
  static float Value(float x) { return x < 0 ? std::expm1(x) : x; }
  static float Slope(float x, float y) { return x < 0 ? y + 1.0f : 1.0f; }
  using Integer = unary::Rounded<Elu>;
};

// x times the share of a normal distribution that lies below x. LiteRT has its
// floats from a library of its own.
struct Gelu {
  explicit Gelu(const PrepareContext& context)
      : approximate(context.node.Get<&GeluAttrs::approximate>()) {}
  bool approximate;

  static constexpr float kSqrtHalf = 0.707106781186547524401f;
  static constexpr float kSqrtTwoOverPi = 0.797884560802865355880f;
  static constexpr float kCubic = 0.044715f;

  float Value(float x) const {
    if (!approximate) return 0.5f * x * std::erfc(x * -kSqrtHalf);
    return 0.5f * x * (1.0f + std::tanh(Inner(x)));
  }
  float Slope(float x, float) const {
    if (!approximate) {
      const float density = 0.5f * kSqrtTwoOverPi * std::exp(-0.5f * x * x);
      return 0.5f * std::erfc(x * -kSqrtHalf) + x * density;
    }
    const float t = std::tanh(Inner(x));
    const float inner = kSqrtTwoOverPi * (1.0f + 3.0f * kCubic * x * x);
    return 0.5f * (1.0f + t) + 0.5f * x * (1.0f - t * t) * inner;
  }
  static float Inner(float x) {
    return kSqrtTwoOverPi * (x + kCubic * x * x * x);
  }
  using Integer = unary::Rounded<Gelu>;
};

// Versions that differ from ElementwiseVersion (TensorFlow's op_version.cc).
int LeakyReluVersion(const Graph& graph, const Node& node) {
  return graph.tensor(node.inputs[0]).dtype == DType::kInt16 ? 2 : 1;
}
int GeluVersion(const Graph& graph, const Node& node) {
  return ElementwiseVersion(graph, node) == 2 ? 2 : 1;
}

}  // namespace

bool FillSigmoid16(const PrepareContext& context, Sigmoid16* f) {
  const Tensor& x = context.input(0);
  if (x.dtype != DType::kInt16 || !HasSigmoid16()) return false;
  if (context.node.op == &kLogistic) {
    *f = Sigmoid16(kernels::Logistic16(x.quant.scale[0]));
  } else if (context.node.op == &kTanh) {
    *f = Sigmoid16(kernels::Tanh16(x.quant.scale[0]));
  } else {
    return false;
  }
  return true;
}

const OpDef kRelu = {
    .name = "RELU",
    .summary = "max(x, 0)",
    .tflite = {.code = 19, .version = ElementwiseVersion},
    .operands = unary::kOperands,
    .infer = unary::Infer,
    .rows = unary::kAllRows<Relu>,
    .quant = {.output = QuantRule::kOwn},
};

const OpDef kRelu6 = {
    .name = "RELU6",
    .summary = "max(0, min(x, 6))",
    .tflite = {.code = 21, .version = ElementwiseVersion},
    .operands = unary::kOperands,
    .infer = unary::Infer,
    .rows = unary::kAllRows<Relu6>,
    .quant = {.output = QuantRule::kOwn},
};

const OpDef kReluN1To1 = {
    .name = "RELU_N1_TO_1",
    .summary = "max(-1, min(x, 1))",
    .tflite = {.code = 20},
    .operands = unary::kOperands,
    .infer = unary::Infer,
    .rows = unary::k8BitRows<ReluN1To1>,
    .quant = {.output = QuantRule::kOwn},
};

const OpDef kRelu0To1 = {
    .name = "RELU_0_TO_1",
    .summary = "max(0, min(x, 1))",
    .tflite = {.code = 152},
    .operands = unary::kOperands,
    .infer = unary::Infer,
    .rows = unary::k8BitRows<Relu0To1>,
    .quant = {.output = QuantRule::kOwn},
};

const OpDef kLeakyRelu = {
    .name = "LEAKY_RELU",
    .summary = "x, or alpha x below zero",
    .tflite = {.code = 98, .options = 75, .version = LeakyReluVersion},
    .attrs = kAttrs<LeakyReluAttrs>,
    .operands = unary::kOperands,
    .infer = InferLeakyRelu,
    .rows = unary::kAllRows<LeakyRelu>,
    .quant = {.output = QuantRule::kOwn},
};

const OpDef kLogistic = {
    .name = "LOGISTIC",
    .summary = "1 / (1 + e^-x), a sigmoid",
    .tflite = {.code = 14, .version = ElementwiseVersion},
    .operands = unary::kOperands,
    .infer = InferSigmoid,
    .rows = kSigmoidRows<Logistic>,
    .quant = {.output = QuantRule::kFixed,
              .fixed8 = {1.0f / 256, -128},
              .fixed16 = {1.0f / 32768, 0}},
    .probabilities = [](const Node&) { return Probabilities::kOfEach; },
};

const OpDef kTanh = {
    .name = "TANH",
    .summary = "hyperbolic tangent",
    .tflite = {.code = 28, .version = ElementwiseVersion},
    .operands = unary::kOperands,
    .infer = InferSigmoid,
    .rows = kSigmoidRows<Tanh>,
    .quant = {.output = QuantRule::kFixed,
              .fixed8 = {1.0f / 128, 0},
              .fixed16 = {1.0f / 32768, 0}},
};

const OpDef kHardSwish = {
    .name = "HARD_SWISH",
    .summary = "x min(6, max(0, x + 3)) / 6",
    .tflite = {.code = 117, .options = 91},
    .operands = unary::kOperands,
    .infer = InferHardSwish,
    .rows = unary::k8BitRows<HardSwish>,
    .quant = {.output = QuantRule::kOwn},
};

const OpDef kElu = {
    .name = "ELU",
    .summary = "x, or e^x - 1 below zero",
    .tflite = {.code = 111},
    .operands = unary::kOperands,
    .infer = unary::Infer,
    .rows = unary::kS8Rows<Elu>,
};

const OpDef kGelu = {
    .name = "GELU",
    .summary = "x times the share of a normal distribution below x",
    .tflite = {.code = 150, .options = 116, .version = GeluVersion},
    .attrs = kAttrs<GeluAttrs>,
    .operands = unary::kOperands,
    .infer = unary::Infer,
    .rows = unary::kAllRows<Gelu>,
    .quant = {.output = QuantRule::kOwn},
};

}  // namespace litesmith
