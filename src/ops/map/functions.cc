// The functions of mathematics: exponentials, roots, signs, roundings. unary.h
// says what such a struct is. Integers follow specs/ops.md 7.
#include <cmath>
#include <limits>
#include <type_traits>

#include "src/kernels/common/fixed_inverse_sqrt.h"
#include "src/ops/checks.h"
#include "src/ops/map/unary.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

// ---- Exponentials and roots -----------------------------------------------

struct Exp {
  static float Value(float x) { return std::exp(x); }
  static float Slope(float, float y) { return y; }
  using Integer = unary::Rounded<Exp>;
};

struct Log {
  static float Value(float x) { return std::log(x); }
  static float Slope(float x, float) { return 1.0f / x; }

  // The output's lowest number where there is no logarithm.
  class OrLowest {
   public:
    explicit OrLowest(const PrepareContext& context) {
      const Tensor& out = context.output();
      lowest_ =
          static_cast<float>(ActivationRange(kNone, out).lo - ZeroOf(out)) *
          out.quant.scale[0];
    }
    float Value(float x) const { return x <= 0 ? lowest_ : std::log(x); }

   private:
    float lowest_;
  };
  using Integer = unary::Rounded<OrLowest>;
};

// Integers are cut off, not rounded. A negative one has no root, and LiteRT
// gives up; here it is as zero.
struct Sqrt {
  static float Value(float x) { return std::sqrt(x); }
  static float Slope(float, float y) { return 0.5f / y; }

  class Integer {
   public:
    explicit Integer(const PrepareContext& context)
        : x_{context.input(0).quant.scale[0], ZeroOf(context.input(0))},
          scale_(context.output().quant.scale[0]),
          zero_(ZeroOf(context.output())),
          range_(ActivationRange(kNone, context.output())) {}
    int32_t operator()(int32_t x) const {
      const float root = std::sqrt(std::max(x_(x), 0.0f));
      const float steps = std::trunc(root / scale_);
      return unary::Truncated(steps + static_cast<float>(zero_), range_);
    }

   private:
    Grid<float> x_;
    float scale_;
    int32_t zero_;
    IntegerRange range_;
  };
};

// Integers of what is not positive give the output's largest number.
struct Rsqrt {
  static float Value(float x) { return 1.0f / std::sqrt(x); }
  static float Slope(float x, float y) { return -0.5f * y / x; }

  class OrLargest {
   public:
    explicit OrLargest(const PrepareContext& context)
        : largest_(32767 * context.output().quant.scale[0]) {}
    float Value(float x) const { return x <= 0 ? largest_ : Rsqrt::Value(x); }

   private:
    float largest_;
  };

  // LiteRT has a table for 16 bits, tflite-micro the same arithmetic as for 8.
  class Integer {
   public:
    explicit Integer(const PrepareContext& context)
        : by_table_(context.input(0).dtype == DType::kInt16 &&
                    context.numerics == Numerics::kLiteRt),
          table_(context),
          x_zero_(ZeroOf(context.input(0))),
          y_zero_(ZeroOf(context.output())),
          range_(ActivationRange(kNone, context.output())) {
      const float x = context.input(0).quant.scale[0];
      const float y = context.output().quant.scale[0];
      const double scale = context.numerics == Numerics::kTflm
                               ? std::sqrt(double{x}) * double{y}
                               : double{std::sqrt(x) * y};
      multiplier_ =
          RatioOfScales(1 / scale, context.input(0), context.output());
      multiplier_.shift -= kFraction;
      if (multiplier_.shift < -31) multiplier_ = {};  // less than a step
    }
    int32_t operator()(int32_t x) const {
      if (by_table_) return table_(x);
      if (x <= x_zero_) return range_.hi;
      FixedMultiplier root = FixedInverseSqrt(x - x_zero_);
      root.shift += kFraction;
      return std::clamp(Mbqm(Mbqm(1, root), multiplier_) + y_zero_, range_.lo,
                        range_.hi);
    }

   private:
    static constexpr int kFraction = 20;  // bits
    bool by_table_;
    unary::Rounded<OrLargest> table_;
    int32_t x_zero_, y_zero_;
    FixedMultiplier multiplier_;
    IntegerRange range_;
  };
};

struct Sin {
  static float Value(float x) { return std::sin(x); }
  static float Slope(float x, float) { return std::cos(x); }
};

struct Cos {
  static float Value(float x) { return std::cos(x); }
  static float Slope(float x, float) { return -std::sin(x); }
};

// ---- Signs ----------------------------------------------------------------

