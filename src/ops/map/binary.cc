// The binary ops: one struct each says what two elements become, and a row of
// facts makes it an op. Shapes are broadcast as in numpy (specs/ops.md 3).
#include "src/ops/map/binary.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "src/base/error.h"
#include "src/kernels/map/broadcast.h"
#include "src/ops/checks.h"
#include "src/ops/layer/layer.h"
#include "src/ops/map/elementwise.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

// ---- The functions --------------------------------------------------------

// a + b. Integers follow specs/tflite.md 3.5.
struct Add {
  using Attrs = AddAttrs;

  // Signed integers wrap.
  template <class T>
  static T Value(T a, T b) {
    if constexpr (std::is_integral_v<T>) {
      using Unsigned = std::make_unsigned_t<T>;
      return static_cast<T>(static_cast<Unsigned>(a) +
                            static_cast<Unsigned>(b));
    } else {
      return a + b;
    }
  }
  static float SlopeA(float, float) { return 1.0f; }
  static float SlopeB(float, float) { return 1.0f; }

  // Of 8-bit and 16-bit values with scales.
  class Integer {
   public:
    explicit Integer(const PrepareContext& context);
    int32_t operator()(int32_t a, int32_t b) const {
      return pot_ ? ByShifts(a, b) : Scaled(a, b);
    }

   private:
    int32_t Scaled(int32_t a, int32_t b) const {
      const int32_t sum = Mbqm((a - a_zero_) * (1 << left_), a_multiplier_) +
                          Mbqm((b - b_zero_) * (1 << left_), b_multiplier_);
      return y_zero_ + Mbqm(sum, y_multiplier_);
    }
    // One input has the output's scale, the other one's is not larger.
    int32_t ByShifts(int32_t a, int32_t b) const {
      const int32_t sum =
          RoundingDivideByPot(a, a_shift_) + RoundingDivideByPot(b, b_shift_);
      return std::clamp(sum, -32768, 32767);
    }
    void PlanShifts(const PrepareContext& context);

    int left_;  // bits of fraction that sums are computed with
    int32_t a_zero_, b_zero_, y_zero_;
    FixedMultiplier a_multiplier_, b_multiplier_, y_multiplier_;
    bool pot_ = false;
    int a_shift_ = 0, b_shift_ = 0;
  };
};

Add::Integer::Integer(const PrepareContext& context) {
  const Tensor& a = context.input(0);
  const Tensor& b = context.input(1);
  const Tensor& y = context.output();
  left_ = y.dtype == DType::kInt16 ? 15 : 20;
  a_zero_ = ZeroOf(a);
  b_zero_ = ZeroOf(b);
  y_zero_ = ZeroOf(y);
  const float twice = 2 * std::max(a.quant.scale[0], b.quant.scale[0]);
  const auto ratio = [](float scale, double by) {
    return static_cast<double>(scale) / by;
  };
  a_multiplier_ = RatioOfScales(ratio(a.quant.scale[0], twice), a, y);
  b_multiplier_ = RatioOfScales(ratio(b.quant.scale[0], twice), b, y);
  y_multiplier_ =
      RatioOfScales(ratio(twice, static_cast<double>(1 << left_) *
                                     static_cast<double>(y.quant.scale[0])),
                    a, y);
  // The microcontroller runtime never goes by shifts (specs/ops.md 5.1).
  if (y.dtype == DType::kInt16 && context.numerics == Numerics::kLiteRt &&
      context.node.Get<&AddAttrs::pot_scale_int16>()) {
    PlanShifts(context);
  }
}

void Add::Integer::PlanShifts(const PrepareContext& context) {
  const auto exponent = [](const Tensor& tensor, int* power) {
    const double log = std::log2(static_cast<double>(tensor.quant.scale[0]));
    *power = static_cast<int>(std::round(log));
    return std::abs(log - *power) < 1e-3;
  };
  int a = 0;
  int b = 0;
  int y = 0;
  if (!exponent(context.input(0), &a) || !exponent(context.input(1), &b) ||
      !exponent(context.output(), &y)) {
    return;
  }
  if (std::max(a, b) != y || std::min(a, b) < y - 31) {
    Fail(ErrorKind::kUnsupported,
         "node '{}': pot_scale_int16 with the scales 2^{}, 2^{} and 2^{}; one "
         "input must have the output's, the other one not a larger one",
         context.node.name, a, b, y);
  }
  pot_ = true;
  a_shift_ = y - a;
  b_shift_ = y - b;
}

