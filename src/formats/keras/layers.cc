#include "src/formats/keras/layers.h"

#include "src/base/error.h"
#include "src/formats/keras/layer_parts.h"
#include "src/graph/op_def.h"
#include "src/ops/layer/conv_2d.h"
#include "src/ops/layer/fully_connected.h"
#include "src/ops/pool/pool_2d.h"
#include "src/ops/registry.h"
#include "src/ops/train/train.h"

namespace litesmith {
namespace {

TensorId BuildInput(const LayerContext& layer) {
  const Json* dims = JsonFind(layer.config, "batch_shape");  // Keras 3
  if (dims == nullptr) dims = &JsonAt(layer.config, "batch_input_shape");
  return AddKerasInput(JsonDims(*dims, "batch_shape"), layer.name, layer.graph);
}

TensorId AddReshape(const LayerContext& layer,
                    const std::vector<int32_t>& target) {
  Graph& graph = *layer.graph;
  const TensorId constant = graph.AddConstant<int32_t>(
      layer.name + "/shape", {static_cast<int32_t>(target.size())}, target);
  graph.AddNode(kReshape, layer.name, {layer.input, constant}, {layer.name});
  return InferLast(layer.graph);
}

TensorId BuildReshape(const LayerContext& layer) {
  std::vector<int32_t> target =
      JsonDims(JsonAt(layer.config, "target_shape"), "target_shape");
  if (target.size() >= Shape::kMaxRank) {
    Fail(ErrorKind::kUnsupported, "its target shape has {} dimensions",
         target.size());
  }
  const int64_t sample =
      layer.graph->tensor(layer.input).shape.NumElementsPerSample();
  int64_t known = 1;
  int32_t* unknown = nullptr;
  for (int32_t& dim : target) {
    if (dim == -1 && unknown == nullptr) {
      unknown = &dim;
      continue;
    }
    if (dim < 1 || known > sample) {
      Fail(ErrorKind::kCorrupt, "its target shape has the dimension {}", dim);
    }
    known *= dim;
  }
  if (sample % known != 0 || (unknown == nullptr && sample != known)) {
    Fail(ErrorKind::kCorrupt, "its target shape does not fit its input {}",
         layer.graph->tensor(layer.input).shape.ToString());
  }
  if (unknown != nullptr) *unknown = static_cast<int32_t>(sample / known);
  target.insert(target.begin(), -1);
  return AddReshape(layer, std::move(target));
}

TensorId BuildFlatten(const LayerContext& layer) {
  CheckChannelsLast(layer.config);
  const int64_t sample =
      layer.graph->tensor(layer.input).shape.NumElementsPerSample();
  return AddReshape(layer, {-1, static_cast<int32_t>(sample)});
}

TensorId BuildConv2D(const LayerContext& layer) {
  CheckChannelsLast(layer.config);
  const auto [kernel_h, kernel_w] =
      JsonPair(layer.config, "kernel_size", {0, 0});
  const auto [stride_h, stride_w] = JsonPair(layer.config, "strides", {1, 1});
  const auto [dilation_h, dilation_w] =
      JsonPair(layer.config, "dilation_rate", {1, 1});
  const int32_t filters = JsonInt(JsonAt(layer.config, "filters"), "filters");
  const int32_t groups = JsonInt(layer.config, "groups", 1);
  const Shape& x = layer.graph->tensor(layer.input).shape;
  if (x.rank() != 4 || groups < 1 || x[3] % groups != 0) {
    Fail(ErrorKind::kCorrupt,
         "its input is {}; [batch, height, width, channels] is wanted, with a "
         "multiple of {} channels",
         x.ToString(), groups);
  }
  const TensorId kernel =
      AddKernel(layer, {kernel_h, kernel_w, x[3] / groups, filters});
  std::vector<TensorId> inputs = {layer.input, kernel};
  AddBias(layer, filters, &inputs);
  Node& node = layer.graph->AddNode(kConv2D, layer.name, std::move(inputs),
                                    {layer.name});
  node.Set<&Conv2DAttrs::padding>(PaddingOf(layer.config));
  node.Set<&Conv2DAttrs::stride_h>(stride_h);
  node.Set<&Conv2DAttrs::stride_w>(stride_w);
  node.Set<&Conv2DAttrs::dilation_h>(dilation_h);
  node.Set<&Conv2DAttrs::dilation_w>(dilation_w);
  node.Set<&Conv2DAttrs::activation>(ActivationOf(layer.config));
  return InferLast(layer.graph);
}

TensorId BuildMaxPooling2D(const LayerContext& layer) {
  CheckChannelsLast(layer.config);
  const auto pool = JsonPair(layer.config, "pool_size", {2, 2});
  const auto strides = JsonPair(layer.config, "strides", pool);
  Node& node =
      layer.graph->AddNode(kMaxPool2D, layer.name, {layer.input}, {layer.name});
  node.Set<&Pool2DAttrs::padding>(PaddingOf(layer.config));
  node.Set<&Pool2DAttrs::stride_h>(strides[0]);
  node.Set<&Pool2DAttrs::stride_w>(strides[1]);
  node.Set<&Pool2DAttrs::filter_h>(pool[0]);
  node.Set<&Pool2DAttrs::filter_w>(pool[1]);
  return InferLast(layer.graph);
}

TensorId BuildDense(const LayerContext& layer) {
  const int32_t units = JsonInt(JsonAt(layer.config, "units"), "units");
  const Shape x = layer.graph->tensor(layer.input).shape;
  if (x.rank() < 2) {
    Fail(ErrorKind::kCorrupt, "its input is {}; [batch, ..., in] is wanted",
         x.ToString());
  }
  const TensorId kernel = AddKernel(layer, {x[x.rank() - 1], units});
  std::vector<TensorId> inputs = {layer.input, kernel};
  AddBias(layer, units, &inputs);
  Node& node = layer.graph->AddNode(kFullyConnected, layer.name,
                                    std::move(inputs), {layer.name});
  node.Set<&FullyConnectedAttrs::activation>(ActivationOf(layer.config));
  node.Set<&FullyConnectedAttrs::keep_num_dims>(x.rank() > 2);
  return InferLast(layer.graph);
}

TensorId BuildActivation(const LayerContext& layer) {
  return FuseActivation(layer, ActivationOf(layer.config));
}

TensorId BuildReLU(const LayerContext& layer) {
  return FuseActivation(layer, ReluOf(layer.config));
}

TensorId BuildDropout(const LayerContext& layer) {
  const double rate = JsonNumber(layer.config, "rate", -1);
  Node& node =
      layer.graph->AddNode(kDropout, layer.name, {layer.input}, {layer.name});
  node.Set<&DropoutAttrs::rate>(static_cast<float>(rate));
  if (const Json* noise = JsonFind(layer.config, "noise_shape")) {
    node.Set<&DropoutAttrs::noise_shape>(JsonDims(*noise, "noise_shape"));
  }
  if (const Json* seed = JsonFind(layer.config, "seed")) {
    if (!seed->is_number_integer()) {
      Fail(ErrorKind::kUnsupported,
           "its seed is {}; a whole number or none is supported",
           seed->dump().substr(0, 60));
    }
    node.Set<&DropoutAttrs::has_seed>(1);
    node.Set<&DropoutAttrs::seed>(seed->get<int64_t>());
  }
  return InferLast(layer.graph);
}

constexpr LayerRow kRows[] = {
    {"InputLayer", "a float32 input; its batch may be fixed or open",
     BuildInput},
    {"Reshape", "target_shape with at most one -1", BuildReshape},
    {"Flatten", "channels_last", BuildFlatten},
    {"Conv2D",
     "padding same or valid, strides, dilation_rate, groups, use_bias; "
     "channels_last",
     BuildConv2D},
    {"MaxPooling2D", "padding same or valid; channels_last", BuildMaxPooling2D},
    {"Dense", "on the last dimension; use_bias", BuildDense},
    {"Activation",
     "linear, relu or relu6, behind a layer that it can be fused into",
     BuildActivation},
    {"ReLU", "max_value none or 6, behind a layer that it can be fused into",
     BuildReLU},
    {"Dropout", "in training only; rate, noise_shape, seed", BuildDropout},
};

}  // namespace

std::span<const LayerRow> LayerRows() { return kRows; }

const LayerRow* FindLayerRow(const std::string& class_name) {
  for (const LayerRow& row : kRows) {
    if (class_name == row.class_name) return &row;
  }
  return nullptr;
}

TensorId AddKerasInput(const std::vector<int32_t>& dims,
                       const std::string& name, Graph* graph) {
  if (dims.empty() || dims.size() > Shape::kMaxRank) {
    Fail(ErrorKind::kUnsupported, "its shape has {} dimensions", dims.size());
  }
  Tensor tensor;
  tensor.name = name;
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
  const TensorId id = graph->AddTensor(std::move(tensor));
  graph->inputs.push_back(id);
  graph->input_names.push_back(name);
  return id;
}

}  // namespace litesmith
