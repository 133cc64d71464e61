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
#include "src/ops/map/binary.h"
#include "src/ops/registry.h"
#include "src/ops/train/batch_norm.h"
#include "src/transform/scale_layer.h"

namespace litesmith {
namespace {

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

bool IsBatchNorm(const Node& node) { return node.op == &kBatchNorm; }

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
  const NodeId at = FirstReader(*graph, norm.outputs[0]);
  graph->node(at)
      .inputs[static_cast<size_t>(graph->node(at).op->Find(Role::kData))] =
      norm.inputs[0];
  ScaleInputs(MovingScale(*graph, norm), at, graph);
}

void FoldBefore(Graph* graph, const Node& norm) {
  const NodeId at = graph->Producer(norm.inputs[0]);
  Node& layer = graph->node(at);
  FusedActivation(&layer)->i = norm.Get<&BatchNormAttrs::activation>();
  layer.outputs = norm.outputs;
  ScaleOutputs(MovingScale(*graph, norm), at, graph);
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

// The largest weight of each output channel, squared.
std::vector<double> LargestSquares(const Tensor& weights, int axis) {
  const Slices outputs = SlicesAlong(weights.shape, axis);
  std::vector<double> largest(outputs.count, 0.0);
  const auto values = weights.As<float>();
  for (size_t i = 0; i < values.size(); ++i) {
    double& of = largest[outputs(i)];
    of = std::max(of, double{values[i]} * values[i]);
  }
  return largest;
}

// Whether the layer behind has half more error and more as integers when the
// normalization z = x * s + t is in it. Weights w have steps of max |w| /
// 127, so the variance of their errors' sum is in proportion to max |w|^2 sum
// of z^2, and folded to max |w s|^2 sum of x^2; the moments say what x^2 and
// z^2 are.
bool FoldingCosts(const Graph& graph, const Node& norm) {
  const ChannelScale numbers = MovingScale(graph, norm);
  const Node& layer = *LayerBehind(graph, norm.outputs[0]);
  if (BearsScales(layer, numbers.scale)) return false;
  const auto moments = [&](size_t i) {
    return graph.tensor(norm.inputs[i]).As<float>();
  };
  double plain = 0, folded = 0;
  for (size_t c = 0; c < numbers.scale.size(); ++c) {
    const double mean = moments(batch_norm::kMovingMean)[c];
    const double variance = moments(batch_norm::kMovingVariance)[c];
    const double s = numbers.scale[c], z = s * mean + numbers.offset[c];
    folded += variance + mean * mean;
    plain += s * s * variance + z * z;
  }
  Graph after = graph;
  FoldBehind(&after, norm);
  const auto weight = static_cast<size_t>(layer.op->Find(Role::kWeight));
  const int axis = layer.op->OperandOf(weight).channel_axis;
  const TensorId id = layer.inputs[weight];
  const std::vector<double> w = LargestSquares(graph.tensor(id), axis);
  const std::vector<double> ws = LargestSquares(after.tensor(id), axis);
  double ratio = 0;
  for (size_t o = 0; o < w.size(); ++o)
    ratio += w[o] > 0 ? ws[o] / w[o] / static_cast<double>(w.size()) : 0;
  constexpr double kHalfMore = 1.5 * 1.5;  // of variances
  return ratio * folded > kHalfMore * plain;
}

// MUL and ADD of the batch normalizations of which `splits` holds.
template <class F>
Graph SplitThose(const Graph& graph, const F& splits) {
  if (std::none_of(graph.nodes.begin(), graph.nodes.end(), IsBatchNorm))
    return graph;
  Graph result = graph;
  result.nodes.clear();
  for (const Node& node : graph.nodes) {
    if (!IsBatchNorm(node) || !splits(node)) {
      result.nodes.push_back(node);
      continue;
    }
    for (Node& part : Split(&result, node))
      result.nodes.push_back(std::move(part));
  }
  InferShapes(&result);
  return result;
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
  const TensorId bias =
      layer->input(static_cast<size_t>(layer->op->Find(Role::kBias)));
  return weights.quant.empty() &&
         InputChannels(graph, *layer) ==
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
  return SplitThose(graph, [&](const Node& node) {
    return !GoesIntoLayerBefore(graph, node) &&
           !GoesIntoLayerBehind(graph, node);
  });
}

Graph SplitCostlyBatchNorms(const Graph& graph) {
  return SplitThose(graph, [&](const Node& node) {
    return !GoesIntoLayerBefore(graph, node) &&
           GoesIntoLayerBehind(graph, node) && FoldingCosts(graph, node);
  });
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

bool HasBatchNorms(const Graph& graph) {
  return std::any_of(graph.nodes.begin(), graph.nodes.end(),
                     [](const Node& node) { return node.op == &kBatchNorm; });
}

bool FreezeBatchNorms(bool frozen, Graph* graph) {
  for (Node& node : graph->nodes) {
    if (node.op == &kBatchNorm) node.Set<&BatchNormAttrs::frozen>(frozen);
  }
  return HasBatchNorms(*graph);
}

}  // namespace litesmith