// The least integer stays itself.
struct Neg {
  template <class T>
  static T Value(T x) {
    if constexpr (std::is_integral_v<T>) {
      return static_cast<T>(0 - static_cast<std::make_unsigned_t<T>>(x));
    } else {
      return -x;
    }
  }
  static float Slope(float, float) { return -1.0f; }
};

struct Abs {
  template <class T>
  static T Value(T x) {
    if constexpr (std::is_integral_v<T>) {
      return x < 0 ? Neg::Value(x) : x;
    } else {
      return std::abs(x);
    }
  }
  static float Slope(float x, float) {
    return x > 0 ? 1.0f : x < 0 ? -1.0f : 0;
  }

  class Integer {
   public:
    explicit Integer(const PrepareContext& context)
        : x_zero_(ZeroOf(context.input(0))),
          y_zero_(ZeroOf(context.output())),
          multiplier_(
              context.numerics == Numerics::kTflm
                  ? RatioOfScales(double{context.input(0).quant.scale[0]} /
                                      double{context.output().quant.scale[0]},
                                  context.input(0), context.output())
                  : RatioOfScales(context.input(0), context.output())),
          range_(ActivationRange(kNone, context.output())) {}
    int32_t operator()(int32_t x) const {
      const int32_t size = x < x_zero_ ? x_zero_ - x : x - x_zero_;
      return std::clamp(Mbqm(size, multiplier_) + y_zero_, range_.lo,
                        range_.hi);
    }

   private:
    int32_t x_zero_, y_zero_;
    FixedMultiplier multiplier_;
    IntegerRange range_;
  };
};

struct Square {
  static float Value(float x) { return x * x; }
  static float Slope(float x, float) { return 2.0f * x; }
};

// -1, 0 or 1; NaN stays.
struct Sign {
  template <class T>
  static T Value(T x) {
    if (x > 0) return 1;
    if (x < 0) return -1;
    return x == 0 ? T{0} : x;
  }
};

struct ZerosLike {
  template <class T>
  static T Value(T) {
    return 0;
  }
};

// ---- Roundings ------------------------------------------------------------

struct Floor {
  static float Value(float x) { return std::floor(x); }
};

struct Ceil {
  static float Value(float x) { return std::ceil(x); }
};

// Halves to the even neighbour.
struct Round {
  static float Value(float x) { return std::nearbyint(x) + 0.0f; }  // no -0
};

// ---- The ops --------------------------------------------------------------

// 16-bit integers without scales are numbers.
bool HasScales(const PrepareContext& c) { return !c.input(0).quant.empty(); }

constexpr KernelRow With(KernelRow row, bool (*fits)(const PrepareContext&)) {
  row.fits = fits;
  return row;
}

constexpr KernelRow kAbsRows[] = {
    unary::kTrain<Abs>,
    unary::kS8Fast<Abs>,
    unary::kF32<Abs>,
    unary::kS8<Abs>,
    With(unary::kS16<Abs>, HasScales),
    unary::PlainRow<Abs, int16_t>("I16Ref"),
    unary::PlainRow<Abs, int32_t>("I32Ref"),
};

void InferAbs(Graph* graph, const Node& node) {
  const Tensor& x = graph->tensor(node.inputs[0]);
  const Tensor& out = graph->tensor(node.outputs[0]);
  const bool plain =
      x.dtype == DType::kInt32 ||
      (x.dtype == DType::kInt16 && x.quant.empty() && out.quant.empty());
  (plain ? unary::InferPlain : unary::Infer)(graph, node);
}

int AbsVersion(const Graph& graph, const Node& node) {
  const Tensor& x = graph.tensor(node.inputs[0]);
  if (x.dtype == DType::kInt32) return 5;
  if (x.dtype == DType::kInt16) return x.quant.empty() ? 4 : 3;
  return unary::VersionOfIntegers(graph, node);
}

// Raw integers: LiteRT does not look at their scales.
constexpr KernelRow kNegRows[] = {
    unary::kTrain<Neg>,
    unary::kF32<Neg>,
    unary::PlainRow<Neg, int8_t>("I8Ref"),
    unary::PlainRow<Neg, int16_t>("I16Ref"),
    unary::PlainRow<Neg, int32_t>("I32Ref"),
    unary::PlainRow<Neg, int64_t>("I64Ref"),
};

constexpr KernelRow kSignRows[] = {unary::PlainRow<Sign, float>("F32Ref"),
                                   unary::PlainRow<Sign, int32_t>("I32Ref")};

