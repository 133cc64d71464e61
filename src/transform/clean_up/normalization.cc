// Layer, group and instance normalization as TensorFlow spells them,
//
//   mean = MEAN(x), var = MEAN(SQUARED_DIFFERENCE(x, mean)),
//   r = RSQRT(var + epsilon) [* gamma],
//   y = x * r + ([beta] - mean * r),
//
// in the order that is the shortest and that integers bear: the two products of
// the last line are each as large as x, and what is rounded of them does not
// cancel. Here it is
//
//   d = x - mean, var = MEAN(d * d), y = d * RSQRT(var + epsilon) [* gamma]
//   [+ beta].
#include <utility>
#include <vector>

#include "src/ops/registry.h"
#include "src/transform/clean_up/rows.h"
#include "src/transform/clean_up/surgery.h"

namespace litesmith::clean_up {
namespace {

struct Parts {
  TensorId x = kNoTensor, mean = kNoTensor;
  TensorId gain = kNoTensor;   // r, or r * gamma
  TensorId root = kNoTensor;   // r
  TensorId gamma = kNoTensor;  // a constant; or kNoTensor
  TensorId beta = kNoTensor;   // a constant; or kNoTensor
  NodeId root_node = -1;
  NodeId square = -1;             // SQUARED_DIFFERENCE, if that is what it is
  TensorId centered = kNoTensor;  // else x - mean, which is there
};

bool IsPlainNode(const Node* node, const OpDef& op) {
  return node != nullptr && node->op == &op && ActivationOf(*node) == kNone;
}

// (x - mean)^2, in one op or two.
bool FindSquare(const Graph& graph, TensorId id, Parts* parts) {
  const Node* square = Producer(graph, id);
  if (square == nullptr) return false;
  if (square->op == &kSquaredDifference) {
    parts->square = graph.Producer(id);
    return square->inputs[0] == parts->x && square->inputs[1] == parts->mean &&
           graph.tensor(id).shape == graph.tensor(parts->x).shape;
  }
  const bool squares =
      square->op == &kSquare ||
      (IsPlainNode(square, kMul) && square->inputs[0] == square->inputs[1]);
  const Node* difference = Producer(graph, square->inputs[0]);
  if (!squares || !IsPlainNode(difference, kSub) ||
      difference->inputs[0] != parts->x || difference->inputs[1] != parts->mean)
    return false;
  parts->centered = square->inputs[0];
  return true;
}

// r and gamma of the factor.
bool FindRoot(const Graph& graph, Parts* parts) {
  const Node* node = Producer(graph, parts->gain);
  if (IsPlainNode(node, kMul)) {
    const int side = VariableSide(graph, *node);
    if (side < 0) return false;
    parts->root = node->inputs[static_cast<size_t>(side)];
    parts->gamma = node->inputs[static_cast<size_t>(1 - side)];
  } else {
    parts->root = parts->gain;
  }
  const Node* root = MadeBy(graph, parts->root, kRsqrt);
  if (root == nullptr) return false;
  parts->root_node = graph.Producer(parts->root);
  const Node* sum = Producer(graph, root->inputs[0]);
  if (!IsPlainNode(sum, kAdd) || VariableSide(graph, *sum) < 0) return false;
  const TensorId variance =
      sum->inputs[static_cast<size_t>(VariableSide(graph, *sum))];
  const Node* mean = MadeBy(graph, variance, kMean);
  if (mean == nullptr || !IsPrivate(graph, variance) ||
      !IsPrivate(graph, mean->inputs[0]))
    return false;
  return FindSquare(graph, mean->inputs[0], parts);
}

// mean * gain taken from beta, or negated: the node's other summand.
bool FindOffset(const Graph& graph, TensorId id, Parts* parts) {
  const Node* node = Producer(graph, id);
  TensorId product = kNoTensor;
  if (IsPlainNode(node, kSub) && IsConstant(graph, node->inputs[0])) {
    if (OneValue(graph, node->inputs[0]) != std::optional(0.0f))
      parts->beta = node->inputs[0];
    product = node->inputs[1];
  } else if (node != nullptr && node->op == &kNeg) {
    product = node->inputs[0];
  } else if (IsPlainNode(node, kMul) && VariableSide(graph, *node) >= 0) {
    const auto side = static_cast<size_t>(VariableSide(graph, *node));
    if (OneValue(graph, node->inputs[1 - side]) != std::optional(-1.0f))
      return false;
    product = node->inputs[side];
  }
  const Node* mul = Producer(graph, product);
  if (!IsPrivate(graph, id) || !IsPlainNode(mul, kMul)) return false;
  for (const size_t side : {0u, 1u}) {
    const Node* mean = MadeBy(graph, mul->inputs[side], kMean);
    if (mean == nullptr || mul->inputs[1 - side] != parts->gain ||
        mean->inputs[0] != parts->x)
      continue;
    parts->mean = mul->inputs[side];
    return true;
  }
  return false;
}

bool FindParts(const Graph& graph, const Node& sum, Parts* parts) {
  for (const size_t side : {0u, 1u}) {
    const Node* product = Producer(graph, sum.inputs[side]);
    if (!IsPlainNode(product, kMul) || !IsPrivate(graph, sum.inputs[side]))
      continue;
    for (const size_t factor : {0u, 1u}) {
      *parts = {};
      parts->x = product->inputs[factor];
      parts->gain = product->inputs[1 - factor];
      if (IsPlain(graph, parts->x) && IsPlain(graph, parts->gain) &&
          FindOffset(graph, sum.inputs[1 - side], parts) &&
          FindRoot(graph, parts))
        return true;
    }
  }
  return false;
}

}  // namespace

bool ShortenNormalization(Graph* graph, NodeId n) {
  const Node sum = graph->node(n);
  Parts parts;
  if (sum.op != &kAdd || !IsPlain(*graph, sum.outputs[0]) ||
      !FindParts(*graph, sum, &parts))
    return false;
  const Shape shape = graph->tensor(parts.x).shape;
  if (!IsKnown(shape) || !(shape == graph->tensor(sum.outputs[0]).shape))
    return false;
  const std::string name = sum.name;
  const TensorId apart = parts.square < 0
                             ? parts.centered
                             : AddActivation(name + "/centered", shape, graph);
  TensorId y = sum.outputs[0];
  // From the last node back, so that places in front hold.
  std::vector<Node> end;
  TensorId at = apart;
  const auto add = [&](const OpDef& op, TensorId other, const char* suffix,
                       bool last) {
    const TensorId out = last ? y : AddActivation(name + suffix, shape, graph);
    end.push_back(MakeNode(op, last ? name : graph->tensor(out).name,
                           {at, other}, {out}));
    at = out;
  };
  const bool scales = parts.gamma != kNoTensor;
  const bool moves = parts.beta != kNoTensor;
  add(kMul, parts.root, "/normalized", !scales && !moves);
  if (scales) add(kMul, parts.gamma, "/scaled", !moves);
  if (moves) add(kAdd, parts.beta, "/moved", true);
  FusedActivation(&end.back())->i = ActivationOf(sum);
  Erase(graph, n);
  NodeId place = n;
  for (Node& node : end) Insert(graph, place++, std::move(node));
  if (parts.square < 0) return true;
  const TensorId squared = graph->node(parts.square).outputs[0];
  graph->node(parts.square) =
      MakeNode(kMul, graph->node(parts.square).name, {apart, apart}, {squared});
  Insert(graph, parts.square,
         MakeNode(kSub, graph->tensor(apart).name, {parts.x, parts.mean},
                  {apart}));
  return true;
}

}  // namespace litesmith::clean_up
