// SVDF and UNIDIRECTIONAL_SEQUENCE_RNN in every type.
#include <fmt/core.h>

#include "src/ops/recurrent/recurrent.h"
#include "src/ops/registry.h"
#include "tests/conformance/case.h"
#include "tests/conformance/random.h"
#include "tests/conformance/recurrent_cases.h"

namespace litesmith {
namespace {

enum class Kind { kF32, kSymmetric, kAsymmetric, kS8, kS8State8 };

struct Numbers {
  const char* name;
  Kind kind;
  bool integer() const { return kind == Kind::kS8 || kind == Kind::kS8State8; }
  bool hybrid() const {
    return kind == Kind::kSymmetric || kind == Kind::kAsymmetric;
  }
};
const Numbers kNumbers[] = {
    {"f32", Kind::kF32},
    {"f32s8", Kind::kSymmetric},
    {"f32s8_asymmetric", Kind::kAsymmetric},
    {"s8", Kind::kS8},
    {"s8_state8", Kind::kS8State8},
};

TensorId FloatBias(GraphBuilder* build, int n) {
  return build->Random("bias", DType::kFloat32, {n});
}

// Floats of +-range, or int8 of one scale.
TensorId Weights(GraphBuilder* build, const char* name, const Shape& shape,
                 bool is_float, float range = 1) {
  Rng* rng = build->rng();
  if (!is_float) {
    const float scale = DrawScale(rng, range / 256, range / 127);
    return NarrowWeights(name, shape, PerTensor(scale), build);
  }
  std::vector<float> values(static_cast<size_t>(shape.NumElements()));
  for (float& v : values) v = rng->Uniform(-range, range);
  return build->Values(name, shape, values);
}

// ---- SVDF ------------------------------------------------------------------

struct SvdfForm {
  const char* name;
  int batch, inputs, units, rank, memory;
  bool bias = true;
  Activation activation = activation::kRelu;
};

const SvdfForm kSvdfForms[] = {
    {"plain", 1, 4, 3, 1, 5},
    {"rank_2", 3, 9, 5, 2, 4},
    {"no_memory", 2, 1, 4, 4, 1},
};
// micro_speech's keyword spotting has one of 40 features.
const SvdfForm kSvdfTimed = {"keyword", 1, 40, 64, 2, 8};

Graph BuildSvdf(const SvdfForm& form, const Numbers& numbers,
                GraphBuilder* build) {
  Rng* rng = build->rng();
  const bool narrow = numbers.kind == Kind::kS8State8;
  const DType dtype = numbers.integer() ? DType::kInt8 : DType::kFloat32;
  const DType state = !numbers.integer() ? DType::kFloat32
                      : narrow           ? DType::kInt8
                                         : DType::kInt16;
  const int filters = form.units * form.rank;
  const auto quant = [&](float scale, int zero) {
    return numbers.integer() ? PerTensor(DrawScale(rng, scale, 2 * scale), zero)
                             : Quantization();
  };
  const TensorId x = build->Fixed("x", dtype, {form.batch, form.inputs},
                                  quant(0.01f, Draw(rng, -128, 127)));
  const TensorId feature = Weights(build, "feature", {filters, form.inputs},
                                   numbers.kind == Kind::kF32);
  TensorId time = kNoTensor;
  if (numbers.kind == Kind::kS8) {
    time = build->Random("time", DType::kInt16, {filters, form.memory},
                         PerTensor(DrawScale(rng, 1e-5f, 5e-5f)));
  } else {
    time = Weights(build, "time", {filters, form.memory},
                   numbers.kind == Kind::kF32);
  }
  const Quantization state_quant =
      narrow ? quant(0.1f, Draw(rng, -20, 20)) : quant(1e-4f, 0);
  TensorId bias = kNoTensor;
  if (form.bias && numbers.integer()) {
    const float scale =
        state_quant.scale[0] * build->tensor(time).quant.scale[0];
    std::vector<int32_t> values;
    for (int i = 0; i < form.units; ++i)
      values.push_back(static_cast<int32_t>(rng->Uniform(-0.5f, 0.5f) / scale));
    bias = build->Values("bias", {form.units}, values, PerTensor(scale));
  } else if (form.bias) {
    bias = FloatBias(build, form.units);
  }
  const TensorId kept = build->Variable(
      "state", state, {form.batch, filters * form.memory}, state_quant);
  Node& node = build->Add(kSvdf, "y", {x, feature, time, bias, kept},
                          quant(0.01f, Draw(rng, -128, 0)), dtype);
  node.Set<&SvdfAttrs::rank>(form.rank);
  node.Set<&SvdfAttrs::activation>(form.activation);
  node.Set<&SvdfAttrs::asymmetric_quantize_inputs>(numbers.kind ==
                                                   Kind::kAsymmetric);
  return build->Finish();
}

constexpr char kCrashes[] = "crashes the process where the state is int8";

SvdfForm DrawSvdf(Rng* rng, const Numbers& numbers) {
  SvdfForm form{"",
                Draw(rng, 1, 4),
                Draw(rng, 1, 9),
                Draw(rng, 1, 6),
                Draw(rng, 1, 3),
                Draw(rng, 1, 6)};
  if (numbers.integer()) return form;
  form.activation = Coin(rng) ? kNone : activation::kRelu;
  return form;
}

// ---- UNIDIRECTIONAL_SEQUENCE_RNN -------------------------------------------

struct RnnForm {
  const char* name;
  int batch, steps, inputs, units;
  bool time_major = false;
  Activation activation = activation::kTanh;
};

const RnnForm kRnnForms[] = {
    {"tanh", 1, 4, 3, 5},
    {"relu", 2, 20, 9, 17, false, activation::kRelu},
    {"time_major", 3, 4, 8, 8, true},
    {"none", 2, 2, 1, 1, true, kNone},
};
const RnnForm kRnnTimed = {"wake_word", 1, 16, 40, 64};

Graph BuildRnn(const RnnForm& form, const Numbers& numbers,
               GraphBuilder* build) {
  const bool is_float = numbers.kind == Kind::kF32;
  const Shape shape = form.time_major
                          ? Shape{form.steps, form.batch, form.inputs}
                          : Shape{form.batch, form.steps, form.inputs};
  const TensorId x = build->Fixed("x", DType::kFloat32, shape);
  const TensorId weights =
      Weights(build, "weights", {form.units, form.inputs}, is_float);
  // Not so large that steps would magnify the last bit.
  const TensorId recurrent =
      Weights(build, "recurrent", {form.units, form.units}, is_float,
              1.0f / static_cast<float>(form.units));
  const TensorId bias = FloatBias(build, form.units);
  const TensorId kept =
      build->Variable("state", DType::kFloat32, {form.batch, form.units});
  Node& node = build->Add(kUnidirectionalSequenceRnn, "y",
                          {x, weights, recurrent, bias, kept});
  UnidirectionalSequenceRnnAttrs attrs;
  attrs.time_major = form.time_major;
  attrs.activation = form.activation;
  attrs.asymmetric_quantize_inputs = numbers.kind == Kind::kAsymmetric;
  Put(attrs, &node);
  return build->Finish();
}

constexpr char kNoRnn[] = "it has no such op";
constexpr char kNoHybrid[] = "it has none of floats with int8 weights";

RnnForm DrawRnn(Rng* rng) {
  return {"",
          Draw(rng, 1, 3),
          Draw(rng, 1, 4),
          Draw(rng, 1, 9),
          Draw(rng, 1, 9),
          Coin(rng),
          Coin(rng) ? activation::kTanh : activation::kRelu6};
}

}  // namespace

std::vector<Case> SvdfCases() {
  std::vector<Case> cases;
  for (const Numbers& numbers : kNumbers) {
    const auto add = [&](const SvdfForm& form) {
      Case c;
      c.name = fmt::format("svdf_{}_{}", numbers.name, form.name);
      c.build = [&form, &numbers](Rng* rng) {
        GraphBuilder build(rng);
        return BuildSvdf(form, numbers, &build);
      };
      if (numbers.kind == Kind::kS8State8) c.litert_fails = kCrashes;
      if (numbers.hybrid()) c.tflm_fails = kNoHybrid;
      c.own_functions = numbers.hybrid();
      c.timed = &form == &kSvdfTimed;
      cases.push_back(std::move(c));
    };
    for (const SvdfForm& form : kSvdfForms) add(form);
    if (numbers.kind == Kind::kAsymmetric || numbers.kind == Kind::kS8State8)
      continue;
    add(kSvdfTimed);
  }
  return cases;
}

std::vector<RandomKind> SvdfRandom() {
  std::vector<RandomKind> kinds;
  for (const Numbers& numbers : kNumbers) {
    RandomKind kind;
    kind.name = numbers.name;
    kind.build = [&numbers](GraphBuilder* build) {
      const SvdfForm form = DrawSvdf(build->rng(), numbers);
      return BuildSvdf(form, numbers, build);
    };
    if (numbers.kind == Kind::kS8State8) kind.litert_fails = kCrashes;
    if (numbers.hybrid()) kind.tflm_fails = kNoHybrid;
    kinds.push_back(std::move(kind));
  }
  return kinds;
}

std::vector<Case> UnidirectionalSequenceRnnCases() {
  std::vector<Case> cases;
  for (const Numbers& numbers : kNumbers) {
    if (numbers.integer()) continue;
    const auto add = [&](const RnnForm& form) {
      Case c;
      c.name = fmt::format("rnn_{}_{}", numbers.name, form.name);
      c.build = [&form, &numbers](Rng* rng) {
        GraphBuilder build(rng);
        return BuildRnn(form, numbers, &build);
      };
      c.tflm_fails = kNoRnn;
      c.own_functions = true;
      c.timed = &form == &kRnnTimed;
      cases.push_back(std::move(c));
    };
    for (const RnnForm& form : kRnnForms) add(form);
    if (numbers.kind != Kind::kAsymmetric) add(kRnnTimed);
  }
  return cases;
}

std::vector<RandomKind> UnidirectionalSequenceRnnRandom() {
  std::vector<RandomKind> kinds;
  for (const Numbers& numbers : kNumbers) {
    if (numbers.integer()) continue;
    RandomKind kind;
    kind.name = numbers.name;
    kind.build = [&numbers](GraphBuilder* build) {
      return BuildRnn(DrawRnn(build->rng()), numbers, build);
    };
    kind.tflm_fails = kNoRnn;
    kinds.push_back(std::move(kind));
  }
  return kinds;
}

}  // namespace litesmith