// a * b. Integers follow specs/ops.md 5.2.
struct Mul {
  using Attrs = MulAttrs;

  // Signed integers wrap.
  template <class T>
  static T Value(T a, T b) {
    if constexpr (std::is_integral_v<T>) {
      return static_cast<T>(static_cast<uint64_t>(a) *
                            static_cast<uint64_t>(b));
    } else {
      return a * b;
    }
  }
  static float SlopeA(float, float b) { return b; }
  static float SlopeB(float a, float) { return a; }

  // Of 8-bit and 16-bit values with scales: products are 2^30 at most.
  class Integer {
   public:
    explicit Integer(const PrepareContext& context)
        : a_zero_(ZeroOf(context.input(0))),
          b_zero_(ZeroOf(context.input(1))),
          y_zero_(ZeroOf(context.output())),
          multiplier_(RatioOfScales(Ratio(context), context.input(0),
                                    context.output())) {}
    int32_t operator()(int32_t a, int32_t b) const {
      return y_zero_ + Mbqm((a - a_zero_) * (b - b_zero_), multiplier_);
    }

   private:
    static double Ratio(const PrepareContext& context) {
      const float a = context.input(0).quant.scale[0];
      const float b = context.input(1).quant.scale[0];
      const float y = context.output().quant.scale[0];
      return context.numerics == Numerics::kTflm
                 ? double{a} * double{b} / double{y}
                 : double{a * b / y};
    }

    int32_t a_zero_, b_zero_, y_zero_;
    FixedMultiplier multiplier_;
  };
};

// ---- Their kernels --------------------------------------------------------

// How a node walks through its arrays.
class BinaryPlan {
 public:
  explicit BinaryPlan(const PrepareContext& context)
      : plan_(kernels::PlanBroadcast(context.input(0).shape.dims(),
                                     context.input(1).shape.dims(),
                                     context.output().shape.dims())),
        first_(PerSample(context, plan_.size[0])) {}
  const kernels::BroadcastPlan& plan() const { return plan_; }
  int64_t first(int batch) const { return first_ * batch; }

 private:
  kernels::BroadcastPlan plan_;
  int64_t first_;  // of the first dimension, per sample
};

// Integers as they are, without scales.
template <class F, class T>
class BinaryPlain : public Kernel {
 public:
  explicit BinaryPlain(const PrepareContext& context) : walk_(context) {
    const kernels::FloatRange range =
        ActivationRange(context.node.Get<&F::Attrs::activation>());
    if (range.IsNone()) return;
    low_ = static_cast<T>(range.low);
    if (range.high < kernels::FloatRange().high)
      high_ = static_cast<T>(range.high);
  }
  void Run(const KernelArgs& args) const override {
    kernels::Binary(walk_.plan(), walk_.first(args.batch), args.in<T>(0),
                    args.in<T>(1), args.out<T>(), [this](T a, T b) {
                      return std::min(std::max(F::Value(a, b), low_), high_);
                    });
  }

 private:
  BinaryPlan walk_;
  T low_ = std::numeric_limits<T>::lowest();
  T high_ = std::numeric_limits<T>::max();
};

template <class F>
class BinaryF32 : public TrainKernel {
 public:
  explicit BinaryF32(const PrepareContext& context)
      : walk_(context),
        range_(ActivationRange(context.node.Get<&F::Attrs::activation>())),
        a_(SizeOf(context, 0)),
        b_(SizeOf(context, 1)) {}
  void Run(const KernelArgs& args) const override {
    kernels::Binary(
        walk_.plan(), walk_.first(args.batch), args.in<float>(0),
        args.in<float>(1), args.out<float>(), [this](float a, float b) {
          return std::min(std::max(F::Value(a, b), range_.low), range_.high);
        });
  }
  void Backward(const BackwardArgs& args) const override {
    Gradient<0>(args, a_);
    Gradient<1>(args, b_);
  }

 private:
  struct Size {
    int64_t fixed = 0;       // elements that do not belong to a sample
    int64_t per_sample = 0;  // elements of each sample
  };
  static Size SizeOf(const PrepareContext& context, size_t input) {
    const int64_t n = context.input(input).shape.NumElements();
    const bool batched = context.facts.IsBatched(context.node.inputs[input]);
    return batched ? Size{0, PerSample(context, n)} : Size{n, 0};
  }

