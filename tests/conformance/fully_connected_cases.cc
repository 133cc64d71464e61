// FULLY_CONNECTED: every signature of types over every form, the corners of
// the arithmetic, rows of zeros, and gradients.
#include <fmt/core.h>

#include <algorithm>

#include "src/ops/layer/fully_connected.h"
#include "src/ops/registry.h"
#include "tests/conformance/case.h"
#include "tests/conformance/fill.h"
#include "tests/conformance/layer_numbers.h"
#include "tests/conformance/random.h"

namespace litesmith {
namespace {

struct Form {
  const char* name;
  std::vector<int32_t> x;  // without the batch
  int depth;
  int outputs;
  Activation activation = kNone;
  bool keep_num_dims = false;
};

const Form kForms[] = {
    {"1_to_1", {1}, 1, 1},
    {"3_to_10", {3}, 3, 10, activation::kRelu},
    {"10_to_3", {10}, 10, 3, activation::kRelu6},
    {"12_to_17", {12}, 12, 17, activation::kReluN1To1},
    {"16_to_16", {16}, 16, 16},
    {"64_to_32", {64}, 64, 32, activation::kRelu},
    {"101_to_33", {101}, 101, 33},
    {"flattened", {3, 4, 5}, 60, 8, activation::kRelu6},
    {"keep_num_dims", {4, 3, 12}, 12, 10, activation::kRelu, true},
    // Three rows a sample, which a RESHAPE brings back.
    {"rows", {3, 16}, 16, 5},
};

const Form kTimed[] = {
    {"mnist_cnn", {2028}, 2028, 10},
    {"resnet_8", {64}, 64, 10},
    // The widest of MLPerf Tiny, in its autoencoder.
    {"autoencoder", {640}, 640, 128, activation::kRelu},
};

// For the corners of the arithmetic.
const Form kCorners[] = {
    {"", {35}, 35, 12},
    {"_relu6", {3, 20}, 60, 17, activation::kRelu6},
};

TensorId AddLayer(const Form& form, const std::vector<TensorId>& inputs,
                  const Quantization& quant, DType dtype, DType bias_type,
                  bool asymmetric, GraphBuilder* build) {
  Node& node = build->Add(kFullyConnected, "y", inputs, quant, dtype);
  node.Set<&FullyConnectedAttrs::activation>(form.activation);
  node.Set<&FullyConnectedAttrs::keep_num_dims>(form.keep_num_dims);
  node.Set<&FullyConnectedAttrs::asymmetric_quantize_inputs>(asymmetric);
  node.Set<&FullyConnectedAttrs::quantized_bias_type>(bias_type);
  int32_t per_sample = 1;
  for (const int32_t dim : form.x) per_sample *= dim;
  if (!form.keep_num_dims && per_sample != form.depth) {
    build->Reshape("rows", build->last(),
                   {per_sample / form.depth, form.outputs});
  }
  return build->last();
}

Graph Build(const Form& form, const LayerNumbers& numbers, bool asymmetric,
            Rng* rng) {
  GraphBuilder build(rng);
  const TensorId x =
      build.Input("x", numbers.types.x, form.x, InputQuant(numbers));
  AddLayer(form,
           LayerInputs(&build, numbers, x, Shape{form.outputs, form.depth}),
           OutputQuant(numbers, form.depth), numbers.types.x,
           numbers.types.quantized_bias_type, asymmetric, &build);
  return build.Finish();
}

// Weights that the graph is given, with one scale; no bias.
Graph BuildComputed(const LayerNumbers& numbers, Rng* rng) {
  constexpr int kDepth = 11;
  constexpr int kOutputs = 6;
  GraphBuilder build(rng);
  const TensorId x =
      build.Fixed("x", numbers.types.x, {3, kDepth}, InputQuant(numbers));
  const bool is_float = numbers.types.weights == DType::kFloat32;
  const TensorId weights =
      build.Fixed("weights", numbers.types.weights, {kOutputs, kDepth},
                  is_float ? Quantization() : PerTensor(0.01f));
  build.Add(kFullyConnected, "y", {x, weights}, OutputQuant(numbers, kDepth),
            numbers.types.x);
  return build.Finish();
}

// As files have it whose weights are computed.
Graph BuildInt16(Rng* rng) {
  GraphBuilder build(rng);
  const TensorId x = build.Input("x", DType::kInt16, {21}, PerTensor(0.0004f));
  const TensorId weights =
      build.Random("weights", DType::kInt16, {5, 21}, PerTensor(0.00003f));
  build.Add(kFullyConnected, "y", {x, weights}, PerTensor(0.002f),
            DType::kInt16);
  return build.Finish();
}

// Inputs of ranks 1 to 4, whatever is said of their dimensions.
Graph BuildRank(int rank, const LayerNumbers& numbers, Rng* rng) {
  constexpr int kDepth = 10;
  constexpr int kOutputs = 7;
  const std::vector<int32_t> dims = {3, 2, 4, 5};
  GraphBuilder build(rng);
  // [10], [4, 5], [2, 4, 5], [3, 2, 4, 5]: rows that end inside of a dimension.
  const Shape shape =
      rank == 1 ? Shape{kDepth} : Shape({dims.end() - rank, dims.end()});
  const TensorId x =
      build.Fixed("x", numbers.types.x, shape, InputQuant(numbers));
  Node& node =
      build.Add(kFullyConnected, "y",
                LayerInputs(&build, numbers, x, Shape{kOutputs, kDepth}),
                OutputQuant(numbers, kDepth), numbers.types.x);
  node.Set<&FullyConnectedAttrs::quantized_bias_type>(
      numbers.types.quantized_bias_type);
  return build.Finish();
}

// As CONV_2D's.
Graph BuildGradient(const Form& form, Rng* rng) {
  GraphBuilder build(rng);
  const TensorId x = build.Input("x", DType::kFloat32, form.x);
  std::vector<TensorId> inputs = {
      x, build.Grid("weights", {form.outputs, form.depth}, 2)};
  if (form.activation != kNone) {
    inputs.push_back(build.Grid("bias", {form.outputs}, 4, 0.5f));
  }
  AddLayer(form, inputs, {}, DType::kFloat32, DType::kFloat32, false, &build);
  return build.Finish();
}

// One case, or for hybrid layers two: the attribute counts for them only.
void AddCase(const std::string& name, const Form& form,
             const LayerNumbers& numbers, std::vector<Case>* cases) {
  Case c;
  c.name = "fully_connected_" + name;
  c.build = [&](Rng* rng) { return Build(form, numbers, false, rng); };
  c.litert_fails = numbers.litert_fails();
  c.tflm_fails = numbers.tflm_fails();
  cases->push_back(c);
  if (!numbers.hybrid()) return;
  c.name += "_asymmetric";
  c.build = [&](Rng* rng) { return Build(form, numbers, true, rng); };
  cases->push_back(c);
}

RandomKind Random(const char* name, const LayerTypes& types) {
  RandomKind kind{
      .name = name, .build = {}, .litert_fails = {}, .tflm_fails = {}};
  kind.build = [name, types](GraphBuilder* build) {
    Rng* rng = build->rng();
    const int depth = Draw(rng, 1, 40);
    const int outputs = Draw(rng, 1, 20);
    LayerNumbers numbers = DrawNumbers(rng, name, types);
    if (Coin(rng)) numbers.bias = BiasSize::kNone;
    if (types.x == DType::kInt8 && !numbers.per_axis)
      numbers.w_zero = Draw(rng, -128, 127);
    Shape shape = DrawShape(rng, Draw(rng, 1, 4), 4);
    shape[shape.rank() - 1] = depth;
    const bool keep = Coin(rng);
    const TensorId x = build->Fixed("x", types.x, shape, InputQuant(numbers));
    const std::vector<TensorId> inputs =
        LayerInputs(build, numbers, x, Shape{outputs, depth});
    Node& node = build->Add(kFullyConnected, "y", inputs,
                            OutputQuant(numbers, depth), types.x);
    node.Set<&FullyConnectedAttrs::activation>(DrawActivation(rng));
    node.Set<&FullyConnectedAttrs::keep_num_dims>(keep);
    node.Set<&FullyConnectedAttrs::asymmetric_quantize_inputs>(
        numbers.hybrid() && Coin(rng));
    return build->Finish();
  };
  kind.tflm_fails = LayerNumbers{.name = name, .types = types}.tflm_fails();
  return kind;
}

// Weights that a file spells in another form: blocks of zeros left out (1x16
// for int8, 1x4 for float), two values in a byte.
struct Stored {
  const char* name;
  DType x;
  DType weights;
  int block;  // 0: not sparse
  bool int4;
  const char* litert_fails;
};

constexpr Stored kStored[] = {
    {"s8_sparse", DType::kInt8, DType::kInt8, 16, false, ""},
    {"f32_sparse", DType::kFloat32, DType::kFloat32, 4, false, ""},
    {"hybrid_int4", DType::kFloat32, DType::kInt8, 0, true, ""},
};

Graph BuildStored(const Stored& stored, Rng* rng) {
  constexpr int32_t kOutputs = 5;
  constexpr int32_t kDepth = 64;
  GraphBuilder build(rng);
  const bool integer = stored.x == DType::kInt8;
  const bool scaled = stored.weights == DType::kInt8;
  const TensorId x = build.Input(
      "x", stored.x, {kDepth}, integer ? PerTensor(0.03f, 5) : Quantization());
  const TensorId w = build.Random("w", stored.weights, {kOutputs, kDepth},
                                  scaled ? PerTensor(0.01f) : Quantization());
  Tensor& weights = build.tensor(w);
  const size_t size = SizeOf(stored.weights);
  std::byte* bytes = weights.data.MutableData();
  for (int32_t i = 0; stored.block > 0 && i < kOutputs * kDepth; ++i) {
    if (i / stored.block % 3 == 0) continue;
    std::fill_n(bytes + static_cast<size_t>(i) * size, size, std::byte{0});
  }
  if (stored.block > 0) {
    weights.stored_as = {
        .traversal_order = {0, 1, 2},
        .block_map = {1},
        .compressed = {0, 1, 0},
        .dense_size = {kOutputs, kDepth / stored.block, stored.block}};
  }
  if (stored.int4) {
    for (int8_t& v : weights.MutableAs<int8_t>())
      v = static_cast<int8_t>(v / 16);
    weights.stored_as.int4 = true;
  }
  std::vector<TensorId> inputs = {x, w};
  build.Add(kFullyConnected, "y", inputs,
            integer ? PerTensor(0.09f, -4) : Quantization(), stored.x);
  return build.Finish();
}

}  // namespace

std::vector<RandomKind> FullyConnectedRandom() {
  return {Random("f32", kF32Types), Random("s8", kS8Types),
          Random("u8", kU8Types), Random("s16", kS16Types),
          Random("f32s8", kHybridTypes)};
}

std::vector<Case> FullyConnectedCases() {
  std::vector<Case> cases;
  for (const Stored& stored : kStored) {
    Case c;
    c.name = fmt::format("fully_connected_{}", stored.name);
    c.build = [&stored](Rng* rng) { return BuildStored(stored, rng); };
    c.litert_fails = stored.litert_fails;
    c.tflm_fails = "it has no such weights";
    cases.push_back(std::move(c));
  }
  for (const LayerNumbers& numbers : UsualNumbers()) {
    for (const Form& form : kForms) {
      AddCase(fmt::format("{}_{}", numbers.name, form.name), form, numbers,
              &cases);
    }
    if (!numbers.timed()) continue;
    for (const Form& form : kTimed) {
      const size_t first = cases.size();
      AddCase(fmt::format("{}_{}", numbers.name, form.name), form, numbers,
              &cases);
      for (size_t i = first; i < cases.size(); ++i) cases[i].timed = true;
    }
  }
  for (const LayerNumbers& numbers : CornerNumbers()) {
    for (const Form& form : kCorners) {
      AddCase(fmt::format("{}{}", numbers.name, form.name), form, numbers,
              &cases);
    }
  }
  for (const LayerNumbers& numbers : UsualNumbers()) {
    if (numbers.types.bias == DType::kInt32 && numbers.types.x == DType::kInt16)
      continue;
    const auto add = [&](const std::string& name, auto build) {
      Case c;
      c.name = fmt::format("fully_connected_{}_{}", numbers.name, name);
      c.build = build;
      c.tflm_fails = numbers.tflm_fails();
      cases.push_back(std::move(c));
    };
    add("computed",
        [&numbers](Rng* rng) { return BuildComputed(numbers, rng); });
    for (int rank = 1; rank <= 4; ++rank) {
      add(fmt::format("rank_{}", rank),
          [&numbers, rank](Rng* rng) { return BuildRank(rank, numbers, rng); });
    }
  }
  Case int16_weights;
  int16_weights.name = "fully_connected_s16s16";
  int16_weights.build = BuildInt16;
  int16_weights.tflm_fails = "it has no int16 weights";
  cases.push_back(int16_weights);
  // A row of zeros has no range to be quantized to.
  const size_t before = cases.size();
  for (const LayerNumbers& numbers : UsualNumbers()) {
    if (!numbers.hybrid()) continue;
    AddCase(fmt::format("{}_zeros", numbers.name), kCorners[0], numbers,
            &cases);
  }
  for (size_t i = before; i < cases.size(); ++i) {
    cases[i].fill = ZeroRunsFill(kCorners[0].depth);
  }
  for (const Form& form : kForms) {
    Case c;
    c.name = fmt::format("fully_connected_gradient_{}", form.name);
    c.build = [&form](Rng* rng) { return BuildGradient(form, rng); };
    c.fill = GridFill(2);
    c.gradient = Gradient();
    cases.push_back(std::move(c));
  }
  return cases;
}

}  // namespace litesmith
