// DIV, FLOOR_DIV, FLOOR_MOD and POW. Run never fails: an integer divided by
// zero is zero, where LiteRT refuses the call.
#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <type_traits>

#include "src/kernels/common/fixed_exp.h"
#include "src/ops/map/binary.h"
#include "src/ops/map/binary_kernels.h"
#include "src/ops/map/elementwise.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

// Rounds toward zero. The smallest integer by -1 wraps.
template <class T>
T Quotient(T a, T b) {
  if (b == 0) return 0;
  return b == -1 ? WrappingSubtract(T{0}, a) : static_cast<T>(a / b);
}

// ---- a / b ----------------------------------------------------------------

struct Div {
  template <class T>
  static T Value(T a, T b) {
    if constexpr (std::is_integral_v<T>) {
      return Quotient(a, b);
    } else {
      return a / b;
    }
  }
  static float SlopeA(float, float b) { return 1 / b; }
  static float SlopeB(float a, float b) { return -a / (b * b); }

  // Of 8-bit and 16-bit values with scales; follows specs/ops.md 5.3.
  class Integer {
   public:
    explicit Integer(const PrepareContext& context)
        : a_zero_(ZeroOf(context.input(0))),
          b_zero_(ZeroOf(context.input(1))),
          y_zero_(ZeroOf(context.output())),
          multiplier_(RatioOfScales(Ratio(context), context.input(0),
                                    context.output())) {}
    int32_t operator()(int32_t a, int32_t b) const {
      int32_t u = a - a_zero_;
      int32_t v = b - b_zero_;
      if (v == 0) return y_zero_;
      if (v < 0) u = -u, v = -v;
      // 1 / v as a fraction times 2^-(31 - bits), and u with all its bits.
      const int bits = std::countl_zero(static_cast<uint32_t>(v));
      const auto fraction = static_cast<int32_t>(
          (static_cast<uint32_t>(v) << bits) - (uint32_t{1} << 31));
      const int head = SpareBits(u);
      const auto wide = static_cast<int32_t>(static_cast<uint32_t>(u) << head);
      const int32_t quotient =
          RoundingDoublingHighMul(wide, FixedInverseOfOnePlus(fraction));
      const int32_t scaled =
          RoundingDoublingHighMul(quotient, multiplier_.value);
      return Shifted(scaled, 31 - bits + head - multiplier_.shift);
    }

   private:
    // tflite-micro's is one of doubles, as of MUL (measured).
    static double Ratio(const PrepareContext& context) {
      const float a = context.input(0).quant.scale[0];
      const float b = context.input(1).quant.scale[0];
      const float y = context.output().quant.scale[0];
      return context.numerics == Numerics::kTflm
                 ? double{a} / (double{b} * double{y})
                 : double{a / (b * y)};
    }
    // How often a value can be doubled in 32 bits.
    static int SpareBits(int32_t u) {
      return std::countl_zero(static_cast<uint32_t>(u < 0 ? ~u : u)) - 1;
    }
    // scaled / 2^by, far from overflow. Beyond 31 bits nothing is left, where
    // the runtimes' shift is undefined.
    int32_t Shifted(int32_t scaled, int by) const {
      if (by > 31) return y_zero_;
      if (by >= 0) return y_zero_ + RoundingDivideByPot(scaled, by);
      const int64_t large = int64_t{scaled} << std::min(-by, 31);
      constexpr int64_t kFar = 1 << 30;
      return y_zero_ + static_cast<int32_t>(std::clamp(large, -kFar, kFar));
    }

    int32_t a_zero_, b_zero_, y_zero_;
    FixedMultiplier multiplier_;
  };
};

// ---- Rounded down, and what is left then ----------------------------------

struct FloorDiv {
  template <class T>
  static T Value(T a, T b) {
    if constexpr (std::is_integral_v<T>) {
      const T quotient = Quotient(a, b);
      const bool inexact = b != 0 && b != -1 && a % b != 0;
      return inexact && (a < 0) != (b < 0) ? static_cast<T>(quotient - 1)
                                           : quotient;
    } else {  // as the reference does, in double
      return static_cast<T>(
          std::floor(static_cast<double>(a) / static_cast<double>(b)));
    }
  }
};

struct FloorMod {
  template <class T>
  static T Value(T a, T b) {
    T rest;
    if constexpr (std::is_integral_v<T>) {
      if (b == 0 || b == -1) return 0;
      rest = static_cast<T>(a % b);
    } else {
      rest = std::fmod(a, b);
    }
    return rest != 0 && (b < 0) != (rest < 0) ? static_cast<T>(rest + b) : rest;
  }
};

// ---- a^b ------------------------------------------------------------------

// By squaring, the exponent's bits from the top.
template <class T, class Multiply>
T IntegerPower(T a, int32_t b, const Multiply& multiply) {
  if (b == 1) return a;
  const T half = IntegerPower(a, b / 2, multiply);
  const T even = multiply(half, half);
  return b % 2 == 1 ? multiply(a, even) : even;
}

struct Pow {
  // Wraps. Of a negative exponent, which LiteRT refuses, the quotient of 1
  // rounded toward zero.
  static int32_t Value(int32_t a, int32_t b) {
    if (b == 0) return 1;
    if (b < 0) return a == 1 ? 1 : a == -1 ? (b % 2 == 0 ? 1 : -1) : 0;
    return IntegerPower(a, b, WrappingMultiply<int32_t>);
  }
};

