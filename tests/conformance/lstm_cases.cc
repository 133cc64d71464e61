// UNIDIRECTIONAL_SEQUENCE_LSTM: every type in every form that it has.
#include <fmt/core.h>

#include <cmath>

#include "src/kernels/recurrent/lstm.h"
#include "src/ops/recurrent/recurrent.h"
#include "src/ops/registry.h"
#include "tests/conformance/case.h"
#include "tests/conformance/random.h"
#include "tests/conformance/recurrent_cases.h"

namespace litesmith {
namespace {

enum class Kind { kF32, kSymmetric, kAsymmetric, kS8, kS16 };

struct Form {
  const char* name;
  int batch, steps, inputs, cells;
  int outputs;  // cells, or there is a projection
  bool time_major = false, cifg = false, peephole = false, norm = false;
  float cell_clip = 0, proj_clip = 0;

  bool projects() const { return outputs != cells; }
  bool plain() const { return !cifg && !peephole && !norm && !projects(); }
};

const Form kForms[] = {
    {.name = "plain",
     .batch = 1,
     .steps = 3,
     .inputs = 4,
     .cells = 6,
     .outputs = 6},
    {.name = "time_major",
     .batch = 2,
     .steps = 4,
     .inputs = 9,
     .cells = 17,
     .outputs = 17,
     .time_major = true,
     .cell_clip = 0.6f},
    {.name = "cifg",
     .batch = 2,
     .steps = 20,
     .inputs = 1,
     .cells = 3,
     .outputs = 3,
     .cifg = true,
     .cell_clip = 10},
    {.name = "peephole",
     .batch = 2,
     .steps = 3,
     .inputs = 5,
     .cells = 4,
     .outputs = 4,
     .peephole = true},
    {.name = "projection",
     .batch = 2,
     .steps = 3,
     .inputs = 3,
     .cells = 8,
     .outputs = 5,
     .proj_clip = 0.3f},
    {.name = "norm",
     .batch = 1,
     .steps = 3,
     .inputs = 5,
     .cells = 8,
     .outputs = 8,
     .norm = true},
    {.name = "all",
     .batch = 2,
     .steps = 3,
     .inputs = 5,
     .cells = 7,
     .outputs = 4,
     .cifg = true,
     .peephole = true,
     .norm = true,
     .cell_clip = 0.9f,
     .proj_clip = 0.8f},
};

// A wake word's: 16 steps of 40 features.
const Form kTimed = {.name = "wake_word",
                     .batch = 1,
                     .steps = 16,
                     .inputs = 40,
                     .cells = 64,
                     .outputs = 64};

struct Numbers {
  const char* name;
  Kind kind;
  bool is_float() const { return kind == Kind::kF32 || hybrid(); }
  bool hybrid() const {
    return kind == Kind::kSymmetric || kind == Kind::kAsymmetric;
  }
};
const Numbers kNumbers[] = {
    {"f32", Kind::kF32},
    {"f32s8", Kind::kSymmetric},
    {"f32s8_asymmetric", Kind::kAsymmetric},
    {"s8", Kind::kS8},
    {"s16", Kind::kS16},
};

// Adds one LSTM's operands, with the scales of a layer whose sums lie within a
// few units.
class LstmBuilder {
 public:
  LstmBuilder(const Form& form, const Numbers& numbers, GraphBuilder* build)
      : form_(form), numbers_(numbers), build_(build) {}

  Graph Build() {
    const bool wide = numbers_.kind == Kind::kS16;
    const DType dtype = numbers_.is_float() ? DType::kFloat32
                        : wide              ? DType::kInt16
                                            : DType::kInt8;
    const Shape shape = form_.time_major
                            ? Shape{form_.steps, form_.batch, form_.inputs}
                            : Shape{form_.batch, form_.steps, form_.inputs};
    const auto quant = [&](float range, int zero) {
      if (numbers_.is_float()) return Quantization();
      return wide ? PerTensor(range / 32768) : PerTensor(range / 128, zero);
    };
    const Quantization x_quant = quant(Spread(2.5f), Draw(rng(), -20, 20));
    const Quantization h_quant = quant(Spread(1), Draw(rng(), -20, 20));
    x_scale_ = Scale(x_quant);
    std::vector<TensorId> inputs(lstm::kHidden + 1, kNoTensor);
    inputs[lstm::kX] = build_->Fixed("x", dtype, shape, x_quant);
    for (size_t gate = form_.cifg ? 1 : 0; gate < 4; ++gate)
      AddGate(gate, &inputs);
    if (form_.projects()) AddProjection(&inputs);
    inputs[lstm::kOutputState] =
        build_->Variable("h", dtype, {form_.batch, form_.outputs}, h_quant);
    // Powers of two.
    const float c_scale = std::exp2(static_cast<float>(Draw(rng(), -15, -9)));
    inputs[lstm::kCellState] = build_->Variable(
        "c", numbers_.is_float() ? dtype : DType::kInt16,
        {form_.batch, form_.cells},
        numbers_.is_float() ? Quantization() : PerTensor(c_scale));
    AddIntermediates(h_quant, &inputs);
    Node& node =
        build_->Add(kUnidirectionalSequenceLstm, "y", inputs, h_quant, dtype);
    UnidirectionalSequenceLstmAttrs attrs;
    attrs.activation = activation::kTanh;
    attrs.cell_clip = form_.cell_clip;
    attrs.proj_clip = form_.proj_clip;
    attrs.time_major = form_.time_major;
    attrs.asymmetric_quantize_inputs = numbers_.kind == Kind::kAsymmetric;
    Put(attrs, &node);
    return build_->Finish();
  }

