// FULLY_CONNECTED: every signature of types over every form, the corners of
// the arithmetic, rows of zeros, and gradients.
#include <fmt/core.h>

#include "src/ops/layer/fully_connected.h"
#include "src/ops/registry.h"
#include "tests/conformance/case.h"
#include "tests/conformance/fill.h"
#include "tests/conformance/layer_numbers.h"

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

}  // namespace

std::vector<Case> FullyConnectedCases() {
  std::vector<Case> cases;
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
