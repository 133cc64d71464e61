// ADD, SUB, MUL, SQUARED_DIFFERENCE, MAXIMUM and MINIMUM.
#include <algorithm>
#include <cmath>

#include "src/base/error.h"
#include "src/ops/fusions/int16_program.h"
#include "src/ops/map/binary.h"
#include "src/ops/map/binary_kernels.h"
#include "src/ops/map/elementwise.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

// ---- a + b and a - b ------------------------------------------------------

// Of 8-bit and 16-bit values with scales; follows specs/tflite.md 3.5.
class SumOfScaled {
 public:
  SumOfScaled(const PrepareContext& context, bool subtracts);
  // False where it goes by shifts.
  bool Fill(ScaledBinarySpec* spec) const {
    spec->a_zero = a_zero_, spec->b_zero = b_zero_;
    spec->left = left_;
    spec->a = a_multiplier_, spec->b = b_multiplier_;
    spec->subtract = sign_ < 0;
    spec->requantizer.multipliers = {y_multiplier_};
    spec->requantizer.zero_point = y_zero_;
    return !pot_;
  }
  int32_t operator()(int32_t a, int32_t b) const {
    return pot_ ? ByShifts(a, b) : Scaled(a, b);
  }

 private:
  int32_t Scaled(int32_t a, int32_t b) const {
    const int32_t sum =
        Mbqm((a - a_zero_) * (1 << left_), a_multiplier_) +
        sign_ * Mbqm((b - b_zero_) * (1 << left_), b_multiplier_);
    return y_zero_ + Mbqm(sum, y_multiplier_);
  }
  // One input has the output's scale, the other one's is not larger.
  int32_t ByShifts(int32_t a, int32_t b) const {
    const int32_t sum = RoundingDivideByPot(a, a_shift_) +
                        sign_ * RoundingDivideByPot(b, b_shift_);
    return std::clamp(sum, -32768, 32767);
  }
  void PlanShifts(const PrepareContext& context);

  int32_t sign_;  // of b
  int left_;      // bits of fraction that sums are computed with
  int32_t a_zero_, b_zero_, y_zero_;
  FixedMultiplier a_multiplier_, b_multiplier_, y_multiplier_;
  bool pot_ = false;
  int a_shift_ = 0, b_shift_ = 0;
};

SumOfScaled::SumOfScaled(const PrepareContext& context, bool subtracts)
    : sign_(subtracts ? -1 : 1) {
  const Tensor& a = context.input(0);
  const Tensor& b = context.input(1);
  const Tensor& y = context.output();
  left_ = y.dtype == DType::kInt16 ? 15 : 20;
  a_zero_ = ZeroOf(a);
  b_zero_ = ZeroOf(b);
  y_zero_ = ZeroOf(y);
  const float twice = 2 * std::max(a.quant.scale[0], b.quant.scale[0]);
  // The microcontroller runtime divides for SUB in float32 (specs/ops.md 5.1).
  const bool in_float = subtracts && context.numerics == Numerics::kTflm;
  const auto ratio = [in_float](float scale, float by) {
    return in_float ? double{scale / by} : double{scale} / double{by};
  };
  a_multiplier_ = RatioOfScales(ratio(a.quant.scale[0], twice), a, y);
  b_multiplier_ = RatioOfScales(ratio(b.quant.scale[0], twice), b, y);
  // A power of two times a float: exact.
  const float steps = static_cast<float>(1 << left_) * y.quant.scale[0];
  y_multiplier_ = RatioOfScales(ratio(twice, steps), a, y);
  // Nor does it ever go by shifts.
  if (y.dtype == DType::kInt16 && context.numerics == Numerics::kLiteRt &&
      context.node.Get<&AddAttrs::pot_scale_int16>()) {
    PlanShifts(context);
  }
}

