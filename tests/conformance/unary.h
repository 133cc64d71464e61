// Cases and random kinds of ops of one input, from a few words about each.
#ifndef LITESMITH_TESTS_CONFORMANCE_UNARY_H_
#define LITESMITH_TESTS_CONFORMANCE_UNARY_H_

#include <string>
#include <vector>

#include "tests/conformance/case.h"
#include "tests/conformance/graph_builder.h"

namespace litesmith::unary {

// The numbers of a case.
struct Numbers {
  const char* name;
  DType dtype;
  Quantization x = {};
  Quantization y = {};
};

// Floats, integers of every type with scales.
std::vector<Numbers> AllNumbers();
// Those of these types.
std::vector<Numbers> Only(const std::vector<DType>& types,
                          const std::vector<Numbers>& all = AllNumbers());
// Numbers without scales.
std::vector<Numbers> Plain(const std::vector<DType>& types);
// For an op whose outputs have one scale.
std::vector<Numbers> WithOutputsOf(const OpDef& op);

// What a runtime does not have of an op: kPlain are integers without scales.
struct Refusal {
  enum Of { kNothing, kAllTypes, kIntegers, kPlain, kInt32 } of = kNothing;
  std::string why;

  std::string Why(const Numbers& numbers) const;
};

// Odd multiples of 1/16 in (-8, 8): no kink is nearer than that.
void FillBesideKinks(Rng* rng, std::span<float> values);
// 1 to 9.
void FillPositive(Rng* rng, std::span<float> values);
// Quarters: halves are ties of rounding.
void FillQuarters(Rng* rng, std::span<float> values);

// Tolerances of slopes: central differences at 1/16 of what is not linear; an
// op without a gradient.
inline constexpr double kCurved = 5e-3;
inline constexpr double kNoGradient = -1;

struct Op {
  const OpDef& op;
  std::string name = {};  // the cases'
  std::vector<Numbers> numbers = AllNumbers();
  void (*fill)(Rng*, std::span<float>) = FillBesideKinks;
  double tolerance = 0;  // of slopes
  // Attributes; `rng` is null where they are the case's.
  void (*set)(Node* node, Rng* rng) = nullptr;
  // Behind ABS, that inputs have no negative values.
  bool positive = false;
  // The largest value of random kinds, of inputs and outputs, about.
  float x_size = 12;
  float y_size = 12;
  Refusal litert = {};
  Refusal tflm = {};
};

Case CaseOf(const Op& op, const std::string& name, const Numbers& numbers,
            const std::vector<int32_t>& shape);
// Each of the op's numbers, one of each type to be timed, and a gradient.
std::vector<Case> Cases(const Op& op);
// One of each type.
std::vector<RandomKind> Kinds(const Op& op);

}  // namespace litesmith::unary

#endif  // LITESMITH_TESTS_CONFORMANCE_UNARY_H_
