// Clamps that have a name, and activations that go into what they follow.
#include <optional>

#include "src/ops/registry.h"
#include "src/transform/clean_up/rows.h"
#include "src/transform/clean_up/surgery.h"

namespace litesmith::clean_up {
namespace {

// max(x, bound) or min(x, bound) with one bound for all.
struct Bound {
  TensorId x;
  float bound;
};

std::optional<Bound> BoundBy(const Graph& graph, const Node* node,
                             const OpDef& op) {
  if (node == nullptr || node->op != &op) return std::nullopt;
  const int side = VariableSide(graph, *node);
  if (side < 0) return std::nullopt;
  const TensorId x = node->inputs[static_cast<size_t>(side)];
  const auto value =
      OneValue(graph, node->inputs[static_cast<size_t>(1 - side)]);
  if (!value ||
      !(graph.tensor(x).shape == graph.tensor(node->outputs[0]).shape))
    return std::nullopt;
  return Bound{x, *value};
}

void Become(const OpDef& op, TensorId x, Node* node) {
  *node = MakeNode(op, node->name, {x}, node->outputs);
}

// The clamp that `low` below and `high` above is, or null.
const OpDef* ClampOf(float low, float high) {
  if (low == 0 && high == 6) return &kRelu6;
  return low == -1 && high == 1 ? &kReluN1To1 : nullptr;
}

// min(relu(x), 6), whatever makes the relu.
bool ClampAbove(Graph* graph, NodeId n, const Bound& above) {
  if (!IsPrivate(*graph, above.x)) return false;
  const NodeId before = graph->Producer(above.x);
  if (before < 0) return false;
  Node& node = graph->node(before);
  if (const auto low = BoundBy(*graph, &node, kMaximum)) {
    const OpDef* clamp = ClampOf(low->bound, above.bound);
    if (clamp == nullptr) return false;
    Become(*clamp, low->x, &graph->node(n));
    return true;
  }
  if (ClampOf(0, above.bound) == nullptr) return false;
  if (node.op == &kRelu) {
    Become(kRelu6, node.inputs[0], &graph->node(n));
    return true;
  }
  if (ActivationOf(node) != activation::kRelu) return false;
  if (!TakeOut(graph, n, above.x)) return false;
  FusedActivation(&graph->node(before))->i = activation::kRelu6;
  return true;
}

}  // namespace

bool NameClamp(Graph* graph, NodeId n) {
  Node& node = graph->node(n);
  if (!IsOneOf(node, {&kMaximum, &kMinimum, &kRelu}) ||
      !IsPlain(*graph, node.outputs[0]))
    return false;
  if (const auto above = BoundBy(*graph, &node, kMinimum))
    return ClampAbove(graph, n, *above);
  const auto below = node.op == &kRelu ? std::optional(Bound{node.inputs[0], 0})
                                       : BoundBy(*graph, &node, kMaximum);
  if (!below) return false;
  const auto above = IsPrivate(*graph, below->x)
                         ? BoundBy(*graph, Producer(*graph, below->x), kMinimum)
                         : std::nullopt;
  const OpDef* clamp = above ? ClampOf(below->bound, above->bound) : nullptr;
  if (clamp != nullptr) {
    Become(*clamp, above->x, &node);
    return true;
  }
  if (node.op != &kMaximum || below->bound != 0) return false;
  Become(kRelu, below->x, &node);
  return true;
}

bool FuseActivation(Graph* graph, NodeId n) {
  const Node& node = graph->node(n);
  const int64_t kind = node.op == &kRelu        ? activation::kRelu
                       : node.op == &kRelu6     ? activation::kRelu6
                       : node.op == &kReluN1To1 ? activation::kReluN1To1
                                                : int64_t{kNone};
  if (kind == kNone || !IsPrivate(*graph, node.inputs[0]) ||
      !IsPlain(*graph, node.outputs[0]))
    return false;
  NodeId before = graph->Producer(node.inputs[0]);
  // The largest of what is clamped is the largest, clamped; a pool's integers
  // have its input's scale, which is finer then.
  if (before >= 0 && graph->node(before).op == &kMaxPool2D &&
      ActivationOf(graph->node(before)) == kNone) {
    const TensorId pooled = graph->node(before).inputs[0];
    before = IsPrivate(*graph, pooled) ? graph->Producer(pooled) : -1;
  }
  if (before < 0) return false;
  const Node& layer = graph->node(before);
  const bool takes = IsOneOf(
      layer, {&kConv2D, &kDepthwiseConv2D, &kTransposeConv, &kFullyConnected,
              &kAdd, &kSub, &kMul, &kDiv, &kBatchNorm});
  if (!takes || ActivationOf(layer) != kNone ||
      !TakeOut(graph, n, node.inputs[0]))
    return false;
  FusedActivation(&graph->node(before))->i = kind;
  return true;
}

}  // namespace litesmith::clean_up
