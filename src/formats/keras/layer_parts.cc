#include "src/formats/keras/layer_parts.h"

#include <fmt/ranges.h>

#include <cmath>

#include "src/base/error.h"
#include "src/formats/keras/layout.h"
#include "src/graph/op_def.h"
#include "src/ops/layer/conv_2d.h"
#include "src/ops/layer/fully_connected.h"
#include "src/ops/pool/pool_2d.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

// "conv2d/kernel:0" (Keras 2) and "sequential/conv2d/kernel" (Keras 3) -> the
// variable's own name.
std::string VariableName(const std::string& weight) {
  const size_t slash = weight.rfind('/');
  std::string name =
      slash == std::string::npos ? weight : weight.substr(slash + 1);
  const size_t colon = name.rfind(':');
  if (colon != std::string::npos) name.erase(colon);
  return name;
}

// The weight's values, whose shape must be `dims`.
std::span<const float> Weight(const LayerContext& layer, const char* variable,
                              const std::vector<int32_t>& dims) {
  // A list beyond 64 KB is cut into weight_names0, weight_names1, ...
  const std::string key = "weight_names";
  const auto* names = layer.weights.Attribute(layer.name, key);
  for (int part = 0;; ++part) {
    if (names != nullptr) {
      for (const std::string& name : *names) {
        if (VariableName(name) != variable) continue;
        const auto it = layer.weights.datasets.find(layer.name + "/" + name);
        if (it == layer.weights.datasets.end()) {
          Fail(ErrorKind::kCorrupt, "its weight '{}' is not in the file", name);
        }
        const H5Dataset& data = it->second;
        if (data.dims != std::vector<int64_t>(dims.begin(), dims.end())) {
          Fail(ErrorKind::kCorrupt,
               "its weight '{}' has the shape ({}); ({}) is wanted", name,
               fmt::join(data.dims, ", "), fmt::join(dims, ", "));
        }
        return {reinterpret_cast<const float*>(data.bytes.data()),
                data.bytes.size() / sizeof(float)};
      }
    } else if (part > 0) {
      break;
    }
    names = layer.weights.Attribute(layer.name, key + std::to_string(part));
  }
  Fail(ErrorKind::kCorrupt, "the file holds no weight '{}' for it", variable);
}

TensorKind WeightKind(const LayerContext& layer) {
  return layer.trainable ? TensorKind::kParameter : TensorKind::kConstant;
}

// "relu", or what Keras serializes an activation object to.
std::string ActivationName(const Json& value) {
  if (value.is_string()) return JsonString(value, "activation");
  const std::string class_name = JsonString(value, "class_name", "");
  const Json* config = JsonFind(value, "config");
  if (class_name == "function" && config != nullptr && config->is_string())
    return JsonString(*config, "activation");
  return class_name;
}

}  // namespace

TensorId AddKernel(const LayerContext& layer,
                   const std::vector<int32_t>& dims) {
  for (const int32_t dim : dims) {
    if (dim < 1) {
      Fail(ErrorKind::kCorrupt, "its kernel would have the shape ({})",
           fmt::join(dims, ", "));
    }
  }
  const std::span<const float> values = Weight(layer, "kernel", dims);
  Tensor tensor;
  tensor.name = layer.name + "/kernel";
  tensor.kind = WeightKind(layer);
  tensor.shape = FromKerasShape(dims);
  tensor.data = TensorData(values.size_bytes());
  FromKerasLayout(values, dims.back(), tensor.MutableAs<float>());
  return layer.graph->AddTensor(std::move(tensor));
}

void AddBias(const LayerContext& layer, int32_t n,
             std::vector<TensorId>* inputs) {
  if (!JsonBool(layer.config, "use_bias", true)) return;
  inputs->push_back(layer.graph->AddConstant<float>(layer.name + "/bias", {n},
                                                    Weight(layer, "bias", {n}),
                                                    WeightKind(layer)));
}

TensorId InferLast(Graph* graph) {
  const Node& node = graph->nodes.back();
  node.op->infer(graph, node);
  return node.outputs[0];
}

void CheckChannelsLast(const Json& config) {
  const std::string format = JsonString(config, "data_format", "channels_last");
  if (format != "channels_last") {
    Fail(ErrorKind::kUnsupported,
         "its data_format is {}; channels_last is supported", format);
  }
}

int64_t PaddingOf(const Json& config) {
  const std::string padding = JsonString(config, "padding", "valid");
  if (padding == "same") return kSame;
  if (padding == "valid") return kValid;
  Fail(ErrorKind::kUnsupported, "its padding is {}; same or valid is supported",
       padding);
}

int64_t ActivationOf(const Json& config) {
  const Json* value = JsonFind(config, "activation");
  if (value == nullptr) return kNone;
  const std::string name = ActivationName(*value);
  if (name == "linear") return kNone;
  if (name == "relu") return activation::kRelu;
  if (name == "relu6") return activation::kRelu6;
  if (name == "ReLU") return ReluOf(JsonAt(*value, "config"));
  if (name == "softmax") {
    Fail(ErrorKind::kUnsupported,
         "its activation is softmax, for which there is no op yet; end the "
         "model in logits (activation linear), which rank the classes alike");
  }
  Fail(ErrorKind::kUnsupported,
       "its activation is '{}'; linear, relu and relu6 are supported", name);
}

int64_t ReluOf(const Json& config) {
  const double slope =
      JsonNumber(config, "negative_slope", JsonNumber(config, "alpha", 0));
  const double threshold = JsonNumber(config, "threshold", 0);
  const double max = JsonNumber(config, "max_value", INFINITY);
  if (slope != 0 || threshold != 0 || (max != 6 && max != INFINITY)) {
    Fail(ErrorKind::kUnsupported,
         "its max_value is {}, negative_slope {}, threshold {}; max_value none "
         "or 6 with 0 and 0 is supported",
         max, slope, threshold);
  }
  return max == 6 ? activation::kRelu6 : activation::kRelu;
}

TensorId FuseActivation(const LayerContext& layer, int64_t activation) {
  if (activation == kNone) return layer.input;
  NodeId producer = layer.graph->Producer(layer.input);
  // A ReLU behind a dropout is the same before it, where it can be fused: what
  // is kept is scaled by a positive number.
  while (producer >= 0 && activation == activation::kRelu &&
         layer.graph->node(producer).op->only_in_training()) {
    producer = layer.graph->Producer(layer.graph->node(producer).inputs[0]);
  }
  AttrValue* const fused =
      producer < 0 ? nullptr : FusedActivation(&layer.graph->node(producer));
  if (fused == nullptr || layer.input_shared) {
    Fail(ErrorKind::kUnsupported,
         "an activation by itself is supported right behind a convolution, "
         "pooling or dense layer whose output nothing else reads");
  }
  // Relu6 after or before relu is relu6.
  if (fused->i != activation::kRelu6) fused->i = activation;
  return layer.input;
}

}  // namespace litesmith
