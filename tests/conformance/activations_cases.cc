// The activation functions: every type over values on both sides of their
// kinks, and gradients.
#include "src/ops/map/activations.h"
#include "src/ops/registry.h"
#include "tests/conformance/random.h"
#include "tests/conformance/unary.h"

namespace litesmith {
namespace {

using unary::kCurved;
using unary::Refusal;

const std::vector<DType> k8Bit = {DType::kFloat32, DType::kInt8, DType::kUInt8};

unary::Op ReluN1To1() {
  return {.op = kReluN1To1,
          .name = "relu_n1_to_1",
          .numbers = unary::Only(k8Bit),
          .tflm = {Refusal::kAllTypes, "it has no RELU_N1_TO_1"}};
}

unary::Op Relu0To1() {
  return {.op = kRelu0To1,
          .name = "relu_0_to_1",
          .numbers = unary::Only(k8Bit),
          .tflm = {Refusal::kAllTypes, "it has no RELU_0_TO_1"}};
}

unary::Op LeakyRelu(const char* name, void (*set)(Node*, Rng*)) {
  return {.op = kLeakyRelu, .name = name, .set = set};
}

unary::Op Logistic() {
  return {.op = kLogistic,
          .name = "logistic",
          .numbers = unary::WithOutputsOf(kLogistic),
          .tolerance = kCurved};
}

unary::Op Tanh() {
  return {.op = kTanh,
          .name = "tanh",
          .numbers = unary::WithOutputsOf(kTanh),
          .tolerance = kCurved};
}

unary::Op HardSwish() {
  return {.op = kHardSwish,
          .name = "hard_swish",
          .numbers = unary::Only(k8Bit),
          .tolerance = kCurved};
}

unary::Op Elu() {
  return {.op = kElu,
          .name = "elu",
          .numbers = unary::Only({DType::kFloat32, DType::kInt8}),
          .tolerance = kCurved,
          .litert = {Refusal::kAllTypes, "BUILTIN_REF has no ELU"}};
}

unary::Op Gelu(const char* name, void (*set)(Node*, Rng*)) {
  return {.op = kGelu,
          .name = name,
          .tolerance = kCurved,
          .set = set,
          .tflm = {Refusal::kAllTypes, "it has no GELU"}};
}

}  // namespace

std::vector<Case> ReluCases() {
  return unary::Cases({.op = kRelu, .name = "relu"});
}
std::vector<RandomKind> ReluRandom() { return unary::Kinds({.op = kRelu}); }

std::vector<Case> Relu6Cases() {
  return unary::Cases({.op = kRelu6, .name = "relu6"});
}
std::vector<RandomKind> Relu6Random() { return unary::Kinds({.op = kRelu6}); }

std::vector<Case> ReluN1To1Cases() { return unary::Cases(ReluN1To1()); }
std::vector<RandomKind> ReluN1To1Random() { return unary::Kinds(ReluN1To1()); }

std::vector<Case> Relu0To1Cases() { return unary::Cases(Relu0To1()); }
std::vector<RandomKind> Relu0To1Random() { return unary::Kinds(Relu0To1()); }

std::vector<Case> LeakyReluCases() {
  std::vector<Case> cases =
      unary::Cases(LeakyRelu("leaky_relu", [](Node* node, Rng*) {
        node->Set<&LeakyReluAttrs::alpha>(0.25f);
      }));
  const auto add = [&](const char* name, void (*set)(Node*, Rng*)) {
    for (const unary::Numbers& numbers : unary::Only({DType::kInt8}))
      cases.push_back(
          unary::CaseOf(LeakyRelu(name, set), numbers.name, numbers, {5, 77}));
  };
  add("leaky_relu_falling",
      [](Node* node, Rng*) { node->Set<&LeakyReluAttrs::alpha>(-0.3f); });
  add("leaky_relu_steep",
      [](Node* node, Rng*) { node->Set<&LeakyReluAttrs::alpha>(3.0f); });
  return cases;
}
std::vector<RandomKind> LeakyReluRandom() {
  return unary::Kinds(LeakyRelu("", [](Node* node, Rng* rng) {
    node->Set<&LeakyReluAttrs::alpha>(rng->Uniform(-2, 2));
  }));
}

std::vector<Case> LogisticCases() { return unary::Cases(Logistic()); }
std::vector<RandomKind> LogisticRandom() { return unary::Kinds(Logistic()); }

std::vector<Case> TanhCases() { return unary::Cases(Tanh()); }
std::vector<RandomKind> TanhRandom() { return unary::Kinds(Tanh()); }

std::vector<Case> HardSwishCases() { return unary::Cases(HardSwish()); }
std::vector<RandomKind> HardSwishRandom() { return unary::Kinds(HardSwish()); }

// LiteRT computes these floats by functions of its own, as far from libm's as
// sums are from ours.
static std::vector<Case> WithFunctionsOfItsOwn(std::vector<Case> cases) {
  for (Case& c : cases) c.own_functions = true;
  return cases;
}

std::vector<Case> EluCases() {
  return WithFunctionsOfItsOwn(unary::Cases(Elu()));
}
std::vector<RandomKind> EluRandom() { return unary::Kinds(Elu()); }

std::vector<Case> GeluCases() {
  std::vector<Case> cases = unary::Cases(Gelu("gelu", nullptr));
  for (Case& c : unary::Cases(Gelu("gelu_approximate", [](Node*node, Rng*) {
         node->Set<&GeluAttrs::approximate>(true);
       }))) {
    if (!c.timed) cases.push_back(std::move(c));
  }
  return WithFunctionsOfItsOwn(std::move(cases));
}
std::vector<RandomKind> GeluRandom() {
  return unary::Kinds(Gelu("", [](Node* node, Rng* rng) {
    node->Set<&GeluAttrs::approximate>(Coin(rng));
  }));
}

}  // namespace litesmith