 private:
  Rng* rng() { return build_->rng(); }
  // `value` times 1/1.3 to 1.3.
  float Spread(float value) { return value * DrawScale(rng(), 0.77f, 1.3f); }
  static float Scale(const Quantization& q) {
    return q.empty() ? 1 : q.scale[0];
  }

  // Weights of +-range.
  TensorId Weights(const std::string& name, const Shape& shape,
                   float range = 0.7f) {
    if (numbers_.kind == Kind::kF32) {
      std::vector<float> values(static_cast<size_t>(shape.NumElements()));
      for (float& v : values) v = rng()->Uniform(-range, range);
      return build_->Values(name, shape, values);
    }
    return NarrowWeights(name, shape, PerTensor(Spread(range) / 127), build_);
  }

  // What is float or a wide integer: +-range in steps of `scale`, without a
  // scale of its own where that is 0.
  TensorId Parameter(const std::string& name, int n, DType dtype, float range,
                     double scale) {
    const Shape shape{n};
    const auto draw = [&](auto one) {
      using T = decltype(one);
      std::vector<T> values;
      for (int i = 0; i < n; ++i) {
        const float v = rng()->Uniform(-range, range);
        values.push_back(static_cast<T>(
            dtype == DType::kFloat32 ? double{v} : std::trunc(v / scale)));
      }
      return build_->Values(name, shape, values,
                            dtype == DType::kFloat32
                                ? Quantization()
                                : PerTensor(static_cast<float>(scale)));
    };
    switch (dtype) {
      case DType::kInt16:
        return draw(int16_t{});
      case DType::kInt32:
        return draw(int32_t{});
      case DType::kInt64:
        return draw(int64_t{});
      default:
        return draw(float{});
    }
  }

  DType BiasType() const {
    return numbers_.is_float()          ? DType::kFloat32
           : numbers_.kind == Kind::kS8 ? DType::kInt32
                                        : DType::kInt64;
  }

  void AddGate(size_t gate, std::vector<TensorId>* inputs) {
    const std::string name(1, "ifgo"[gate]);
    const int cells = form_.cells;
    const TensorId weights = Weights("w_" + name, {cells, form_.inputs});
    (*inputs)[lstm::kInputWeights + gate] = weights;
    (*inputs)[lstm::kRecurrentWeights + gate] =
        Weights("r_" + name, {cells, form_.outputs});
    double bias_scale =
        double{x_scale_} * double{Scale(build_->tensor(weights).quant)};
    if (form_.peephole && gate != 2) {
      (*inputs)[lstm::kPeephole + (gate == 3 ? 2 : gate)] =
          numbers_.kind == Kind::kS8
              ? Parameter("p_" + name, cells, DType::kInt16, 0.7f, 0.7 / 32768)
              : Weights("p_" + name, {cells});
    }
    if (form_.norm) {
      const double scale = 1.0 / 32768;
      (*inputs)[lstm::kNormWeights + gate] = Parameter(
          "n_" + name, cells,
          numbers_.is_float() ? DType::kFloat32 : DType::kInt16, 0.9f, scale);
      bias_scale = scale / 1024;
    }
    (*inputs)[lstm::kBias + gate] =
        Parameter("b_" + name, cells, BiasType(), 0.5f, bias_scale);
  }

  void AddProjection(std::vector<TensorId>* inputs) {
    const TensorId weights =
        Weights("projection", {form_.outputs, form_.cells});
    (*inputs)[lstm::kProjection] = weights;
    if (Coin(rng())) return;
    (*inputs)[lstm::kProjectionBias] =
        Parameter("projection_bias", form_.outputs, BiasType(), 0.2f,
                  double{Scale(build_->tensor(weights).quant)} / 128);
  }

  // tflite-micro wants them in every type.
  void AddIntermediates(const Quantization& h, std::vector<TensorId>* inputs) {
    const bool quantized = numbers_.kind == Kind::kS8 && form_.norm;
    for (size_t gate = 0; gate < 4; ++gate) {
      (*inputs)[lstm::kGateSums + gate] = build_->Random(
          fmt::format("sums_{}", gate),
          quantized ? DType::kInt16 : DType::kFloat32, {0},
          quantized ? PerTensor(Spread(0.0004f)) : Quantization());
    }
    Quantization hidden = h;
    if (form_.projects() && numbers_.kind == Kind::kS8)
      hidden = PerTensor(Spread(1) / 128, Draw(rng(), -20, 20));
    (*inputs)[lstm::kHidden] = build_->Random(
        "hidden", build_->tensor((*inputs)[lstm::kX]).dtype, {0}, hidden);
  }

