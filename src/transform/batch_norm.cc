// Folds batch normalization, or splits it (specs/keras.md 3.7).
#include "src/transform/batch_norm.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "src/base/slices.h"
#include "src/graph/edit.h"
#include "src/graph/names.h"
#include "src/ops/layer/conv_2d.h"
#include "src/ops/map/binary.h"
#include "src/ops/registry.h"
#include "src/ops/train/batch_norm.h"

namespace litesmith {
namespace {

// The layer that makes the tensor, with its weights; null if it is no layer.
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

// The stored weights behind training-only ops, each of which and the weights
// themselves has no other reader; kNoTensor if there are none.
TensorId OwnWeights(const Graph& graph, const Node& layer) {
  TensorId id =
      layer.inputs[static_cast<size_t>(layer.op->Find(Role::kWeight))];
  while (!graph.tensor(id).has_data()) {
    const NodeId producer = graph.Producer(id);
    if (producer < 0 || graph.NumUses(id) != 1 ||
        graph.node(producer).op->training == nullptr)
      return kNoTensor;
    id = graph.node(producer).inputs[0];
  }
  return graph.NumUses(id) == 1 ? id : kNoTensor;
}

std::vector<float> Floats(const std::vector<double>& values) {
  std::vector<float> floats;
  for (const double v : values) floats.push_back(static_cast<float>(v));
  return floats;
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
void ScaleBias(const ChannelScale& numbers, size_t input, Node* layer,
               Graph* graph) {
  std::vector<double> values = numbers.offset;
  const TensorId old = layer->input(input);
  if (old != kNoTensor) {
    const auto bias = graph->tensor(old).As<float>();
    for (size_t c = 0; c < values.size(); ++c)
      values[c] += double{bias[c]} * numbers.scale[c];
  }
  const std::vector<float> floats = Floats(values);
  if (old != kNoTensor && graph->NumUses(old) == 1) {
    graph->tensor(old).data = TensorData(std::as_bytes(std::span(floats)));
    return;
  }
  layer->inputs.resize(std::max(layer->inputs.size(), input + 1), kNoTensor);
  layer->inputs[input] =
      graph->AddConstant<float>(UniqueTensorName(*graph, layer->name + "/bias"),
                                {static_cast<int32_t>(floats.size())}, floats);
}

bool IsBatchNorm(const Node& node) { return node.op == &kBatchNorm; }

// The layer that alone reads the tensor, as its input 0; null if there is none.
const Node* LayerBehind(const Graph& graph, TensorId id) {
  const NodeId reader = FirstReader(graph, id);
  if (reader == static_cast<NodeId>(graph.nodes.size()) ||
      graph.NumUses(id) != 1)
    return nullptr;
  const Node& layer = graph.node(reader);
  return layer.inputs[0] == id && layer.op->Find(Role::kWeight) > 0 &&
                 layer.op->Find(Role::kBias) > 0
             ? &layer
             : nullptr;
}

bool PadsItsInput(const Graph& graph, const Node& layer) {
  if (layer.op == &kFullyConnected) return false;
  if (layer.op != &kConv2D) return true;
  const Shape& filter = graph.tensor(layer.inputs[1]).shape;
  return layer.Get<&Conv2DAttrs::padding>() != kValid &&
         (filter[1] != 1 || filter[2] != 1);
}

// Whether more than a few values but zero occur twice, as in clusters.
bool SharesValues(std::span<const float> weights) {
  std::set<float> distinct;
  size_t count = 0;
  for (const float w : weights) {
    if (w == 0) continue;
    ++count;
    distinct.insert(w);
  }
  return 100 * (count - distinct.size()) > count;
}

void FoldBehind(Graph* graph, const Node& norm) {
  Node& layer = graph->node(FirstReader(*graph, norm.outputs[0]));
  const auto weight = static_cast<size_t>(layer.op->Find(Role::kWeight));
  const ChannelScale numbers = MovingScale(*graph, norm);
  const Operand& operand = layer.op->OperandOf(weight);
  Tensor& weights = graph->tensor(layer.inputs[weight]);
  const Slices outputs = SlicesAlong(weights.shape, operand.channel_axis);
  const Slices inputs = SlicesAlong(weights.shape, operand.input_axis);
  ChannelScale bias;
  bias.scale.assign(outputs.count, 1.0);
  bias.offset.assign(outputs.count, 0.0);
  const auto values = weights.MutableAs<float>();
  for (size_t i = 0; i < values.size(); ++i) {
    bias.offset[outputs(i)] += double{values[i]} * numbers.offset[inputs(i)];
    values[i] =
        static_cast<float>(double{values[i]} * numbers.scale[inputs(i)]);
  }
  layer.inputs[0] = norm.inputs[0];
  ScaleBias(bias, static_cast<size_t>(layer.op->Find(Role::kBias)), &layer,
            graph);
}

void FoldBefore(Graph* graph, const Node& norm) {
  const NodeId at = graph->Producer(norm.inputs[0]);
  Node& layer = graph->node(at);
  const auto weight = static_cast<size_t>(layer.op->Find(Role::kWeight));
  const ChannelScale numbers = MovingScale(*graph, norm);
  ScaleWeights(numbers.scale, layer.op->OperandOf(weight).channel_axis,
               &graph->tensor(layer.inputs[weight]));
  FusedActivation(&layer)->i = norm.Get<&BatchNormAttrs::activation>();
  layer.outputs = norm.outputs;
  ScaleBias(numbers, static_cast<size_t>(layer.op->Find(Role::kBias)), &layer,
            graph);
}

TensorId AddNumbers(const std::string& name, const std::vector<double>& values,
                    Graph* graph) {
  const std::vector<float> floats = Floats(values);
  return graph->AddConstant<float>(UniqueTensorName(*graph, name),
                                   {static_cast<int32_t>(floats.size())},
                                   floats);
}

// x * scale, then + offset with the activation.
std::vector<Node> Split(Graph* graph, const Node& norm) {
  const ChannelScale numbers = MovingScale(*graph, norm);
  Tensor product;
  product.name = UniqueTensorName(*graph, norm.name + "/mul");
  product.shape = graph->tensor(norm.inputs[0]).shape;
  Node mul;
  mul.op = &kMul;
  mul.name = product.name;
  mul.attrs = DefaultAttrs(kMul);
  mul.inputs = {norm.inputs[0],
                AddNumbers(norm.name + "/scale", numbers.scale, graph)};
  mul.outputs = {graph->AddTensor(std::move(product))};
  Node add;
  add.op = &kAdd;
  add.name = norm.name;
  add.attrs = DefaultAttrs(kAdd);
  FusedActivation(&add)->i = norm.Get<&BatchNormAttrs::activation>();
  add.inputs = {mul.outputs[0],
                AddNumbers(norm.name + "/offset", numbers.offset, graph)};
  add.outputs = norm.outputs;
  return {std::move(mul), std::move(add)};
}

}  // namespace

bool GoesIntoLayerBefore(const Graph& graph, const Node& node) {
  if (!IsBatchNorm(node)) return false;
  const TensorId x = node.inputs[0];
  const Node* layer = LayerBefore(graph, x);
  if (layer == nullptr || graph.NumUses(x) != 1 ||
      !graph.tensor(x).quant.empty())
    return false;
  const AttrValue* activation = FusedActivation(*layer);
  if (activation == nullptr || activation->i != kNone) return false;
  const TensorId bias =
      layer->input(static_cast<size_t>(layer->op->Find(Role::kBias)));
  const TensorId weights = OwnWeights(graph, *layer);
  return weights != kNoTensor &&
         graph.tensor(weights).dtype == DType::kFloat32 &&
         (bias == kNoTensor || graph.tensor(bias).has_data());
}

bool GoesIntoLayerBehind(const Graph& graph, const Node& node) {
  if (!IsBatchNorm(node) || node.Get<&BatchNormAttrs::activation>() != kNone ||
      !graph.tensor(node.outputs[0]).quant.empty())
    return false;
  const Node* layer = LayerBehind(graph, node.outputs[0]);
  if (layer == nullptr || PadsItsInput(graph, *layer)) return false;
  const auto weight = static_cast<size_t>(layer->op->Find(Role::kWeight));
  const Tensor& weights = graph.tensor(layer->inputs[weight]);
  const int axis = layer->op->OperandOf(weight).input_axis;
  const TensorId bias =
      layer->input(static_cast<size_t>(layer->op->Find(Role::kBias)));
  return weights.has_data() && weights.dtype == DType::kFloat32 &&
         weights.quant.empty() && graph.NumUses(layer->inputs[weight]) == 1 &&
         weights.shape[axis] ==
             graph.tensor(node.inputs[batch_norm::kMovingMean]).shape[0] &&
         (bias == kNoTensor || graph.tensor(bias).has_data()) &&
         !SharesValues(weights.As<float>());
}

bool TakesBatchNorm(const Graph& graph, const Node& node) {
  const TensorId out = node.outputs[0];
  return std::any_of(graph.nodes.begin(), graph.nodes.end(),
                     [&](const Node& reader) {
                       return IsBatchNorm(reader) && reader.inputs[0] == out &&
                              GoesIntoLayerBefore(graph, reader);
                     });
}

Graph SplitBatchNorms(const Graph& graph) {
  if (std::none_of(graph.nodes.begin(), graph.nodes.end(), IsBatchNorm))
    return graph;
  Graph result = graph;
  result.nodes.clear();
  for (const Node& node : graph.nodes) {
    if (!IsBatchNorm(node) || GoesIntoLayerBefore(graph, node) ||
        GoesIntoLayerBehind(graph, node)) {
      result.nodes.push_back(node);
      continue;
    }
    for (Node& part : Split(&result, node))
      result.nodes.push_back(std::move(part));
  }
  InferShapes(&result);
  return result;
}

Graph FoldBatchNorms(const Graph& graph) {
  Graph result = graph;
  for (size_t n = 0; n < result.nodes.size(); ++n) {
    const Node norm = result.nodes[n];
    if (GoesIntoLayerBefore(result, norm)) {
      FoldBefore(&result, norm);
    } else if (GoesIntoLayerBehind(result, norm)) {
      FoldBehind(&result, norm);
    } else {
      continue;
    }
    result.nodes.erase(result.nodes.begin() + static_cast<ptrdiff_t>(n));
    --n;
  }
  return result;
}

bool FreezeBatchNorms(bool frozen, Graph* graph) {
  bool any = false;
  for (Node& node : graph->nodes) {
    if (node.op != &kBatchNorm) continue;
    node.Set<&BatchNormAttrs::frozen>(frozen);
    any = true;
  }
  return any;
}

}  // namespace litesmith