// Of floats, as TensorFlow has the slopes: none by b where the logarithm is no
// number.
struct RealPow {
  static float Value(float a, float b) { return std::pow(a, b); }
  static float SlopeA(float a, float b) { return b * std::pow(a, b - 1); }
  static float SlopeB(float a, float b) {
    return a > 0 ? std::pow(a, b) * std::log(a) : 0.0f;
  }
};

// Follows optimized_ops::BroadcastPow4D, LiteRT's only kernel: one exponent for
// all is a chain of products if it is an integer.
class PowF32 : public Kernel {
 public:
  explicit PowF32(const PrepareContext& context)
      : walk_(context),
        one_exponent_(context.input(1).shape.NumElements() == 1 &&
                      !(context.input(0).shape == context.input(1).shape)) {}
  void Run(const KernelArgs& args) const override {
    const auto* b = args.in<float>(1);
    const int32_t integer = one_exponent_ ? Integer(*b) : 0;
    const auto run = [&](const auto& f) {
      kernels::Binary(walk_.plan(), walk_.first(args.batch), args.in<float>(0),
                      b, args.out<float>(), f);
    };
    if (integer >= 1) {
      run([integer](float x, float) {
        return IntegerPower(x, integer, [](float u, float v) {
          constexpr kernels::FloatRange kAll;
          return std::min(std::max(u * v, kAll.low), kAll.high);
        });
      });
    } else {
      run([](float x, float y) { return std::pow(x, y); });
    }
  }

 private:
  // The integer that the exponent is but for 1e-5; 0: none from 1 on.
  static int32_t Integer(float exponent) {
    const float rounded = std::round(exponent);
    const bool near = std::abs(exponent - rounded) < 1e-5f;
    return near && rounded >= 1 && rounded < 2147483648.0f
               ? static_cast<int32_t>(rounded)
               : 0;
  }

  BinaryWalk walk_;
  bool one_exponent_;
};

class PowF32Train final : public BinaryF32<RealPow> {
 public:
  explicit PowF32Train(const PrepareContext& context)
      : BinaryF32(context), forward_(context) {}
  void Run(const KernelArgs& args) const override { forward_.Run(args); }

 private:
  PowF32 forward_;
};

// ---- The ops --------------------------------------------------------------

constexpr KernelRow kDivRows[] = {
    kF32Train<Div>, kF32Ref<Div>, kS8Ref<Div>,
    kU8Ref<Div>,    kS16Ref<Div>, kI32Ref<Div>,
};

constexpr KernelRow kFloorDivRows[] = {
    kPlainF32Ref<FloorDiv>,
    kI8Ref<FloorDiv>,
    kI16Ref<FloorDiv>,
    kI32Ref<FloorDiv>,
};

constexpr KernelRow kFloorModRows[] = {
    kPlainF32Ref<FloorMod>, kI8Ref<FloorMod>,  kI16Ref<FloorMod>,
    kI32Ref<FloorMod>,      kI64Ref<FloorMod>,
};

constexpr KernelRow kPowRows[] = {
    {"F32Train", Purpose::kTrain, {DType::kFloat32}, MakeKernel<PowF32Train>},
    {"F32Ref", Purpose::kReference, {DType::kFloat32}, MakeKernel<PowF32>},
    kI32Ref<Pow>,
};

int DivVersion(const Graph& graph, const Node& node) {
  return BroadcastsBeyondFour(graph, node) ? 2 : 1;
}

bool IsShort(DType dtype) {
  return dtype == DType::kInt8 || dtype == DType::kInt16;
}

int FloorDivVersion(const Graph& graph, const Node& node) {
  const DType dtype = graph.tensor(node.inputs[0]).dtype;
  return IsShort(dtype) ? 3 : dtype == DType::kFloat32 ? 2 : 1;
}

int FloorModVersion(const Graph& graph, const Node& node) {
  return IsShort(graph.tensor(node.inputs[0]).dtype) ? 2 : 1;
}

}  // namespace

const OpDef kDiv = {
    .name = "DIV",
    .summary = "a / b with fused activation",
    .tflite = {.code = 42, .options = 29, .version = DivVersion},
    .attrs = kAttrs<MulAttrs>,
    .operands = kBinaryOperands,
    .infer = InferScaledBinary,
    .rows = kDivRows,
};

const OpDef kFloorDiv = {
    .name = "FLOOR_DIV",
    .summary = "a / b rounded down",
    .tflite = {.code = 90, .options = 65, .version = FloorDivVersion},
    .operands = kBinaryOperands,
    .infer = InferBinary,
    .rows = kFloorDivRows,
};

const OpDef kFloorMod = {
    .name = "FLOOR_MOD",
    .summary = "what FLOOR_DIV leaves of a, with the sign of b",
    .tflite = {.code = 95, .options = 72, .version = FloorModVersion},
    .operands = kBinaryOperands,
    .infer = InferBinary,
    .rows = kFloorModRows,
};

const OpDef kPow = {
    .name = "POW",
    .summary = "a to the power of b",
    .tflite = {.code = 78, .options = 56},
    .operands = kBinaryOperands,
    .infer = InferBinary,
    .rows = kPowRows,
};

}  // namespace litesmith
