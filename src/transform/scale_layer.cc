// Channels' scales in weights and biases.
#include "src/transform/scale_layer.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <string>
#include <vector>

#include "src/base/slices.h"
#include "src/graph/edit.h"
#include "src/graph/names.h"
#include "src/graph/op_def.h"
#include "src/ops/layer/conv_2d.h"
#include "src/ops/layer/depthwise_conv_2d.h"
#include "src/ops/registry.h"

namespace litesmith {
namespace {

size_t At(const Node& layer, Role role) {
  return static_cast<size_t>(layer.op->Find(role));
}

void ScaleWeights(const std::vector<double>& scale, int axis, Tensor* weights) {
  const Slices channels = SlicesAlong(weights->shape, axis);
  const auto values = weights->MutableAs<float>();
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<float>(double{values[i]} * scale[channels(i)]);
  }
  Quantization& q = weights->quant;
  if (q.empty()) return;
  q.axis = axis;
  q.scale.resize(channels.count, q.scale[0]);
  q.zero_point.resize(channels.count, q.zero_point[0]);
  for (size_t c = 0; c < channels.count; ++c) {
    // A channel of zeros keeps a scale that its bias can be stored by.
    const auto scaled =
        static_cast<float>(double{q.scale[c]} * std::fabs(scale[c]));
    if (scaled > 0) q.scale[c] = scaled;
  }
}

// b * scale + offset, of zeros where the layer has no bias.
void ScaleBias(const ChannelScale& numbers, Node* layer, Graph* graph) {
  const size_t input = At(*layer, Role::kBias);
  std::vector<double> values = numbers.offset;
  const TensorId old = layer->input(input);
  if (old != kNoTensor) {
    const auto bias = graph->tensor(old).As<float>();
    for (size_t c = 0; c < values.size(); ++c)
      values[c] += double{bias[c]} * numbers.scale[c];
  }
  std::vector<float> floats;
  for (const double v : values) floats.push_back(static_cast<float>(v));
  if (old != kNoTensor && graph->NumUses(old) == 1) {
    graph->tensor(old).data = TensorData(std::as_bytes(std::span(floats)));
    return;
  }
  layer->inputs.resize(std::max(layer->inputs.size(), input + 1), kNoTensor);
  layer->inputs[input] =
      graph->AddConstant<float>(UniqueTensorName(*graph, layer->name + "/bias"),
                                {static_cast<int32_t>(floats.size())}, floats);
}

// The input channel that a stored weight reads.
class InputOf {
 public:
  InputOf(const Node& layer, const Tensor& weights, size_t channels)
      : depthwise_(layer.op == &kDepthwiseConv2D), channels_(channels) {
    const Operand& operand = layer.op->OperandOf(At(layer, Role::kWeight));
    outputs_ = SlicesAlong(weights.shape, operand.channel_axis);
    inputs_ = SlicesAlong(
        weights.shape, depthwise_ ? operand.channel_axis : operand.input_axis);
  }
  size_t operator()(size_t i) const {
    // Output channel c * m + k reads input channel c.
    return depthwise_ ? inputs_(i) / (inputs_.count / channels_) : inputs_(i);
  }
  size_t Output(size_t i) const { return outputs_(i); }
  size_t outputs() const { return outputs_.count; }

 private:
  bool depthwise_;
  size_t channels_;
  Slices outputs_, inputs_;
};

const Tensor* StoredWeights(const Graph& graph, const Node& layer) {
  const int weight = layer.op->Find(Role::kWeight);
  if (weight < 0) return nullptr;
  const TensorId id = layer.inputs[static_cast<size_t>(weight)];
  const Tensor& weights = graph.tensor(id);
  const bool own = weights.has_data() && weights.dtype == DType::kFloat32 &&
                   graph.NumUses(id) == 1;
  return own ? &weights : nullptr;
}

}  // namespace

const Node* LayerBefore(const Graph& graph, TensorId id) {
  const NodeId producer = graph.Producer(id);
  if (producer < 0) return nullptr;
  const Node& layer = graph.node(producer);
  const int weight = layer.op->Find(Role::kWeight);
  if (weight < 0 || layer.op->Find(Role::kBias) < 0 ||
      layer.op->OperandOf(static_cast<size_t>(weight)).channel_axis < 0)
    return nullptr;
  return &layer;
}