void SumOfScaled::PlanShifts(const PrepareContext& context) {
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

template <bool kSubtracts>
struct SumOrDifference {
  template <class T>
  static T Value(T a, T b) {
    if constexpr (std::is_integral_v<T>) {
      return kSubtracts ? WrappingSubtract(a, b) : WrappingAdd(a, b);
    } else {
      return kSubtracts ? a - b : a + b;
    }
  }
  static float SlopeA(float, float) { return 1.0f; }
  static float SlopeB(float, float) { return kSubtracts ? -1.0f : 1.0f; }
  static constexpr FloatBinary kOnVectors =
      kSubtracts ? FloatBinary::kSubtract : FloatBinary::kAdd;

  class Integer : public SumOfScaled {
   public:
    explicit Integer(const PrepareContext& context)
        : SumOfScaled(context, kSubtracts) {}
  };
};

using Add = SumOrDifference<false>;
using Sub = SumOrDifference<true>;

// ---- a * b and (a - b)^2 --------------------------------------------------

// Integers follow specs/ops.md 5.2.
struct Mul {
  template <class T>
  static T Value(T a, T b) {
    if constexpr (std::is_integral_v<T>) {
      return WrappingMultiply(a, b);
    } else {
      return a * b;
    }
  }
  static float SlopeA(float, float b) { return b; }
  static float SlopeB(float a, float) { return a; }
  static constexpr FloatBinary kOnVectors = FloatBinary::kMultiply;

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
    bool Fill(ScaledBinarySpec* spec) const {
      spec->product = true;
      spec->a_zero = a_zero_, spec->b_zero = b_zero_;
      spec->requantizer.multipliers = {multiplier_};
      spec->requantizer.zero_point = y_zero_;
      return true;
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

// Integers follow specs/ops.md 5.4.
struct SquaredDifference {
  template <class T>
  static T Value(T a, T b) {
    const T d = Sub::Value(a, b);
    return Mul::Value(d, d);
  }
  static float SlopeA(float a, float b) { return 2 * (a - b); }
  static float SlopeB(float a, float b) { return 2 * (b - a); }

  class Integer {
   public:
    explicit Integer(const PrepareContext& context) {
      const Tensor& a = context.input(0);
      const Tensor& b = context.input(1);
      const Tensor& y = context.output();
      left_ = y.dtype == DType::kInt16 ? 0 : 7;
      a_zero_ = ZeroOf(a);
      b_zero_ = ZeroOf(b);
      y_zero_ = ZeroOf(y);
      const double twice = 2 * std::max(a.quant.scale[0], b.quant.scale[0]);
      a_multiplier_ = RatioOfScales(double{a.quant.scale[0]} / twice, a, y);
      b_multiplier_ = RatioOfScales(double{b.quant.scale[0]} / twice, b, y);
      const float steps =
          static_cast<float>(1 << (2 * left_)) * y.quant.scale[0];
      y_multiplier_ = RatioOfScales(twice * twice / double{steps}, a, y);
    }
    // Each input is at most 2^15 after scaling by a half, so their difference
    // has 17 bits; its square wraps, as the reference's does.
    int32_t operator()(int32_t a, int32_t b) const {
      const int32_t d = Mbqm((a - a_zero_) * (1 << left_), a_multiplier_) -
                        Mbqm((b - b_zero_) * (1 << left_), b_multiplier_);
      return WrappingAdd(y_zero_, Mbqm(WrappingMultiply(d, d), y_multiplier_));
    }

   private:
    int left_;  // bits of fraction that differences are computed with
    int32_t a_zero_, b_zero_, y_zero_;
    FixedMultiplier a_multiplier_, b_multiplier_, y_multiplier_;
  };
};

// ---- The larger and the smaller one ---------------------------------------

// Of stored integers: one scale is wanted for all, which runtimes do not check
// (specs/ops.md 5.5).
struct Maximum {
  template <class T>
  static T Value(T a, T b) {
    return a > b ? a : b;
  }
  // TensorFlow gives equal ones' gradient to a.
  static float SlopeA(float a, float b) { return a >= b ? 1.0f : 0.0f; }
  static float SlopeB(float a, float b) { return a >= b ? 0.0f : 1.0f; }
};

struct Minimum {
  template <class T>
  static T Value(T a, T b) {
    return a < b ? a : b;
  }
  static float SlopeA(float a, float b) { return a <= b ? 1.0f : 0.0f; }
  static float SlopeB(float a, float b) { return a <= b ? 0.0f : 1.0f; }
};

// ---- The ops --------------------------------------------------------------

template <class F>
constexpr KernelRow kArithmeticRows[] = {
    kF32Train<F>, kF32Simd<F>, kS8Simd<F>, kS16Simd<F>, kF32Ref<F>, kS8Ref<F>,
    kU8Ref<F>,    kS16Ref<F>,  kI16Ref<F>, kI32Ref<F>,  kI64Ref<F>,
};

// No int16 without scales.
constexpr KernelRow kSubRows[] = {
    kF32Train<Sub>, kF32Simd<Sub>, kS8Simd<Sub>, kS16Simd<Sub>, kF32Ref<Sub>,
    kS8Ref<Sub>,    kU8Ref<Sub>,   kS16Ref<Sub>, kI32Ref<Sub>,  kI64Ref<Sub>,
};

constexpr KernelRow kSquaredDifferenceRows[] = {
    kF32Train<SquaredDifference>, kF32Ref<SquaredDifference>,
    kS8Ref<SquaredDifference>,    kS16Ref<SquaredDifference>,
    kI32Ref<SquaredDifference>,
};

template <class F>
constexpr KernelRow kExtremeRows[] = {
    kF32Train<F>, kF32Ref<F>, kI8Ref<F>,  kPlainU8Ref<F>,
    kI16Ref<F>,   kI32Ref<F>, kI64Ref<F>,
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

int SubVersion(const Graph& graph, const Node& node) {
  const DType dtype = graph.tensor(node.inputs[0]).dtype;
  if (dtype == DType::kInt16 && !node.Get<&AddAttrs::pot_scale_int16>())
    return 5;
  if (dtype == DType::kInt64) return 4;
  if (BroadcastsBeyondFour(graph, node)) return 3;
  return dtype == DType::kInt8 ? 2 : 1;
}

int ExtremeVersion(const Graph& graph, const Node& node) {
  const DType dtype = graph.tensor(node.inputs[0]).dtype;
  if (dtype == DType::kInt16) return 4;
  if (BroadcastsBeyondFour(graph, node)) return 3;
  return dtype == DType::kInt8 ? 2 : 1;
}

int SquaredDifferenceVersion(const Graph& graph, const Node& node) {
  return graph.tensor(node.inputs[0]).dtype == DType::kInt8 ? 2 : 1;
}

template <class F>
bool FillInt16(const PrepareContext& context, ScaledBinarySpec* spec) {
  const IntegerRange range =
      ActivationRange(ActivationOf(context.node), context.output());
  spec->wide = true;
  spec->requantizer.lo = range.lo, spec->requantizer.hi = range.hi;
  return typename F::Integer(context).Fill(spec);
}

}  // namespace

bool FillInt16Binary(const PrepareContext& context, ScaledBinarySpec* spec) {
  const OpDef* op = context.node.op;
  if (op == &kAdd) return FillInt16<Add>(context, spec);
  if (op == &kSub) return FillInt16<Sub>(context, spec);
  return op == &kMul && FillInt16<Mul>(context, spec);
}

const OpDef kAdd = {
    .name = "ADD",
    .summary = "a + b with fused activation",
    .tflite = {.code = 0, .options = 11, .version = AddVersion},
    .attrs = kAttrs<AddAttrs>,
    .operands = kBinaryOperands,
    .infer = InferScaledBinary,
    .rows = kArithmeticRows<Add>,
    .quant = {.output = QuantRule::kOwn},
};

const OpDef kSub = {
    .name = "SUB",
    .summary = "a - b with fused activation",
    .tflite = {.code = 41, .options = 28, .version = SubVersion},
    .attrs = kAttrs<AddAttrs>,
    .operands = kBinaryOperands,
    .infer = InferScaledBinary,
    .rows = kSubRows,
    .quant = {.output = QuantRule::kOwn},
};

const OpDef kMul = {
    .name = "MUL",
    .summary = "a * b with fused activation",
    .tflite = {.code = 18, .options = 21, .version = MulVersion},
    .attrs = kAttrs<MulAttrs>,
    .operands = kBinaryOperands,
    .infer = InferScaledBinary,
    .rows = kArithmeticRows<Mul>,
    .quant = {.output = QuantRule::kOwn},
};

const OpDef kSquaredDifference = {
    .name = "SQUARED_DIFFERENCE",
    .summary = "(a - b)^2",
    .tflite = {.code = 99, .options = 76, .version = SquaredDifferenceVersion},
    .operands = kBinaryOperands,
    .infer = InferScaledBinary,
    .rows = kSquaredDifferenceRows,
    .quant = {.output = QuantRule::kOwn},
};

const OpDef kMaximum = {
    .name = "MAXIMUM",
    .summary = "the larger of a and b",
    .tflite = {.code = 55, .options = 39, .version = ExtremeVersion},
    .operands = kBinaryOperands,
    .infer = InferBinary,
    .rows = kExtremeRows<Maximum>,
    .quant = {.output = QuantRule::kLikeAllInputs},
};

const OpDef kMinimum = {
    .name = "MINIMUM",
    .summary = "the smaller of a and b",
    .tflite = {.code = 57, .options = 39, .version = ExtremeVersion},
    .operands = kBinaryOperands,
    .infer = InferBinary,
    .rows = kExtremeRows<Minimum>,
    .quant = {.output = QuantRule::kLikeAllInputs},
};

}  // namespace litesmith