  // Sums over what the input was repeated for, in the output's order.
  template <size_t kInput>
  void Gradient(const BackwardArgs& args, const Size& size) const {
    float* const to = args.input_grads[kInput];
    if (to == nullptr) return;
    std::fill_n(to, size.fixed + size.per_sample * args.batch, 0.0f);
    if (range_.IsNone()) {
      AddGradients<kInput, false>(args, to);
    } else {
      AddGradients<kInput, true>(args, to);
    }
  }

  template <size_t kInput, bool kRange>
  void AddGradients(const BackwardArgs& args, float* to) const {
    const auto* a = static_cast<const float*>(args.inputs[0]);
    const auto* b = static_cast<const float*>(args.inputs[1]);
    const auto* y = static_cast<const float*>(args.outputs[0]);
    const float* dy = args.output_grads[0];
    const float low = range_.low;
    const float high = range_.high;
    const auto term = [&](int64_t in_a, int64_t in_b, int64_t out) {
      const float slope = kInput == 0 ? F::SlopeA(a[in_a], b[in_b])
                                      : F::SlopeB(a[in_a], b[in_b]);
      const float gradient = dy[out] * slope;
      if (!kRange) return gradient;
      // Without a branch: vectors choose.
      return static_cast<int>(y[out] > low) & static_cast<int>(y[out] < high)
                 ? gradient
                 : 0.0f;
    };
    kernels::ForEachRun(
        walk_.plan(), walk_.first(args.batch),
        [&](int64_t at_a, int64_t at_b, int64_t out, int64_t n, int64_t step_a,
            int64_t step_b) {
          float* const sums = to + (kInput == 0 ? at_a : at_b);
          if (step_a == 1 && step_b == 1) {  // what a compiler makes vectors of
            for (int64_t i = 0; i < n; ++i)
              sums[i] += term(at_a + i, at_b + i, out + i);
            return;
          }
          const int64_t step = kInput == 0 ? step_a : step_b;
          for (int64_t i = 0; i < n; ++i)
            sums[i * step] +=
                term(at_a + i * step_a, at_b + i * step_b, out + i);
        });
  }

  BinaryPlan walk_;
  kernels::FloatRange range_;
  Size a_, b_;
};

// Integers with scales.
template <class F, class T>
class BinaryInteger : public Kernel {
 public:
  explicit BinaryInteger(const PrepareContext& context)
      : walk_(context),
        f_(context),
        range_(ActivationRange(context.node.Get<&F::Attrs::activation>(),
                               context.output())) {}
  void Run(const KernelArgs& args) const override {
    kernels::Binary(
        walk_.plan(), walk_.first(args.batch), args.in<T>(0), args.in<T>(1),
        args.out<T>(), [this](T a, T b) {
          return static_cast<T>(std::clamp(f_(a, b), range_.lo, range_.hi));
        });
  }

 private:
  BinaryPlan walk_;
  typename F::Integer f_;
  IntegerRange range_;
};

// ---- The ops --------------------------------------------------------------

Shape BroadcastShape(const Tensor& a, const Tensor& b) {
  const int rank = std::max(a.shape.rank(), b.shape.rank());
  if (rank > kernels::kMaxBroadcastRank) {
    Fail(ErrorKind::kUnsupported,
         "'{}' has shape {} and '{}' {}; ranks up to {} are supported", a.name,
         a.shape.ToString(), b.name, b.shape.ToString(),
         kernels::kMaxBroadcastRank);
  }
  std::vector<int32_t> dims(static_cast<size_t>(rank));
  for (int d = 0; d < rank; ++d) {
    const auto of = [&](const Tensor& t) {
      const int at = d - (rank - t.shape.rank());
      return at < 0 ? 1 : t.shape[at];
    };
    const int32_t x = of(a);
    const int32_t y = of(b);
    // An open batch is known when a plan binds it.
    const bool fits = x == y || x == 1 || y == 1 ||
                      (d == 0 && (x == kDynamic || y == kDynamic));
    if (!fits) {
      Fail(ErrorKind::kCorrupt,
           "'{}' of shape {} and '{}' of shape {} do not broadcast: dimension "
           "{} is {} and {}",
           a.name, a.shape.ToString(), b.name, b.shape.ToString(), d, x, y);
    }
    dims[static_cast<size_t>(d)] = x == kDynamic || y == kDynamic ? kDynamic
                                   : x == 1                       ? y
                                                                  : x;
  }
  return Shape(dims);
}

