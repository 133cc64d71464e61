// x * s + t by channel, spelt with MUL, ADD, SUB, DIV and NEG: several are one
// or two, and next to a layer they are none.
#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "src/graph/edit.h"
#include "src/ops/registry.h"
#include "src/transform/clean_up/rows.h"
#include "src/transform/clean_up/surgery.h"
#include "src/transform/scale_layer.h"

namespace litesmith::clean_up {
namespace {

// y = x * scale + offset along the last dimension, or for all of it (one
// value).
struct Affine {
  TensorId x;
  ChannelScale numbers;
};

// The constant's values along the last dimension of `shape`, or its one; none
// if it is of another form.
std::vector<double> ByChannel(const Graph& graph, TensorId id,
                              const Shape& shape) {
  const Tensor& tensor = graph.tensor(id);
  const auto values = tensor.As<float>();
  const Shape& own = tensor.shape;
  const int32_t last = own.rank() > 0 ? own[own.rank() - 1] : 1;
  const bool channels = own.rank() <= shape.rank() &&
                        own.NumElements() == last &&
                        (last == 1 || last == shape[shape.rank() - 1]);
  if (!channels) return {};
  return {values.begin(), values.end()};
}

std::optional<Affine> AffineOf(const Graph& graph, const Node& node) {
  if (!IsOneOf(node, {&kMul, &kAdd, &kSub, &kDiv, &kNeg}) ||
      !IsPlain(graph, node.outputs[0]))
    return std::nullopt;
  if (node.op == &kNeg) {
    if (!IsPlain(graph, node.inputs[0])) return std::nullopt;
    return Affine{node.inputs[0], {{-1.0}, {0.0}}};
  }
  const int side = VariableSide(graph, node);
  if (side < 0 || (node.op == &kDiv && side != 0)) return std::nullopt;
  const TensorId x = node.inputs[static_cast<size_t>(side)];
  const Shape& shape = graph.tensor(x).shape;
  if (!IsKnown(shape) || !(shape == graph.tensor(node.outputs[0]).shape))
    return std::nullopt;
  const std::vector<double> c =
      ByChannel(graph, node.inputs[static_cast<size_t>(1 - side)], shape);
  if (c.empty()) return std::nullopt;
  Affine affine{
      x,
      {std::vector<double>(c.size(), 1.0), std::vector<double>(c.size(), 0.0)}};
  for (size_t i = 0; i < c.size(); ++i) {
    double& scale = affine.numbers.scale[i];
    double& offset = affine.numbers.offset[i];
    if (node.op == &kMul) {
      scale = c[i];
    } else if (node.op == &kDiv) {
      if (c[i] == 0) return std::nullopt;
      scale = 1 / c[i];
    } else if (node.op == &kAdd) {
      offset = c[i];
    } else {
      scale = side == 0 ? 1 : -1;
      offset = side == 0 ? -c[i] : c[i];
    }
  }
  return affine;
}

void Widen(size_t channels, ChannelScale* numbers) {
  if (numbers->scale.size() == channels) return;
  numbers->scale.assign(channels, numbers->scale[0]);
  numbers->offset.assign(channels, numbers->offset[0]);
}

// `second` behind `first`.
ChannelScale Chain(ChannelScale first, ChannelScale second) {
  const size_t channels = std::max(first.scale.size(), second.scale.size());
  Widen(channels, &first);
  Widen(channels, &second);
  for (size_t c = 0; c < channels; ++c) {
    first.scale[c] *= second.scale[c];
    first.offset[c] = first.offset[c] * second.scale[c] + second.offset[c];
  }
  return first;
}

bool AllAre(const std::vector<double>& values, double value) {
  return std::all_of(values.begin(), values.end(),
                     [&](double v) { return v == value; });
}

Shape ShapeOf(const std::vector<double>& values) {
  return values.size() == 1 ? Shape()
                            : Shape{static_cast<int32_t>(values.size())};
}

bool HasStoredBias(const Graph& graph, const Node& layer) {
  const TensorId bias =
      layer.input(static_cast<size_t>(layer.op->Find(Role::kBias)));
  return bias == kNoTensor || IsConstant(graph, bias);
}

bool HasPlainWeights(const Graph& graph, const Node& layer) {
  return IsConstant(
      graph, layer.inputs[static_cast<size_t>(layer.op->Find(Role::kWeight))]);
}

}  // namespace

// A chain of them that can be shorter: at most MUL and ADD.
bool MergeAffine(Graph* graph, NodeId n) {
  const Node node = graph->node(n);
  const auto last = AffineOf(*graph, node);
  if (!last) return false;
  ChannelScale all = last->numbers;
  TensorId x = last->x;
  int length = 1;
  while (IsPrivate(*graph, x)) {
    const Node* before = Producer(*graph, x);
    if (before == nullptr || ActivationOf(*before) != kNone) break;
    const auto affine = AffineOf(*graph, *before);
    if (!affine) break;
    all = Chain(affine->numbers, all);
    x = affine->x;
    ++length;
  }
  const bool scales = !AllAre(all.scale, 1);
  const bool moves = !AllAre(all.offset, 0);
  if (length <= (scales ? 1 : 0) + (moves ? 1 : 0)) return false;
  if (!scales && !moves)
    return ActivationOf(node) == kNone && TakeOut(graph, n, x);
  Node end = MakeNode(moves ? kAdd : kMul, node.name, {}, node.outputs);
  FusedActivation(&end)->i = ActivationOf(node);
  if (scales && moves) {
    const TensorId product =
        AddActivation(node.name + "/mul", graph->tensor(x).shape, graph);
    Insert(graph, n,
           MakeNode(kMul, graph->tensor(product).name,
                    {x, AddFloats(node.name + "/scale", ShapeOf(all.scale),
                                  all.scale, graph)},
                    {product}));
    x = product;
    ++n;
  }
  const std::vector<double>& values = moves ? all.offset : all.scale;
  end.inputs = {x, AddFloats(node.name + (moves ? "/offset" : "/scale"),
                             ShapeOf(values), values, graph)};
  graph->node(n) = std::move(end);
  return true;
}

bool AffineIntoLayerBefore(Graph* graph, NodeId n) {
  const auto affine = AffineOf(*graph, graph->node(n));
  if (!affine || !IsPrivate(*graph, affine->x)) return false;
  const Node* layer = LayerBefore(*graph, affine->x);
  if (layer == nullptr || ActivationOf(*layer) != kNone ||
      FusedActivation(*layer) == nullptr || !HasStoredBias(*graph, *layer) ||
      !HasPlainWeights(*graph, *layer))
    return false;
  const auto channels = static_cast<size_t>(OutputChannels(*graph, *layer));
  ChannelScale numbers = affine->numbers;
  if (channels == 0 ||
      (numbers.scale.size() != 1 && numbers.scale.size() != channels))
    return false;
  Widen(channels, &numbers);
  const NodeId at = graph->Producer(affine->x);
  const int64_t activation = ActivationOf(graph->node(n));
  if (!TakeOut(graph, n, affine->x)) return false;
  ScaleOutputs(numbers, at, graph);
  FusedActivation(&graph->node(at))->i = activation;
  return true;
}

bool AffineIntoLayerBehind(Graph* graph, NodeId n) {
  const Node& node = graph->node(n);
  const auto affine = AffineOf(*graph, node);
  const TensorId out = node.outputs[0];
  if (!affine || ActivationOf(node) != kNone || !IsPrivate(*graph, out))
    return false;
  const Node* layer = LayerBehind(*graph, out);
  if (layer == nullptr || !HasStoredBias(*graph, *layer) ||
      !HasPlainWeights(*graph, *layer) ||
      (!AllAre(affine->numbers.offset, 0) && PadsItsInput(*graph, *layer)) ||
      !BearsScales(*layer, affine->numbers.scale))
    return false;
  const auto channels = static_cast<size_t>(InputChannels(*graph, *layer));
  ChannelScale numbers = affine->numbers;
  if (channels == 0 ||
      (numbers.scale.size() != 1 && numbers.scale.size() != channels))
    return false;
  Widen(channels, &numbers);
  const NodeId at = FirstReader(*graph, out);
  graph->ReplaceUses(out, affine->x);
  ScaleInputs(numbers, at, graph);
  Erase(graph, n);
  return true;
}

// Behind a layer and what moves its values, it goes in front of the latter, and
// so to the layer.
bool AffineBeforeMove(Graph* graph, NodeId n) {
  const auto affine = AffineOf(*graph, graph->node(n));
  if (!affine || !IsPrivate(*graph, affine->x)) return false;
  const NodeId move = graph->Producer(affine->x);
  if (move < 0) return false;
  const Node& mover = graph->node(move);
  if (!OnlyReshapes(*graph, mover) && mover.op != &kBatchToSpaceND)
    return false;
  const TensorId source = mover.inputs[0];
  const Shape& shape = graph->tensor(source).shape;
  const Shape& moved = graph->tensor(affine->x).shape;
  const bool same_channels =
      affine->numbers.scale.size() == 1 ||
      (shape.rank() > 0 && shape[shape.rank() - 1] == moved[moved.rank() - 1]);
  if (!same_channels || !IsPrivate(*graph, source)) return false;
  const Node* layer = LayerBefore(*graph, source);
  const Node* before = Producer(*graph, source);
  if (layer == nullptr && (before == nullptr || !OnlyReshapes(*graph, *before)))
    return false;
  if (layer != nullptr && ActivationOf(*layer) != kNone) return false;
  Node node = graph->node(n);
  const TensorId out = node.outputs[0];
  const TensorId inner = AddActivation(node.name + "/moved", shape, graph);
  for (TensorId& id : node.inputs) {
    if (id == affine->x) {
      id = source;
    } else if (!graph->tensor(id).has_data()) {
      return false;
    } else {  // of as few dimensions as it needs
      Tensor flat = graph->tensor(id);
      flat.shape = ShapeOf(
          std::vector<double>(static_cast<size_t>(flat.shape.NumElements())));
      if (!(flat.shape == graph->tensor(id).shape)) {
        flat.name += "/flat";
        id = graph->AddTensor(std::move(flat));
      }
    }
  }
  node.outputs = {inner};
  Erase(graph, n);
  graph->node(move).inputs[0] = inner;
  graph->node(move).outputs = {out};
  Insert(graph, move, std::move(node));
  return true;
}

}  // namespace litesmith::clean_up
