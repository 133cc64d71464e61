// The functions of mathematics: every type where they are defined, what is not
// among them where a runtime has a value for it, and gradients.
#include "src/ops/registry.h"
#include "tests/conformance/unary.h"

namespace litesmith {
namespace {

using unary::FillPositive;
using unary::FillQuarters;
using unary::kCurved;
using unary::kNoGradient;
using unary::Numbers;
using unary::Refusal;

const std::vector<DType> kFloats = {DType::kFloat32};

unary::Op Exp() {
  return {
      .op = kExp,
      .name = "exp",
      .numbers =
          {{"f32", DType::kFloat32},
           {"s8", DType::kInt8, PerTensor(0.03f, 20), PerTensor(0.1f, -128)},
           {"s8_coarse", DType::kInt8, PerTensor(0.3f, 0), PerTensor(0.02f, 3)},
           {"s16", DType::kInt16, PerTensor(0.0001f), PerTensor(0.001f)},
           {"s16_coarse", DType::kInt16, PerTensor(0.001f), PerTensor(0.02f)}},
      .tolerance = kCurved,
      .x_size = 4,
      .y_size = 40,
      .tflm = {Refusal::kIntegers, "its EXP is of floats"}};
}

unary::Op Log() {
  return {.op = kLog,
          .name = "log",
          .numbers = {{"f32", DType::kFloat32},
                      {"s8", DType::kInt8, PerTensor(0.1f, -128),
                       PerTensor(0.04f, 20)},
                      {"s8_mixed", DType::kInt8, PerTensor(0.02f, 3),
                       PerTensor(0.03f, 70)},
                      {"s16", DType::kInt16, PerTensor(0.001f),
                       PerTensor(0.0002f)}},
          .fill = FillPositive,
          .tolerance = kCurved,
          .y_size = 4,
          .tflm = {Refusal::kIntegers, "its LOG is of floats"}};
}

// Of what has no negative values.
std::vector<Numbers> Roots() {
  return {
      {"f32", DType::kFloat32},
      {"s8", DType::kInt8, PerTensor(0.1f, -128), PerTensor(0.02f, -100)},
      {"s8_finer", DType::kInt8, PerTensor(0.004f, -128), PerTensor(0.1f, -5)},
      {"s16", DType::kInt16, PerTensor(0.0005f), PerTensor(0.0002f)}};
}

unary::Op Sqrt() {
  return {.op = kSqrt,
          .name = "sqrt",
          .numbers = Roots(),
          .fill = FillPositive,
          .tolerance = kCurved,
          .positive = true,
          .y_size = 4,
          .tflm = {Refusal::kIntegers, "its SQRT is of floats"}};
}

unary::Op Rsqrt() {
  return {.op = kRsqrt,
          .name = "rsqrt",
          .numbers = Roots(),
          .fill = FillPositive,
          .tolerance = kCurved,
          .positive = true,
          .y_size = 4};
}

unary::Op Abs() {
  std::vector<Numbers> numbers =
      unary::Only({DType::kFloat32, DType::kInt8, DType::kInt16});
  for (const Numbers& plain : unary::Plain({DType::kInt16, DType::kInt32}))
    numbers.push_back(plain);
  return {.op = kAbs,
          .name = "abs",
          .numbers = numbers,
          .litert = {Refusal::kPlain,
                     "BUILTIN_REF has no ABS of integers without a scale"},
          .tflm = {Refusal::kInt32, "its ABS has no int32"}};
}

unary::Op Neg() {
  return {.op = kNeg,
          .name = "neg",
          .numbers = unary::Plain({DType::kFloat32, DType::kInt8, DType::kInt16,
                                   DType::kInt32, DType::kInt64}),
          .tflm = {Refusal::kIntegers, "its NEG is of floats"}};
}

unary::Op Sign() {
  return {.op = kSign,
          .name = "sign",
          .numbers = unary::Plain({DType::kFloat32, DType::kInt32}),
          .fill = FillQuarters,
          .tolerance = kNoGradient,
          .tflm = {Refusal::kAllTypes, "it has no SIGN"}};
}

unary::Op ZerosLike() {
  return {
      .op = kZerosLike,
      .name = "zeros_like",
      .numbers = unary::Plain({DType::kFloat32, DType::kInt32, DType::kInt64}),
      .tolerance = kNoGradient};
}

// Of floats alone.
unary::Op OfFloats(const OpDef& op, const char* name) {
  return {.op = op,
          .name = name,
          .numbers = unary::Plain(kFloats),
          .tolerance = kCurved};
}

unary::Op Rounding(const OpDef& op, const char* name,
                   const Refusal& litert = {}) {
  return {.op = op,
          .name = name,
          .numbers = unary::Plain(kFloats),
          .fill = FillQuarters,
          .tolerance = kNoGradient,
          .litert = litert};
}

unary::Op Floor() { return Rounding(kFloor, "floor"); }
unary::Op Ceil() {
  return Rounding(kCeil, "ceil",
                  {Refusal::kAllTypes, "BUILTIN_REF has no CEIL"});
}
unary::Op Round() {
  return Rounding(kRound, "round",
                  {Refusal::kAllTypes, "BUILTIN_REF has no ROUND"});
}

}  // namespace

std::vector<Case> ExpCases() { return unary::Cases(Exp()); }
std::vector<RandomKind> ExpRandom() { return unary::Kinds(Exp()); }

std::vector<Case> LogCases() { return unary::Cases(Log()); }
std::vector<RandomKind> LogRandom() {
  unary::Op op = Log();
  std::vector<RandomKind> kinds = unary::Kinds(op);
  op.positive = true;  // floats have no logarithm of others
  kinds[0] = unary::Kinds(op)[0];
  return kinds;
}

std::vector<Case> SqrtCases() { return unary::Cases(Sqrt()); }
std::vector<RandomKind> SqrtRandom() { return unary::Kinds(Sqrt()); }

std::vector<Case> RsqrtCases() { return unary::Cases(Rsqrt()); }
std::vector<RandomKind> RsqrtRandom() { return unary::Kinds(Rsqrt()); }

std::vector<Case> AbsCases() { return unary::Cases(Abs()); }
std::vector<RandomKind> AbsRandom() { return unary::Kinds(Abs()); }

std::vector<Case> NegCases() { return unary::Cases(Neg()); }
std::vector<RandomKind> NegRandom() { return unary::Kinds(Neg()); }

std::vector<Case> SignCases() { return unary::Cases(Sign()); }
std::vector<RandomKind> SignRandom() { return unary::Kinds(Sign()); }

std::vector<Case> ZerosLikeCases() { return unary::Cases(ZerosLike()); }
std::vector<RandomKind> ZerosLikeRandom() { return unary::Kinds(ZerosLike()); }

std::vector<Case> SquareCases() {
  return unary::Cases(OfFloats(kSquare, "square"));
}
std::vector<RandomKind> SquareRandom() {
  return unary::Kinds(OfFloats(kSquare, "square"));
}

std::vector<Case> SinCases() { return unary::Cases(OfFloats(kSin, "sin")); }
std::vector<RandomKind> SinRandom() {
  return unary::Kinds(OfFloats(kSin, "sin"));
}

std::vector<Case> CosCases() { return unary::Cases(OfFloats(kCos, "cos")); }
std::vector<RandomKind> CosRandom() {
  return unary::Kinds(OfFloats(kCos, "cos"));
}

std::vector<Case> FloorCases() { return unary::Cases(Floor()); }
std::vector<RandomKind> FloorRandom() { return unary::Kinds(Floor()); }

std::vector<Case> CeilCases() { return unary::Cases(Ceil()); }
std::vector<RandomKind> CeilRandom() { return unary::Kinds(Ceil()); }

std::vector<Case> RoundCases() { return unary::Cases(Round()); }
std::vector<RandomKind> RoundRandom() { return unary::Kinds(Round()); }

}  // namespace litesmith