template <class Attrs>
void Infer(Graph* graph, const Node& node) {
  const Tensor& a = graph->tensor(node.inputs[0]);
  const Tensor& b = graph->tensor(node.inputs[1]);
  Tensor& out = graph->tensor(node.outputs[0]);
  CheckActivation(node.Get<&Attrs::activation>());
  CheckDType(a, "first input",
             {DType::kFloat32, DType::kInt8, DType::kUInt8, DType::kInt16,
              DType::kInt32, DType::kInt64});
  CheckDType(b, "second input", {a.dtype});
  out.dtype = a.dtype;
  out.shape = BroadcastShape(a, b);
  const bool narrow = a.dtype == DType::kInt8 || a.dtype == DType::kUInt8 ||
                      a.dtype == DType::kInt16;
  // 16-bit integers without scales are numbers like those of 32 bits.
  if (!narrow || (a.dtype == DType::kInt16 && a.quant.empty() &&
                  b.quant.empty() && out.quant.empty())) {
    return;
  }
  CheckPerTensorQuant(a, "first input");
  CheckPerTensorQuant(b, "second input");
  CheckPerTensorQuant(out, "output");
}

constexpr Operand kOperands[] = {{.name = "a"}, {.name = "b"}};

bool HasScales(const PrepareContext& c) { return !c.input(0).quant.empty(); }

template <class F>
constexpr KernelRow kBinaryRows[] = {
    {"F32Train", Purpose::kTrain, {DType::kFloat32}, MakeKernel<BinaryF32<F>>},
    {"F32Ref",
     Purpose::kReference,
     {DType::kFloat32},
     MakeKernel<BinaryF32<F>>},
    {"S8Ref",
     Purpose::kReference,
     {DType::kInt8},
     MakeKernel<BinaryInteger<F, int8_t>>},
    {"U8Ref",
     Purpose::kReference,
     {DType::kUInt8},
     MakeKernel<BinaryInteger<F, uint8_t>>},
    {"S16Ref",
     Purpose::kReference,
     {DType::kInt16},
     MakeKernel<BinaryInteger<F, int16_t>>,
     HasScales},
    {"I16Ref",
     Purpose::kReference,
     {DType::kInt16},
     MakeKernel<BinaryPlain<F, int16_t>>},
    {"I32Ref",
     Purpose::kReference,
     {DType::kInt32},
     MakeKernel<BinaryPlain<F, int32_t>>},
    {"I64Ref",
     Purpose::kReference,
     {DType::kInt64},
     MakeKernel<BinaryPlain<F, int64_t>>},
};

int AddVersion(const Graph& graph, const Node& node) {
  const Tensor& a = graph.tensor(node.inputs[0]);
  if (a.dtype == DType::kInt64) return 4;
  if (a.dtype == DType::kInt16 && a.quant.empty()) return 5;
  if (a.dtype == DType::kInt16)
    return node.Get<&AddAttrs::pot_scale_int16>() ? 2 : 3;
  return ElementwiseVersion(graph, node);
}

int MulVersion(const Graph& graph, const Node& node) {
  const Tensor& a = graph.tensor(node.inputs[0]);
  if (a.dtype == DType::kInt64) return 5;
  if (a.dtype == DType::kInt16) return a.quant.empty() ? 7 : 4;
  if (a.quant.empty()) return 1;
  // Where products have more steps than the output.
  const float ratio = a.quant.scale[0] *
                      graph.tensor(node.inputs[1]).quant.scale[0] /
                      graph.tensor(node.outputs[0]).quant.scale[0];
  return ratio >= 1 ? 3 : 2;
}

}  // namespace

const OpDef kAdd = {
    .name = "ADD",
    .summary = "a + b with fused activation",
    .tflite = {.code = 0, .options = 11, .version = AddVersion},
    .attrs = kAttrs<AddAttrs>,
    .operands = kOperands,
    .infer = Infer<AddAttrs>,
    .rows = kBinaryRows<Add>,
    .quant = {.output = QuantRule::kOwn},
};

const OpDef kMul = {
    .name = "MUL",
    .summary = "a * b with fused activation",
    .tflite = {.code = 18, .options = 21, .version = MulVersion},
    .attrs = kAttrs<MulAttrs>,
    .operands = kOperands,
    .infer = Infer<MulAttrs>,
    .rows = kBinaryRows<Mul>,
    .quant = {.output = QuantRule::kOwn},
};

}  // namespace litesmith