  const Form& form_;
  const Numbers& numbers_;
  GraphBuilder* build_;
  float x_scale_ = 1;
};

constexpr char kNoInt16[] = "it has no LSTM of int16 activations";
constexpr char kPlainOnly[] =
    "it has neither CIFG nor peepholes, projections and layer normalization";
constexpr char kNoHybrid[] = "it has no LSTM of floats with int8 weights";

std::string TflmFails(const Form& form, const Numbers& numbers) {
  if (numbers.hybrid()) return kNoHybrid;
  return form.plain() ? "" : kPlainOnly;
}

Form DrawForm(Rng* rng, bool plain) {
  Form form{.name = "",
            .batch = Draw(rng, 1, 3),
            .steps = Draw(rng, 1, 4),
            .inputs = Draw(rng, 1, 6),
            .cells = Draw(rng, 1, 9),
            .outputs = 0};
  form.outputs = form.cells;
  form.time_major = Coin(rng);
  if (Coin(rng)) form.cell_clip = DrawScale(rng, 0.3f, 10);
  if (plain) return form;
  form.cifg = Coin(rng);
  form.peephole = Coin(rng);
  form.norm = Coin(rng);
  if (Coin(rng)) form.outputs = Draw(rng, 1, form.cells);
  if (Coin(rng)) form.proj_clip = DrawScale(rng, 0.3f, 10);
  return form;
}

// As it is trained: any batch, and no states.
Graph BuildStateless(float cell_clip, Rng* rng) {
  constexpr int kInputs = 3, kCells = 5;
  GraphBuilder build(rng);
  std::vector<TensorId> inputs(lstm::kProjection, kNoTensor);
  inputs[lstm::kX] = build.Input("x", DType::kFloat32, {4, kInputs});
  const auto parameter = [&](const char* name, size_t gate,
                             const Shape& shape) {
    return build.Random(fmt::format("{}_{}", name, gate), DType::kFloat32,
                        shape, {}, TensorKind::kParameter);
  };
  for (size_t gate = 0; gate < kernels::kLstmGates; ++gate) {
    inputs[lstm::kInputWeights + gate] =
        parameter("w", gate, {kCells, kInputs});
    inputs[lstm::kRecurrentWeights + gate] =
        parameter("r", gate, {kCells, kCells});
    inputs[lstm::kBias + gate] = parameter("b", gate, {kCells});
  }
  Node& node = build.Add(kUnidirectionalSequenceLstm, "y", inputs);
  UnidirectionalSequenceLstmAttrs attrs;
  attrs.activation = activation::kTanh;
  attrs.cell_clip = cell_clip;
  Put(attrs, &node);
  return build.Finish();
}

}  // namespace

std::vector<Case> UnidirectionalSequenceLstmCases() {
  std::vector<Case> cases;
  for (const float cell_clip : {0.0f, 10.0f}) {
    Case& c = cases.emplace_back();
    c.name = fmt::format("lstm_stateless{}", cell_clip > 0 ? "_clip" : "");
    c.build = [cell_clip](Rng* rng) { return BuildStateless(cell_clip, rng); };
    c.litert_fails = c.tflm_fails = "it wants states";
    c.gradient = Gradient{.step = 1.0f / 64, .tolerance = 0.01};
  }
  const auto add = [&](const Form& form, const Numbers& numbers) {
    if (numbers.kind == Kind::kS16 && !form.plain()) return;
    Case c;
    c.name = fmt::format("lstm_{}_{}", numbers.name, form.name);
    c.build = [&form, &numbers](Rng* rng) {
      GraphBuilder build(rng);
      return LstmBuilder(form, numbers, &build).Build();
    };
    if (numbers.kind == Kind::kS16) c.litert_fails = kNoInt16;
    c.tflm_fails = TflmFails(form, numbers);
    c.own_functions = numbers.is_float();
    c.timed = &form == &kTimed;
    cases.push_back(std::move(c));
  };
  for (const Numbers& numbers : kNumbers) {
    for (const Form& form : kForms) add(form, numbers);
    if (numbers.kind != Kind::kAsymmetric) add(kTimed, numbers);
  }
  return cases;
}

std::vector<RandomKind> UnidirectionalSequenceLstmRandom() {
  std::vector<RandomKind> kinds;
  for (const Numbers& numbers : kNumbers) {
    for (const bool plain : {true, false}) {
      // Plain ones are for tflite-micro, all the others for LiteRT.
      if (plain ? numbers.hybrid() : numbers.kind == Kind::kS16) continue;
      RandomKind kind;
      kind.name = fmt::format("{}{}", numbers.name, plain ? "" : "_forms");
      kind.build = [&numbers, plain](GraphBuilder* build) {
        const Form form = DrawForm(build->rng(), plain);
        return LstmBuilder(form, numbers, build).Build();
      };
      if (numbers.kind == Kind::kS16) kind.litert_fails = kNoInt16;
      if (!plain) kind.tflm_fails = numbers.hybrid() ? kNoHybrid : kPlainOnly;
      kinds.push_back(std::move(kind));
    }
  }
  return kinds;
}

}  // namespace litesmith
