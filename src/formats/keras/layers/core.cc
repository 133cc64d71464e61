// Layers that stand for themselves: inputs, Dense, Dropout.
#include "src/base/error.h"
#include "src/formats/keras/layer.h"
#include "src/formats/keras/layers/shared.h"
#include "src/ops/layer/fully_connected.h"
#include "src/ops/registry.h"
#include "src/ops/train/train.h"

namespace litesmith {
namespace {

// A float32 input; its batch becomes kDynamic.
std::vector<TensorId> BuildInput(LayerIn* in) {
  if (!in->inputs.empty()) {
    Fail(ErrorKind::kCorrupt, "it reads {} layers; 0 wanted",
         in->inputs.size());
  }
  const Json* shape = JsonFind(in->config, "batch_shape");  // Keras 3
  if (shape == nullptr) shape = &JsonAt(in->config, "batch_input_shape");
  const std::vector<int32_t> dims = JsonDims(*shape, "batch_shape");
  if (dims.empty() || dims.size() > Shape::kMaxRank) {
    Fail(ErrorKind::kUnsupported, "its shape has {} dimensions", dims.size());
  }
  Tensor tensor;
  tensor.name = in->name;
  tensor.kind = TensorKind::kInput;
  tensor.shape = Shape(std::span<const int32_t>(dims));
  tensor.shape[0] = kDynamic;
  for (int d = 1; d < tensor.shape.rank(); ++d) {
    if (tensor.shape[d] < 1) {
      Fail(ErrorKind::kUnsupported,
           "its shape {} leaves more than the batch open",
           tensor.shape.ToString());
    }
  }
  tensor.shape.NumElementsPerSample();  // throws if too large
  const TensorId id = in->graph->AddTensor(std::move(tensor));
  in->graph->inputs.push_back(id);
  in->graph->input_names.push_back(in->name);
  return {id};
}

std::vector<TensorId> BuildDense(LayerIn* in) {
  const int32_t units = JsonInt(JsonAt(in->config, "units"), "units");
  const Shape x = in->input_shape();
  if (x.rank() < 2) {
    Fail(ErrorKind::kCorrupt, "its input is {}; [batch, ..., in] is wanted",
         x.ToString());
  }
  const TensorId kernel = AddVariable(in, "kernel", {x[x.rank() - 1], units});
  std::vector<TensorId> inputs = {in->input(), kernel};
  AddBias(in, units, &inputs);
  Node& node = in->graph->AddNode(kFullyConnected, in->name, std::move(inputs),
                                  {in->name});
  node.Set<&FullyConnectedAttrs::activation>(ActivationOf(in->config));
  node.Set<&FullyConnectedAttrs::keep_num_dims>(x.rank() > 2);
  return InferLast(in->graph);
}

bool WriteDense(const NodeOut& out, LayerWriter* layers) {
  const Node& node = out.node;
  if (node.op != &kFullyConnected) return false;
  const Shape& x = out.input(0).shape;
  const Shape& weights = out.input(1).shape;
  std::vector<OutTensor> inputs = out.inputs;
  if (x.rank() != 2 && !node.Get<&FullyConnectedAttrs::keep_num_dims>()) {
    // TFLite flattens here by itself; Keras would map the last dimension.
    if (x.rank() < 2 || x.NumElementsPerSample() != weights[1]) {
      Fail(ErrorKind::kUnsupported,
           "its input {} does not keep the batch in front", x.ToString());
    }
    inputs = {AddFlatten(node.name + "_flatten", inputs, layers)};
  }
  OutLayer& layer = layers->Add("Dense", node.name, std::move(inputs));
  layer.Set("units", weights[0]);
  layer.Set("activation", out.activation);
  SetWeights(out, node.inputs[1], node.input(2), &layer);
  return true;
}

std::vector<TensorId> BuildDropout(LayerIn* in) {
  const double rate = JsonNumber(in->config, "rate", -1);
  Node& node =
      in->graph->AddNode(kDropout, in->name, {in->input()}, {in->name});
  DropoutAttrs attrs;
  attrs.rate = static_cast<float>(rate);
  if (const Json* noise = JsonFind(in->config, "noise_shape"))
    attrs.noise_shape = JsonDims(*noise, "noise_shape");
  if (const Json* seed = JsonFind(in->config, "seed")) {
    if (!IsWholeNumber(*seed)) {
      Fail(ErrorKind::kUnsupported,
           "its seed is {}; a whole number or none is supported",
           JsonShown(*seed));
    }
    attrs.has_seed = true;
    attrs.seed = JsonInt64(*seed, "seed");
  }
  Put(attrs, &node);
  return InferLast(in->graph);
}

bool WriteDropout(const NodeOut& out, LayerWriter* layers) {
  const Node& node = out.node;
  if (node.op != &kDropout) return false;
  const auto attrs = Get<DropoutAttrs>(node);
  OutLayer& layer = layers->Add("Dropout", node.name, out.inputs);
  layer.Set("rate", Decimal(attrs.rate));
  // kWholeDimension is what ConfigValue writes as null.
  layer.Set("noise_shape", attrs.noise_shape.empty()
                               ? ConfigValue()
                               : ConfigValue(attrs.noise_shape));
  layer.Set("seed", attrs.has_seed ? ConfigValue(attrs.seed) : ConfigValue());
  return true;
}

constexpr Variable kDenseVariables[] = {{"kernel", Layout::kOutputLast},
                                        {"bias", Layout::kPlain}};

constexpr LayerRow kRows[] = {
    {"InputLayer",
     "a float32 input; its batch may be fixed or open",
     {},
     BuildInput,
     nullptr},
    {"Dense", "on the last dimension; use_bias", kDenseVariables, BuildDense,
     WriteDense},
    {"Dropout",
     "in training only; rate, noise_shape, seed",
     {},
     BuildDropout,
     WriteDropout},
};

}  // namespace

std::span<const LayerRow> CoreLayers() { return kRows; }

}  // namespace litesmith
