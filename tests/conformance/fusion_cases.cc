// Graphs of several ops: every fusion on every signature of types, graphs that
// only look as if they could be fused, and whole small networks.
#include <fmt/core.h>

#include "src/ops/layer/conv_2d.h"
#include "src/ops/layer/fully_connected.h"
#include "src/ops/move/move.h"
#include "src/ops/pool/pool_2d.h"
#include "src/ops/registry.h"
#include "src/ops/train/train.h"
#include "tests/conformance/case.h"
#include "tests/conformance/fill.h"
#include "tests/conformance/layer_numbers.h"

namespace litesmith {
namespace {

// A convolution of 3x3 and a pool behind it.
struct Row {
  const char* name;
  int in_h, in_w, in_c, out_c;
  Activation activation = activation::kRelu;
  int pool = 2;
  int stride = 2;
  Padding pool_padding = kValid;
  bool read_twice = false;  // the convolution's result is an output, too
};

constexpr Row kRows[] = {
    {"gray", 10, 8, 1, 12},
    {"3_to_17", 8, 6, 3, 17, kNone},
    {"odd", 7, 9, 10, 3, activation::kReluN1To1},
    {"same", 8, 10, 16, 16, activation::kRelu6, 2, 2, kSame},
    {"padded_pool", 7, 8, 3, 8, activation::kRelu, 2, 2, kSame},
    {"pool_3x3", 9, 9, 2, 5, activation::kRelu, 3, 3},
    {"overlapping", 8, 8, 3, 4, activation::kRelu, 2, 1},
    {"read_twice", 8, 8, 3, 4, activation::kRelu, 2, 2, kValid, true},
};

constexpr Row kTimed = {"mnist_cnn", 28, 28, 1, 12};

Node& AddConv(TensorId x, const LayerNumbers& numbers, const Row& row,
              GraphBuilder* build) {
  const Shape filter = {row.out_c, 3, 3, row.in_c};
  Node& conv = build->Add(
      kConv2D, "conv", LayerInputs(build, numbers, x, filter),
      OutputQuant(numbers, filter.NumElementsPerSample()), numbers.types.x);
  conv.Set<&Conv2DAttrs::stride_h>(1);
  conv.Set<&Conv2DAttrs::stride_w>(1);
  conv.Set<&Conv2DAttrs::activation>(row.activation);
  conv.Set<&Conv2DAttrs::quantized_bias_type>(
      numbers.types.quantized_bias_type);
  return conv;
}

void AddPool(TensorId x, int size, int stride, Padding padding,
             GraphBuilder* build) {
  const Tensor of = build->tensor(x);
  Node& pool = build->Add(kMaxPool2D, "pool", {x}, of.quant, of.dtype);
  pool.Set<&Pool2DAttrs::padding>(padding);
  pool.Set<&Pool2DAttrs::filter_h>(size);
  pool.Set<&Pool2DAttrs::filter_w>(size);
  pool.Set<&Pool2DAttrs::stride_h>(stride);
  pool.Set<&Pool2DAttrs::stride_w>(stride);
}

Graph BuildConvPool(const Row& row, const LayerNumbers& numbers, Rng* rng) {
  GraphBuilder build(rng);
  const TensorId x =
      build.Input("x", numbers.types.x, {row.in_h, row.in_w, row.in_c},
                  InputQuant(numbers));
  AddConv(x, numbers, row, &build);
  const TensorId conv = build.last();
  AddPool(conv, row.pool, row.stride, row.pool_padding, &build);
  std::vector<TensorId> outputs = {build.last()};
  if (row.read_twice) outputs.push_back(conv);
  return build.Finish(outputs);
}

// QUANTIZE, DEQUANTIZE and a pool, as in quantization-aware float files; with
// `read_twice` the values before the pool are an output, too.
Graph BuildPoolAfterPair(DType dtype, Padding padding, bool read_twice,
                         Rng* rng) {
  GraphBuilder build(rng);
  const TensorId x = build.Input("x", DType::kFloat32, {7, 8, 5});
  build.Add(kQuantize, "x_q", {x},
            PerTensor(0.011f, dtype == DType::kInt16  ? 0
                              : dtype == DType::kInt8 ? -9
                                                      : 119),
            dtype);
  build.Add(kDequantize, "x_dq", {build.last()});
  const TensorId values = build.last();
  AddPool(values, 2, 2, padding, &build);
  std::vector<TensorId> outputs = {build.last()};
  if (read_twice) outputs.push_back(values);
  return build.Finish(outputs);
}

// As the gradient of CONV_2D alone, but for equal maxima: values spread wide
// leave few of them, and a step so small moves an output by 1/16 at most.
constexpr int kSpread = 64;
constexpr float kStep = 1.0f / 1024;

// The first convolution makes a gradient of the second one's input wanted.
Graph BuildGradient(Rng* rng) {
  GraphBuilder build(rng);
  Node& first = build.Add(kConv2D, "first",
                          {build.Input("image", DType::kFloat32, {8, 8, 2}),
                           build.Grid("first_filter", {2, 1, 1, 2}, 1)});
  first.Set<&Conv2DAttrs::stride_h>(1);
  first.Set<&Conv2DAttrs::stride_w>(1);
  const TensorId x = build.last();
  Node& conv = build.Add(kConv2D, "conv",
                         {x, build.Grid("filter", {5, 3, 3, 2}, 2),
                          build.Grid("bias", {5}, 4, 0.5f)});
  conv.Set<&Conv2DAttrs::stride_h>(1);
  conv.Set<&Conv2DAttrs::stride_w>(1);
  conv.Set<&Conv2DAttrs::activation>(activation::kRelu);
  AddPool(build.last(), 2, 2, kValid, &build);
  return build.Finish();
}

// A gray image, and a fake quantization between convolution and pool, whose
// grid is so fine that it moves no value: it cuts off what is above 48. Below,
// the range ends far from the zeros of the ReLU.
Graph BuildQuantGradient(int size, Rng* rng) {
  GraphBuilder build(rng);
  Node& conv = build.Add(kConv2D, "conv",
                         {build.Input("x", DType::kFloat32, {size, size, 1}),
                          build.Grid("filter", {12, 3, 3, 1}, 2),
                          build.Grid("bias", {12}, 4, 0.5f)});
  conv.Set<&Conv2DAttrs::stride_h>(1);
  conv.Set<&Conv2DAttrs::stride_w>(1);
  conv.Set<&Conv2DAttrs::activation>(activation::kRelu);
  const TensorId values = build.last();
  const auto state = [&](const char* name, float value) {
    return build.Values<float>(name, {1}, {value}, {}, TensorKind::kState);
  };
  Node& quant = build.Add(
      kFakeQuant, "quant",
      {values, state("min", -16), state("max", 65535.0f * kStep - 16)});
  quant.Set<&FakeQuantAttrs::bits>(16);
  AddPool(build.last(), 2, 2, kValid, &build);
  return build.Finish();
}

// QUANTIZE, convolution, pool, dense, QUANTIZE: a whole integer network from
// uint8 to uint8, or from float32 to float32.
Graph BuildNetwork(bool float_io, Rng* rng) {
  constexpr Row kRow = {"", 8, 8, 1, 6};
  const LayerNumbers& numbers = UsualNumbers()[1];
  GraphBuilder build(rng);
  const Quantization in = InputQuant(numbers);
  const Quantization in_u8 = PerTensor(in.scale[0], in.zero_point[0] + 128);
  const TensorId x =
      build.Input("x", float_io ? DType::kFloat32 : DType::kUInt8, {8, 8},
                  float_io ? Quantization() : in_u8);
  build.Add(kQuantize, "x_s8", {x}, in, DType::kInt8);
  const TensorId image = build.Reshape("image", build.last(), {8, 8, 1});
  AddConv(image, numbers, kRow, &build);
  AddPool(build.last(), 2, 2, kValid, &build);
  const Quantization middle = build.tensor(build.last()).quant;
  const TensorId flat = build.Reshape("flat", build.last(), {4 * 4 * 6});
  const Quantization out = PerTensor(0.07f, 4);
  const TensorId weights =
      build.Random("dense_weights", DType::kInt8, {10, 96}, PerTensor(0.004f));
  const TensorId bias =
      build.Values<int32_t>("dense_bias", {10}, std::vector<int32_t>(10, 321),
                            PerTensor(middle.scale[0] * 0.004f));
  build.Add(kFullyConnected, "dense", {flat, weights, bias}, out, DType::kInt8);
  if (float_io) {
    build.Add(kDequantize, "y", {build.last()});
  } else {
    build.Add(kQuantize, "y", {build.last()}, PerTensor(0.07f, 132),
              DType::kUInt8);
  }
  return build.Finish();
}

// A step of an LSTM as LiteRT has it in 16 bits, in ops one by one: sums of
// what is given and a small dense layer of h, four functions, products. An
// operand of another shape ends what can be one kernel.
struct Int16Step {
  const char* name;
  int units, depth;
  bool broken = false;  // one number is taken from all of the new state
  int rows = 0;         // a sample, as a dimension of their own
};
constexpr Int16Step kInt16Steps[] = {{"12", 12, 12},
                                     {"odd", 37, 7},
                                     {"one", 1, 1},
                                     {"broken", 12, 5, true},
                                     {"rows", 9, 6, false, 3}};
constexpr Int16Step kTimedStep = {"lstm", 12, 12};

Graph BuildInt16Step(const Int16Step& of, Rng* rng) {
  constexpr float kOne = 1.0f / 32768;
  GraphBuilder build(rng);
  const auto input = [&](const std::string& name, int values, float scale) {
    std::vector<int32_t> shape = {values};
    if (of.rows > 0) shape.insert(shape.begin(), of.rows);
    return build.Input(name, DType::kInt16, shape, PerTensor(scale));
  };
  const TensorId h = input("h", of.depth, 0.9f * kOne);
  TensorId c = input("c", of.units, 3.1f * kOne);
  const auto add = [&](const OpDef& op, const std::string& name,
                       std::vector<TensorId> inputs, float scale) {
    build.Add(op, name, std::move(inputs), PerTensor(scale), DType::kInt16);
    return build.last();
  };
  const auto gate = [&](const std::string& name, const OpDef& function) {
    const TensorId x = input("x_" + name, of.units, 5.3f * kOne);
    const TensorId weights = build.Random(
        "w_" + name, DType::kInt8, {of.units, of.depth}, PerTensor(0.011f));
    Node& node = build.Add(kFullyConnected, "r_" + name, {h, weights},
                           PerTensor(4.7f * kOne), DType::kInt16);
    node.Set<&FullyConnectedAttrs::keep_num_dims>(of.rows > 0);
    const TensorId product = build.last();
    return add(function, name, {add(kAdd, "s_" + name, {x, product}, 8 * kOne)},
               kOne);
  };
  const TensorId in = gate("i", kLogistic);
  const TensorId forget = gate("f", kLogistic);
  const TensorId added = add(kMul, "u", {in, gate("g", kTanh)}, kOne);
  const TensorId kept = add(kMul, "k", {forget, c}, 2.9f * kOne);
  c = add(kAdd, "c_new", {kept, added}, 3.3f * kOne);
  if (of.broken) {
    const TensorId one =
        build.Values<int16_t>("one", {1}, {9876}, PerTensor(kOne));
    c = add(kSub, "c_less", {c, one}, 3.7f * kOne);
  }
  const TensorId out = gate("o", kLogistic);
  const TensorId y =
      add(kMul, "y", {out, add(kTanh, "t", {c}, kOne)}, 0.9f * kOne);
  return build.Finish({c, y});
}

// A recurrent layer of int16 in ops one by one: the inputs' products of all
// steps, unpacked, and what the steps give, packed.
struct Int16Sequence {
  const char* name;
  int units;
  bool is_read = false;  // one of the inputs' parts by another node, too
  bool last_alone = false;
  int rows = 0;  // a sample, as a dimension of their own
};
constexpr Int16Sequence kInt16Sequences[] = {{"12", 12},
                                             {"wide", 37},
                                             {"read_elsewhere", 12, true},
                                             {"last_alone", 12, false, true},
                                             {"rows", 9, false, false, 2}};

Graph BuildInt16Sequence(const Int16Sequence& of, Rng* rng) {
  constexpr float kOne = 1.0f / 32768;
  constexpr int kSteps = 4, kDepth = 6;
  GraphBuilder build(rng);
  std::vector<int32_t> shape = {kSteps, kDepth};
  if (of.rows > 0) shape.insert(shape.begin(), of.rows);
  const int axis = static_cast<int>(shape.size()) - 1;
  const TensorId x = build.Input("x", DType::kInt16, shape, PerTensor(kOne));
  const auto add = [&](const OpDef& op, const std::string& name,
                       std::vector<TensorId> inputs, float scale) {
    build.Add(op, name, std::move(inputs), PerTensor(scale), DType::kInt16);
    return build.last();
  };
  const auto dense = [&](const std::string& name, TensorId rows, TensorId w) {
    build
        .Add(kFullyConnected, name, {rows, w}, PerTensor(4.7f * kOne),
             DType::kInt16)
        .Set<&FullyConnectedAttrs::keep_num_dims>(true);
    return build.last();
  };
  const auto weights = [&](const std::string& name, int depth) {
    return build.Random(name, DType::kInt8, {of.units, depth},
                        PerTensor(0.011f));
  };
  std::vector<std::vector<TensorId>> parts;
  std::vector<TensorId> recurrent, states;
  for (const char* gate : {"f", "g"}) {
    const std::string name = gate;
    const TensorId all = dense("all_" + name, x, weights("w_" + name, kDepth));
    std::vector<std::string> names;
    for (int t = 0; t < kSteps; ++t)
      names.push_back(fmt::format("part_{}{}", name, t));
    Node& node = build.AddMany(kUnpack, names, {all}, PerTensor(4.7f * kOne),
                               DType::kInt16);
    node.Set<&UnpackAttrs::num>(kSteps);
    node.Set<&UnpackAttrs::axis>(axis);
    parts.push_back(node.outputs);
    recurrent.push_back(weights("r_" + name, of.units));
  }
  TensorId h = add(kMul, "h0", {parts[1][0], parts[0][0]}, 2.1f * kOne);
  states.push_back(h);
  for (size_t t = 1; t < kSteps; ++t) {
    const auto gate = [&](size_t which, const OpDef& function) {
      const std::string name = fmt::format("{}_{}", which, t);
      const TensorId of_h = dense("d" + name, h, recurrent[which]);
      const TensorId sum =
          add(kAdd, "s" + name, {parts[which][t], of_h}, 9 * kOne);
      return add(function, "a" + name, {sum}, kOne);
    };
    const TensorId forget = gate(0, kLogistic);
    const TensorId kept = add(kMul, fmt::format("k{}", t), {forget, h}, kOne);
    h = add(kAdd, fmt::format("h{}", t), {kept, gate(1, kTanh)}, 2.1f * kOne);
    states.push_back(h);
  }
  if (of.last_alone) return build.Finish({h});
  Node& pack =
      build.Add(kPack, "states", states, PerTensor(2.1f * kOne), DType::kInt16);
  pack.Set<&PackAttrs::values_count>(kSteps);
  pack.Set<&PackAttrs::axis>(axis);
  std::vector<TensorId> outputs = {build.last()};
  if (of.is_read) outputs.push_back(parts[0][2]);
  return build.Finish(outputs);
}

// Dense layers of the same rows, one of them alike in nothing but the input.
Graph BuildInt16Layers(Rng* rng) {
  GraphBuilder build(rng);
  const TensorId x =
      build.Input("x", DType::kInt16, {5, 6}, PerTensor(0.0001f));
  std::vector<TensorId> outputs;
  for (const int units : {12, 12, 12, 7}) {
    const std::string name = fmt::format("y{}", outputs.size());
    const TensorId weights = build.Random(name + "_weights", DType::kInt8,
                                          {units, 6}, PerTensor(0.011f));
    const TensorId bias = build.Values<int64_t>(
        name + "_bias", {units},
        std::vector<int64_t>(static_cast<size_t>(units), 54321),
        PerTensor(0.0001f * 0.011f));
    build
        .Add(kFullyConnected, name, {x, weights, bias}, PerTensor(0.0002f),
             DType::kInt16)
        .Set<&FullyConnectedAttrs::keep_num_dims>(true);
    outputs.push_back(build.last());
  }
  return build.Finish(outputs);
}

}  // namespace

std::vector<Case> FusionCases() {
  std::vector<Case> cases;
  const auto add = [&](const std::string& name,
                       std::function<Graph(Rng*)> build) -> Case& {
    cases.emplace_back();
    cases.back().name = name;
    cases.back().build = std::move(build);
    return cases.back();
  };
  for (const LayerNumbers& numbers : UsualNumbers()) {
    for (const Row& row : kRows) {
      Case& c = add(fmt::format("conv_pool_{}_{}", numbers.name, row.name),
                    [&](Rng* rng) { return BuildConvPool(row, numbers, rng); });
      c.tflm_fails = numbers.tflm_fails();
    }
    if (!numbers.timed()) continue;
    Case& c =
        add(fmt::format("conv_pool_{}_{}", numbers.name, kTimed.name),
            [&](Rng* rng) { return BuildConvPool(kTimed, numbers, rng); });
    c.tflm_fails = numbers.tflm_fails();
    c.timed = true;
  }
  for (const DType dtype : {DType::kInt8, DType::kUInt8, DType::kInt16}) {
    for (const Padding padding : {kValid, kSame}) {
      for (const bool twice : {false, true}) {
        Case& c = add(fmt::format("pool_after_{}_pair{}{}", Name(dtype),
                                  padding == kSame ? "_same" : "",
                                  twice ? "_read_twice" : ""),
                      [=](Rng* rng) {
                        return BuildPoolAfterPair(dtype, padding, twice, rng);
                      });
        if (dtype == DType::kUInt8)
          c.tflm_fails = "it does not quantize float to uint8";
      }
    }
  }
  for (const Int16Step& step : kInt16Steps) {
    add(fmt::format("int16_step_{}", step.name),
        [&](Rng* rng) { return BuildInt16Step(step, rng); });
  }
  for (const Int16Sequence& sequence : kInt16Sequences) {
    add(fmt::format("int16_sequence_{}", sequence.name),
        [&](Rng* rng) { return BuildInt16Sequence(sequence, rng); });
  }
  add("int16_layers", BuildInt16Layers);
  add("int16_step_timed", [&](Rng* rng) {
    return BuildInt16Step(kTimedStep, rng);
  }).timed = true;
  Case& gradient = add("conv_pool_gradient", BuildGradient);
  gradient.fill = GridFill(kSpread);
  gradient.gradient = Gradient{.step = kStep};
  Case& quantized = add("conv_fake_quant_pool_gradient",
                        [](Rng* rng) { return BuildQuantGradient(8, rng); });
  quantized.fill = GridFill(kSpread);
  quantized.gradient = Gradient{.step = kStep};
  Case& timed = add("conv_fake_quant_pool_mnist_cnn",
                    [](Rng* rng) { return BuildQuantGradient(28, rng); });
  timed.fill = GridFill(kSpread);
  timed.timed = true;
  add("network_u8", [](Rng* rng) { return BuildNetwork(false, rng); });
  add("network_f32", [](Rng* rng) { return BuildNetwork(true, rng); });
  return cases;
}

}  // namespace litesmith
