// Nodes that give what they get, and reshapes and transpositions that are one.
#include <algorithm>
#include <array>
#include <span>
#include <utility>
#include <vector>

#include "src/graph/infer.h"
#include "src/ops/layer/fully_connected.h"
#include "src/ops/move/move.h"
#include "src/ops/registry.h"
#include "src/transform/clean_up/rows.h"
#include "src/transform/clean_up/surgery.h"

namespace litesmith::clean_up {
namespace {

// Ops whose outputs of the input's shape are the input, if that shape is static
// (slices and tiles of an open batch may be something else).
bool MovesNothing(const Node& node) {
  return IsOneOf(node, {&kTile, &kBroadcastTo, &kPad, &kPadV2, &kMirrorPad,
                        &kSlice, &kResizeNearestNeighbor, &kResizeBilinear});
}

bool IsWholeStridedSlice(const Graph& graph, const Node& node) {
  const auto attrs = Get<StridedSliceAttrs>(node);
  if (attrs.shrink_axis_mask != 0 || attrs.new_axis_mask != 0 ||
      attrs.ellipsis_mask != 0 || !HasNumbers(graph, node.input(3)))
    return false;
  const auto strides = Numbers(graph, node.inputs[3]);
  const bool forward = std::all_of(strides.begin(), strides.end(),
                                   [](int64_t s) { return s > 0; });
  const bool batch =
      graph.tensor(node.inputs[0]).shape.IsStatic() ||
      ((attrs.begin_mask & 1) != 0 && (attrs.end_mask & 1) != 0 &&
       !strides.empty() && strides[0] == 1);
  return forward && batch;
}

bool KeepsOrder(const Graph& graph, const Node& node) {
  if (!HasNumbers(graph, node.input(1))) return false;
  const auto order = Numbers(graph, node.inputs[1]);
  for (size_t i = 0; i < order.size(); ++i) {
    if (order[i] != static_cast<int64_t>(i)) return false;
  }
  return true;
}

// x * 1, x + 0, x - 0, x / 1: the input that is given back, or kNoTensor.
TensorId Neutral(const Graph& graph, const Node& node) {
  const int side = VariableSide(graph, node);
  if (side < 0 || ActivationOf(node) != kNone) return kNoTensor;
  const auto value =
      OneValue(graph, node.inputs[static_cast<size_t>(1 - side)]);
  if (!value) return kNoTensor;
  const TensorId x = node.inputs[static_cast<size_t>(side)];
  if (node.op == &kAdd) return *value == 0 ? x : kNoTensor;
  if (node.op == &kMul) return *value == 1 ? x : kNoTensor;
  if (side != 0) return kNoTensor;
  if (node.op == &kSub) return *value == 0 ? x : kNoTensor;
  return node.op == &kDiv && *value == 1 ? x : kNoTensor;
}

// Whether the node gives nothing below zero, so that a RELU behind it is none.
bool GivesNothingBelowZero(const Node& node) {
  const int64_t fused = ActivationOf(node);
  return fused == activation::kRelu || fused == activation::kRelu6 ||
         IsOneOf(node, {&kRelu, &kRelu6, &kRelu0To1, &kLogistic, &kSoftmax,
                        &kExp, &kAbs, &kSquare, &kSqrt});
}

// The input that the node gives back, or kNoTensor.
TensorId GivenBack(const Graph& graph, const Node& node) {
  const TensorId x = node.input(0);
  if (IsOneOf(node, {&kReshape, &kSqueeze, &kExpandDims}))
    return OnlyReshapes(graph, node) ? x : kNoTensor;
  if (MovesNothing(node))
    return graph.tensor(x).shape.IsStatic() ? x : kNoTensor;
  if (node.op == &kStridedSlice)
    return IsWholeStridedSlice(graph, node) ? x : kNoTensor;
  if (node.op == &kTranspose) return KeepsOrder(graph, node) ? x : kNoTensor;
  if (node.op == &kCast) return x;
  if (node.op == &kConcatenation)
    return node.inputs.size() == 1 ? x : kNoTensor;
  if (IsOneOf(node, {&kAdd, &kSub, &kMul, &kDiv})) return Neutral(graph, node);
  if (node.op == &kRelu) {
    const Node* before = Producer(graph, x);
    return before != nullptr && GivesNothingBelowZero(*before) ? x : kNoTensor;
  }
  return kNoTensor;
}

}  // namespace

bool DropIdentity(Graph* graph, NodeId n) {
  const Node& node = graph->node(n);
  if (node.outputs.size() != 1 || node.inputs.empty() ||
      !IsPlain(*graph, node.outputs[0]))
    return false;
  const TensorId x = GivenBack(*graph, node);
  if (x == kNoTensor || !IsPlain(*graph, x)) return false;
  const Shape& shape = graph->tensor(x).shape;
  return IsKnown(shape) && shape == graph->tensor(node.outputs[0]).shape &&
         AreKnown(*graph, node) && TakeOut(graph, n, x);
}

bool MergeReshapes(Graph* graph, NodeId n) {
  Node& node = graph->node(n);
  if (!OnlyReshapes(*graph, node)) return false;
  const Node* before = Producer(*graph, node.inputs[0]);
  if (before == nullptr || !OnlyReshapes(*graph, *before)) return false;
  const TensorId x = before->inputs[0];
  const TensorId out = node.outputs[0];
  if (graph->tensor(x).shape == graph->tensor(out).shape &&
      TakeOut(graph, n, x))
    return true;
  Node merged = graph->node(n);
  BecomeReshape(x, &merged, graph);
  graph->node(n) = std::move(merged);
  return true;
}

bool MergeTransposes(Graph* graph, NodeId n) {
  const Node& node = graph->node(n);
  if (node.op != &kTranspose || !HasNumbers(*graph, node.input(1)) ||
      !IsPlain(*graph, node.inputs[0]))
    return false;
  const Node* before = MadeBy(*graph, node.inputs[0], kTranspose);
  if (before == nullptr || !HasNumbers(*graph, before->input(1))) return false;
  const auto first = Numbers(*graph, before->inputs[1]);
  std::vector<int32_t> order;
  for (const int64_t d : Numbers(*graph, node.inputs[1])) {
    if (d < 0 || d >= static_cast<int64_t>(first.size())) return false;
    order.push_back(static_cast<int32_t>(first[static_cast<size_t>(d)]));
  }
  const TensorId x = before->inputs[0];
  const TensorId perm = AddInts(node.name + "/perm", order, graph);
  graph->node(n).inputs = {x, perm};
  return true;
}

namespace {

bool IsElementwise(const Node& node) {
  return IsOneOf(node, {&kRelu,
                        &kRelu6,
                        &kReluN1To1,
                        &kRelu0To1,
                        &kLogistic,
                        &kTanh,
                        &kHardSwish,
                        &kLeakyRelu,
                        &kElu,
                        &kGelu,
                        &kExp,
                        &kLog,
                        &kSqrt,
                        &kRsqrt,
                        &kAbs,
                        &kNeg,
                        &kSquare,
                        &kAdd,
                        &kSub,
                        &kMul,
                        &kMaximum,
                        &kMinimum,
                        &kSquaredDifference});
}

// A constant that means the same before a reshape as behind it.
bool FitsBoth(const Graph& graph, TensorId id, const Shape& before,
              const Shape& behind) {
  if (!IsConstant(graph, id)) return false;
  const Shape& shape = graph.tensor(id).shape;
  if (shape.NumElements() == 1) return shape.rank() <= 1;
  return shape.rank() == 1 && before.rank() > 0 && behind.rank() > 0 &&
         before[before.rank() - 1] == shape[0] &&
         behind[behind.rank() - 1] == shape[0];
}

// Whether it pays to reshape behind the node: one reshape for two, or one that
// meets another there.
bool Pays(const Graph& graph, TensorId out, int reshapes) {
  if (reshapes > 1) return true;
  if (!IsPrivate(graph, out)) return false;
  return std::any_of(
      graph.nodes.begin(), graph.nodes.end(), [&](const Node& reader) {
        return reader.input(0) == out && OnlyReshapes(graph, reader);
      });
}

}  // namespace

bool ReshapeAfterwards(Graph* graph, NodeId n) {
  const Node& node = graph->node(n);
  if (!IsElementwise(node) || !IsPlain(*graph, node.outputs[0])) return false;
  const Shape behind = graph->tensor(node.outputs[0]).shape;
  std::vector<TensorId> inputs = node.inputs;
  std::optional<Shape> before;
  int reshapes = 0;
  for (TensorId& id : inputs) {
    if (IsConstant(*graph, id)) continue;
    const Node* reshape = Producer(*graph, id);
    if (reshape == nullptr || !OnlyReshapes(*graph, *reshape) ||
        !IsPrivate(*graph, id) || !(graph->tensor(id).shape == behind))
      return false;
    const Shape& source = graph->tensor(reshape->inputs[0]).shape;
    if (before && !(*before == source)) return false;
    before = source;
    id = reshape->inputs[0];
    ++reshapes;
  }
  if (!before || !Pays(*graph, node.outputs[0], reshapes)) return false;
  for (const TensorId id : node.inputs) {
    if (IsConstant(*graph, id) && !FitsBoth(*graph, id, *before, behind))
      return false;
  }
  const TensorId out = node.outputs[0];
  const std::string name = node.name;
  const TensorId inner = AddActivation(name + "/flat", *before, graph);
  graph->node(n).inputs = inputs;
  graph->node(n).outputs = {inner};
  Node reshape = MakeNode(kReshape, name + "/reshape", {inner}, {out});
  BecomeReshape(inner, &reshape, graph);
  Insert(graph, n + 1, std::move(reshape));
  return true;
}

// [.., I] reshaped to [rows, I], a dense layer, and back: the layer can do
// without.
bool KeepDimensions(Graph* graph, NodeId n) {
  const Node& node = graph->node(n);
  if (!OnlyReshapes(*graph, node) || !IsPrivate(*graph, node.inputs[0]))
    return false;
  const NodeId dense = graph->Producer(node.inputs[0]);
  if (dense < 0 || graph->node(dense).op != &kFullyConnected ||
      graph->node(dense).Get<&FullyConnectedAttrs::keep_num_dims>())
    return false;
  const Node* before = Producer(*graph, graph->node(dense).inputs[0]);
  if (before == nullptr || !OnlyReshapes(*graph, *before)) return false;
  const TensorId x = before->inputs[0];
  Shape wanted = graph->tensor(x).shape;
  const Tensor& weights = graph->tensor(graph->node(dense).inputs[1]);
  if (wanted.rank() < 2 || wanted[wanted.rank() - 1] != weights.shape[1])
    return false;
  wanted[wanted.rank() - 1] = weights.shape[0];
  const TensorId out = node.outputs[0];
  if (!(graph->tensor(out).shape == wanted)) return false;
  graph->node(dense).inputs[0] = x;
  graph->node(dense).outputs = {out};
  graph->node(dense).Set<&FullyConnectedAttrs::keep_num_dims>(true);
  Erase(graph, n);
  return true;
}

}  // namespace litesmith::clean_up