const Node* LayerBehind(const Graph& graph, TensorId id) {
  const NodeId reader = FirstReader(graph, id);
  if (reader == static_cast<NodeId>(graph.nodes.size()) ||
      graph.NumUses(id) != 1)
    return nullptr;
  const Node& layer = graph.node(reader);
  return layer.op->Find(Role::kWeight) >= 0 &&
                 layer.op->Find(Role::kBias) >= 0 &&
                 layer.inputs[At(layer, Role::kData)] == id
             ? &layer
             : nullptr;
}

bool PadsItsInput(const Graph& graph, const Node& layer) {
  if (layer.op == &kFullyConnected) return false;
  int64_t padding = kSame;
  if (layer.op == &kConv2D) {
    padding = layer.Get<&Conv2DAttrs::padding>();
  } else if (layer.op == &kDepthwiseConv2D) {
    padding = layer.Get<&DepthwiseConv2DAttrs::padding>();
  } else {
    return true;  // a transposed one has pixels with fewer taps at its edges
  }
  const Shape& filter = graph.tensor(layer.inputs[1]).shape;
  return padding != kValid && (filter[1] != 1 || filter[2] != 1);
}

int OutputChannels(const Graph& graph, const Node& layer) {
  const Tensor* weights = StoredWeights(graph, layer);
  if (weights == nullptr) return 0;
  const int axis = layer.op->OperandOf(At(layer, Role::kWeight)).channel_axis;
  return axis < 0 ? 0 : weights->shape[axis];
}

int InputChannels(const Graph& graph, const Node& layer) {
  const Tensor* weights = StoredWeights(graph, layer);
  if (weights == nullptr) return 0;
  const Shape& x = graph.tensor(layer.inputs[At(layer, Role::kData)]).shape;
  if (x.rank() == 0) return 0;
  const int32_t channels = x[x.rank() - 1];
  if (layer.op == &kDepthwiseConv2D) {
    return channels > 0 && weights->shape[3] % channels == 0 ? channels : 0;
  }
  const int axis = layer.op->OperandOf(At(layer, Role::kWeight)).input_axis;
  return axis >= 0 && weights->shape[axis] == channels ? channels : 0;
}

bool BearsScales(const Node& layer, const std::vector<double>& scales) {
  if (layer.op == &kDepthwiseConv2D) return true;
  constexpr double kAlike = 1.25;
  double least = std::fabs(scales[0]);
  double largest = least;
  for (const double s : scales) {
    least = std::min(least, std::fabs(s));
    largest = std::max(largest, std::fabs(s));
  }
  return largest <= kAlike * least;
}

void ScaleOutputs(const ChannelScale& numbers, NodeId layer, Graph* graph) {
  Node& node = graph->node(layer);
  const size_t weight = At(node, Role::kWeight);
  ScaleWeights(numbers.scale, node.op->OperandOf(weight).channel_axis,
               &graph->tensor(node.inputs[weight]));
  ScaleBias(numbers, &node, graph);
}

void ScaleInputs(const ChannelScale& numbers, NodeId layer, Graph* graph) {
  Node& node = graph->node(layer);
  Tensor& weights = graph->tensor(node.inputs[At(node, Role::kWeight)]);
  const InputOf input(node, weights, numbers.scale.size());
  ChannelScale bias;
  bias.scale.assign(input.outputs(), 1.0);
  bias.offset.assign(input.outputs(), 0.0);
  const auto values = weights.MutableAs<float>();
  for (size_t i = 0; i < values.size(); ++i) {
    bias.offset[input.Output(i)] +=
        double{values[i]} * numbers.offset[input(i)];
    values[i] = static_cast<float>(double{values[i]} * numbers.scale[input(i)]);
  }
  const bool moves = std::any_of(numbers.offset.begin(), numbers.offset.end(),
                                 [](double t) { return t != 0; });
  if (moves) ScaleBias(bias, &node, graph);
}

}  // namespace litesmith