constexpr KernelRow kZerosLikeRows[] = {
    unary::PlainRow<ZerosLike, float>("F32Ref"),
    unary::PlainRow<ZerosLike, int32_t>("I32Ref"),
    unary::PlainRow<ZerosLike, int64_t>("I64Ref"),
};

template <class F>
constexpr KernelRow kRoundingRows[] = {unary::PlainRow<F, float>("F32Ref")};

int SignVersion(const Graph& graph, const Node& node) {
  return graph.tensor(node.inputs[0]).dtype == DType::kInt32 ? 2 : 1;
}

}  // namespace

const OpDef kExp = {
    .name = "EXP",
    .summary = "e^x",
    .tflite = {.code = 47, .options = 33, .version = unary::VersionOfIntegers},
    .operands = unary::kOperands,
    .infer = unary::Infer,
    .rows = unary::kSignedRows<Exp>,
    .quant = {.output = QuantRule::kOwn},
};

const OpDef kLog = {
    .name = "LOG",
    .summary = "natural logarithm",
    .tflite = {.code = 73, .version = unary::VersionOfIntegers},
    .operands = unary::kOperands,
    .infer = unary::Infer,
    .rows = unary::kSignedRows<Log>,
    .quant = {.output = QuantRule::kOwn},
};

const OpDef kSqrt = {
    .name = "SQRT",
    .summary = "square root",
    .tflite = {.code = 75, .version = unary::VersionOfIntegers},
    .operands = unary::kOperands,
    .infer = unary::Infer,
    .rows = unary::kSignedRows<Sqrt>,
};

const OpDef kRsqrt = {
    .name = "RSQRT",
    .summary = "1 / square root",
    .tflite = {.code = 76, .version = ElementwiseVersion},
    .operands = unary::kOperands,
    .infer = unary::Infer,
    .rows = unary::kSignedRows<Rsqrt>,
    .quant = {.output = QuantRule::kOwn},
};

const OpDef kAbs = {
    .name = "ABS",
    .summary = "x without its sign",
    .tflite = {.code = 101, .options = 78, .version = AbsVersion},
    .operands = unary::kOperands,
    .infer = InferAbs,
    .rows = kAbsRows,
    .quant = {.output = QuantRule::kOwn},
};

const OpDef kNeg = {
    .name = "NEG",
    .summary = "-x",
    .tflite = {.code = 59, .options = 42},
    .operands = unary::kOperands,
    .infer = unary::InferPlain,
    .rows = kNegRows,
};

const OpDef kSquare = {
    .name = "SQUARE",
    .summary = "x times x",
    .tflite = {.code = 92, .options = 66},
    .operands = unary::kOperands,
    .infer = unary::InferPlain,
    .rows = unary::kFloatRows<Square>,
};

const OpDef kSin = {
    .name = "SIN",
    .summary = "sine",
    .tflite = {.code = 66},
    .operands = unary::kOperands,
    .infer = unary::InferPlain,
    .rows = unary::kFloatRows<Sin>,
};

const OpDef kCos = {
    .name = "COS",
    .summary = "cosine",
    .tflite = {.code = 108, .options = 84},
    .operands = unary::kOperands,
    .infer = unary::InferPlain,
    .rows = unary::kFloatRows<Cos>,
};

const OpDef kFloor = {
    .name = "FLOOR",
    .summary = "the next integer below",
    .tflite = {.code = 8},
    .operands = unary::kOperands,
    .infer = unary::InferPlain,
    .rows = kRoundingRows<Floor>,
};

const OpDef kCeil = {
    .name = "CEIL",
    .summary = "the next integer above",
    .tflite = {.code = 104},
    .operands = unary::kOperands,
    .infer = unary::InferPlain,
    .rows = kRoundingRows<Ceil>,
};

const OpDef kRound = {
    .name = "ROUND",
    .summary = "the nearest integer, halves to the even one",
    .tflite = {.code = 116},
    .operands = unary::kOperands,
    .infer = unary::InferPlain,
    .rows = kRoundingRows<Round>,
};

const OpDef kSign = {
    .name = "SIGN",
    .summary = "-1, 0 or 1",
    .tflite = {.code = 158, .version = SignVersion},
    .operands = unary::kOperands,
    .infer = unary::InferPlain,
    .rows = kSignRows,
};

const OpDef kZerosLike = {
    .name = "ZEROS_LIKE",
    .summary = "zeros of the input's shape",
    .tflite = {.code = 93, .options = 67},
    .operands = unary::kOperands,
    .infer = unary::InferPlain,
    .rows = kZerosLikeRows,
};

}  // namespace litesmith
