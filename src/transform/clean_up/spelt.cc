// Functions that have an op, spelt out with others; and ops without integers
// that are one of those that have them.
#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include "src/ops/map/activations.h"
#include "src/ops/map/softmax.h"
#include "src/ops/reduce/reduce.h"
#include "src/ops/registry.h"
#include "src/transform/clean_up/rows.h"
#include "src/transform/clean_up/surgery.h"

namespace litesmith::clean_up {
namespace {

bool Near(float value, double wanted) {
  return std::abs(double{value} - wanted) <= 1e-5 * std::abs(wanted);
}

// A binary node of `op` that has a constant of one value: the other operand.
struct WithNumber {
  TensorId x = kNoTensor;
  float number = 0;
};
std::optional<WithNumber> ByNumber(const Graph& graph, const Node* node,
                                   const OpDef& op) {
  if (node == nullptr || node->op != &op) return std::nullopt;
  const int side = VariableSide(graph, *node);
  if (side < 0 || (&op == &kDiv && side != 0)) return std::nullopt;
  const auto number =
      OneValue(graph, node->inputs[static_cast<size_t>(1 - side)]);
  const TensorId x = node->inputs[static_cast<size_t>(side)];
  if (!number ||
      !(graph.tensor(x).shape == graph.tensor(node->outputs[0]).shape))
    return std::nullopt;
  return WithNumber{x, *number};
}

// x times a number, by MUL or DIV.
std::optional<WithNumber> Scaled(const Graph& graph, const Node* node) {
  if (node != nullptr && ActivationOf(*node) != kNone) return std::nullopt;
  if (const auto product = ByNumber(graph, node, kMul)) return product;
  auto quotient = ByNumber(graph, node, kDiv);
  if (quotient) quotient->number = 1 / quotient->number;
  return quotient;
}

// x + number.
std::optional<WithNumber> Shifted(const Graph& graph, const Node* node) {
  if (const auto sum = ByNumber(graph, node, kAdd)) return sum;
  auto difference = ByNumber(graph, node, kSub);
  if (!difference || !IsPlain(graph, node->inputs[0])) return std::nullopt;
  difference->number = -difference->number;
  return difference;
}

// Replaces the node by one of `op` that reads `x`.
void BecomeOne(const OpDef& op, TensorId x, Node* node) {
  *node = MakeNode(op, node->name, {x}, node->outputs);
}

// relu6(x + 3): the x, with the six's share that is still to be multiplied.
std::optional<TensorId> ShiftedRelu6(const Graph& graph, TensorId id) {
  const Node* clamp = Producer(graph, id);
  if (clamp == nullptr || !IsPlain(graph, id)) return std::nullopt;
  const bool fused = ActivationOf(*clamp) == activation::kRelu6;
  if (clamp->op != &kRelu6 && !fused) return std::nullopt;
  const Node* sum = fused ? clamp : Producer(graph, clamp->inputs[0]);
  if (sum == nullptr || (!fused && ActivationOf(*sum) != kNone))
    return std::nullopt;
  const auto shifted = Shifted(graph, sum);
  if (!shifted || shifted->number != 3) return std::nullopt;
  return shifted->x;
}

// One factor of a product: a tensor and a number.
WithNumber FactorOf(const Graph& graph, TensorId id) {
  const auto scaled = Scaled(graph, Producer(graph, id));
  return scaled ? *scaled : WithNumber{id, 1};
}

bool IsLastAxis(const Graph& graph, const Node& reduce) {
  if (!HasNumbers(graph, reduce.input(1)) ||
      !reduce.Get<&ReduceAttrs::keep_dims>())
    return false;
  const auto axes = Numbers(graph, reduce.inputs[1]);
  const int rank = graph.tensor(reduce.inputs[0]).shape.rank();
  return axes.size() == 1 && (axes[0] == -1 || axes[0] == rank - 1);
}

// Sum of the squares of x along its last dimension.
bool IsSumOfSquares(const Graph& graph, const Node* sum, TensorId x) {
  if (sum == nullptr || sum->op != &kSum || !IsLastAxis(graph, *sum))
    return false;
  const Node* square = Producer(graph, sum->inputs[0]);
  if (square == nullptr || ActivationOf(*square) != kNone) return false;
  return (square->op == &kSquare && square->inputs[0] == x) ||
         (square->op == &kMul && square->inputs[0] == x &&
          square->inputs[1] == x);
}

// The x of x > 0 ? .. : .., or kNoTensor.
TensorId PositiveOfSelect(const Graph& graph, const Node& node) {
  if (!IsOneOf(node, {&kSelect, &kSelectV2})) return kNoTensor;
  const Node* condition = Producer(graph, node.inputs[0]);
  const bool positive =
      condition != nullptr &&
      IsOneOf(*condition, {&kGreater, &kGreaterEqual}) &&
      OneValue(graph, condition->inputs[1]) == std::optional(0.0f);
  return positive ? condition->inputs[0] : kNoTensor;
}

}  // namespace

// x relu6(x + 3) / 6, in any order of the factors.
bool NameHardSwish(Graph* graph, NodeId n) {
  Node& node = graph->node(n);
  if (!IsPlain(*graph, node.outputs[0]) || ActivationOf(node) != kNone)
    return false;
  WithNumber whole{node.outputs[0], 1};
  const Node* product = &node;
  if (const auto scaled = Scaled(*graph, &node)) {
    whole = *scaled;
    product = MadeBy(*graph, whole.x, kMul);
    if (product == nullptr || ActivationOf(*product) != kNone) return false;
  }
  if (product->op != &kMul || product->inputs.size() != 2) return false;
  for (const size_t side : {0u, 1u}) {
    const WithNumber x = FactorOf(*graph, product->inputs[side]);
    const WithNumber gate = FactorOf(*graph, product->inputs[1 - side]);
    const auto of = ShiftedRelu6(*graph, gate.x);
    if (!of || *of != x.x ||
        !Near(whole.number * x.number * gate.number, 1.0 / 6))
      continue;
    BecomeOne(kHardSwish, x.x, &node);
    return true;
  }
  return false;
}

// max(x, alpha x) of alpha up to 1; relu(x) - alpha relu(-x); x or alpha x by a
// condition.
bool NameLeakyRelu(Graph* graph, NodeId n) {
  Node& node = graph->node(n);
  if (!IsPlain(*graph, node.outputs[0])) return false;
  const auto become = [&](TensorId x, float alpha) {
    BecomeOne(kLeakyRelu, x, &node);
    node.Set<&LeakyReluAttrs::alpha>(alpha);
    return true;
  };
  if (node.op == &kMaximum) {
    for (const size_t side : {0u, 1u}) {
      const auto scaled =
          Scaled(*graph, Producer(*graph, node.inputs[1 - side]));
      if (scaled && scaled->x == node.inputs[side] && scaled->number >= 0 &&
          scaled->number <= 1)
        return become(scaled->x, scaled->number);
    }
    return false;
  }
  if (node.op == &kSub && ActivationOf(node) == kNone) {
    const Node* above = MadeBy(*graph, node.inputs[0], kRelu);
    const WithNumber below = FactorOf(*graph, node.inputs[1]);
    const Node* relu = MadeBy(*graph, below.x, kRelu);
    if (above == nullptr || relu == nullptr || !(below.number >= 0))
      return false;
    const Node* minus = Producer(*graph, relu->inputs[0]);
    const auto negated = Scaled(*graph, minus);
    const bool negative =
        (minus != nullptr && minus->op == &kNeg &&
         minus->inputs[0] == above->inputs[0]) ||
        (negated && negated->number == -1 && negated->x == above->inputs[0]);
    return negative && become(above->inputs[0], below.number);
  }
  const TensorId x = PositiveOfSelect(*graph, node);
  if (x == kNoTensor) return false;
  const auto below = Scaled(*graph, Producer(*graph, node.inputs[2]));
  return node.inputs[1] == x && below && below->x == x &&
         graph->tensor(x).shape == graph->tensor(node.outputs[0]).shape &&
         become(x, below->number);
}

namespace {

// x^3, by POW or products.
bool IsCube(const Graph& graph, const Node* node, TensorId x) {
  if (node == nullptr) return false;
  if (node->op == &kPow)
    return node->inputs[0] == x && OneValue(graph, node->inputs[1]) == 3.0f;
  if (node->op != &kMul || ActivationOf(*node) != kNone) return false;
  for (const size_t side : {0u, 1u}) {
    if (node->inputs[side] != x) continue;
    const Node* square = Producer(graph, node->inputs[1 - side]);
    if (square == nullptr) continue;
    if ((square->op == &kSquare && square->inputs[0] == x) ||
        (square->op == &kMul && square->inputs[0] == x &&
         square->inputs[1] == x))
      return true;
  }
  return false;
}

// tanh(sqrt(2/pi) (x + 0.044715 x^3)).
bool IsGeluTanh(const Graph& graph, const Node* tanh, TensorId x) {
  if (tanh == nullptr || tanh->op != &kTanh) return false;
  const auto inner = Scaled(graph, Producer(graph, tanh->inputs[0]));
  if (!inner || !Near(inner->number, 0.7978845608)) return false;
  const Node* sum = MadeBy(graph, inner->x, kAdd);
  if (sum == nullptr || ActivationOf(*sum) != kNone) return false;
  for (const size_t side : {0u, 1u}) {
    if (sum->inputs[side] != x) continue;
    const auto cube = Scaled(graph, Producer(graph, sum->inputs[1 - side]));
    if (cube && Near(cube->number, 0.044715) &&
        IsCube(graph, Producer(graph, cube->x), x))
      return true;
  }
  return false;
}

}  // namespace

// x (1 + tanh(..)) / 2, in any order of the factors.
bool NameGelu(Graph* graph, NodeId n) {
  Node& node = graph->node(n);
  if (!IsPlain(*graph, node.outputs[0]) || ActivationOf(node) != kNone)
    return false;
  float whole = 1;
  const Node* product = &node;
  if (const auto scaled = Scaled(*graph, &node)) {
    whole = scaled->number;
    product = MadeBy(*graph, scaled->x, kMul);
    if (product == nullptr || ActivationOf(*product) != kNone) return false;
  }
  if (product->op != &kMul || product->inputs.size() != 2) return false;
  for (const size_t side : {0u, 1u}) {
    const WithNumber x = FactorOf(*graph, product->inputs[side]);
    const WithNumber gate = FactorOf(*graph, product->inputs[1 - side]);
    const Node* sum = Producer(*graph, gate.x);
    const auto tanh = Shifted(*graph, sum);
    if (!tanh || ActivationOf(*sum) != kNone || tanh->number != 1 ||
        !Near(whole * x.number * gate.number, 0.5) ||
        !IsGeluTanh(*graph, Producer(*graph, tanh->x), x.x))
      continue;
    BecomeOne(kGelu, x.x, &node);
    node.Set<&GeluAttrs::approximate>(true);
    return true;
  }
  return false;
}

// x > 0 ? .. : a (exp(x) + b), as SELU is spelt: what exp(x) is above 1 is
// never taken, but would have its part of an integer scale.
bool BoundExp(Graph* graph, NodeId n) {
  const Node& node = graph->node(n);
  const TensorId x = PositiveOfSelect(*graph, node);
  if (x == kNoTensor) return false;
  TensorId at = node.inputs[2];
  for (;;) {
    const Node* before = Producer(*graph, at);
    if (before == nullptr || !IsPrivate(*graph, at)) return false;
    if (before->op == &kExp) break;
    if (ActivationOf(*before) != kNone) return false;
    const auto scaled = Scaled(*graph, before);
    const auto shifted = scaled ? std::nullopt : Shifted(*graph, before);
    if (!scaled && !shifted) return false;
    at = scaled ? scaled->x : shifted->x;
  }
  const NodeId exp = graph->Producer(at);
  if (graph->node(exp).inputs[0] != x || !IsPlain(*graph, x)) return false;
  const std::string name = graph->node(exp).name + "/below";
  const double zero[] = {0};
  const TensorId bound = AddFloats(name + "/zero", Shape(), zero, graph);
  const TensorId below = AddActivation(name, graph->tensor(x).shape, graph);
  graph->node(exp).inputs[0] = below;
  Insert(graph, exp, MakeNode(kMinimum, name, {x, bound}, {below}));
  return true;
}

// exp(x) / sum(exp(x)), with the row's maximum taken off x or not.
bool NameSoftmax(Graph* graph, NodeId n) {
  Node& node = graph->node(n);
  if (node.op != &kDiv || ActivationOf(node) != kNone ||
      !IsPlain(*graph, node.outputs[0]))
    return false;
  const Node* exp = MadeBy(*graph, node.inputs[0], kExp);
  const Node* sum = MadeBy(*graph, node.inputs[1], kSum);
  if (exp == nullptr || sum == nullptr || sum->inputs[0] != node.inputs[0] ||
      !IsLastAxis(*graph, *sum))
    return false;
  TensorId x = exp->inputs[0];
  const Node* shifted = MadeBy(*graph, x, kSub);
  if (shifted != nullptr && ActivationOf(*shifted) == kNone) {
    const Node* largest = MadeBy(*graph, shifted->inputs[1], kReduceMax);
    if (largest != nullptr && largest->inputs[0] == shifted->inputs[0] &&
        IsLastAxis(*graph, *largest))
      x = shifted->inputs[0];
  }
  BecomeOne(kSoftmax, x, &node);
  node.Set<&SoftmaxAttrs::beta>(1.0f);
  return true;
}

// x / max(|x|, 1e-6), which TensorFlow spells x rsqrt(max(sum of squares,
// 1e-12)).
bool NameL2Normalization(Graph* graph, NodeId n) {
  Node& node = graph->node(n);
  if (!IsOneOf(node, {&kMul, &kDiv}) || ActivationOf(node) != kNone ||
      !IsPlain(*graph, node.outputs[0]))
    return false;
  for (const size_t side : {0u, 1u}) {
    if (node.op == &kDiv && side == 1) break;
    const TensorId x = node.inputs[side];
    const Node* root = Producer(*graph, node.inputs[1 - side]);
    if (root == nullptr || root->op != (node.op == &kMul ? &kRsqrt : &kSqrt))
      continue;
    const auto bound =
        ByNumber(*graph, Producer(*graph, root->inputs[0]), kMaximum);
    if (!bound || !Near(bound->number, 1e-12) ||
        !IsSumOfSquares(*graph, Producer(*graph, bound->x), x))
      continue;
    BecomeOne(kL2Normalization, x, &node);
    return true;
  }
  return false;
}

// A sum times one over the number of summands.
bool NameMean(Graph* graph, NodeId n) {
  Node& node = graph->node(n);
  if (node.outputs.empty() || !IsPlain(*graph, node.outputs[0])) return false;
  const auto scaled = Scaled(*graph, &node);
  if (!scaled || !IsPrivate(*graph, scaled->x)) return false;
  const Node* sum = MadeBy(*graph, scaled->x, kSum);
  if (sum == nullptr || !HasNumbers(*graph, sum->input(1))) return false;
  const Shape& shape = graph->tensor(sum->inputs[0]).shape;
  const std::vector<bool> reduced = ReducedDims(*graph, *sum);
  double count = 1;
  for (int d = 0; d < shape.rank(); ++d) {
    if (!reduced[static_cast<size_t>(d)]) continue;
    if (shape[d] == kDynamic) return false;
    count *= shape[d];
  }
  if (!Near(scaled->number, 1 / count)) return false;
  Node mean = MakeNode(kMean, node.name, sum->inputs, node.outputs);
  mean.Set<&ReduceAttrs::keep_dims>(sum->Get<&ReduceAttrs::keep_dims>());
  node = std::move(mean);
  return true;
}

// -x, x^2, x / c and sums of several, which have no integers of their own.
bool MultiplyInstead(Graph* graph, NodeId n) {
  const Node node = graph->node(n);
  if (node.outputs.empty() || !IsPlain(*graph, node.outputs[0]) ||
      node.inputs.empty() || !IsPlain(*graph, node.inputs[0]))
    return false;
  const TensorId x = node.inputs[0];
  if (node.op == &kNeg) {
    const double minus[] = {-1};
    const TensorId c = AddFloats(node.name + "/minus", Shape(), minus, graph);
    graph->node(n) = MakeNode(kMul, node.name, {x, c}, node.outputs);
    return true;
  }
  const bool power =
      node.op == &kPow &&
      OneValue(*graph, node.inputs[1]) == std::optional(2.0f) &&
      graph->tensor(x).shape == graph->tensor(node.outputs[0]).shape;
  if (node.op == &kSquare || power) {
    graph->node(n) = MakeNode(kMul, node.name, {x, x}, node.outputs);
    return true;
  }
  if (node.op == &kDiv && IsConstant(*graph, node.inputs[1])) {
    const Tensor& divisor = graph->tensor(node.inputs[1]);
    std::vector<double> factors;
    for (const float v : divisor.As<float>()) {
      const double factor = 1 / double{v};
      if (!(std::abs(factor) <= 1e30)) return false;
      factors.push_back(factor);
    }
    const TensorId c =
        AddFloats(node.name + "/factor", divisor.shape, factors, graph);
    Node product = MakeNode(kMul, node.name, {x, c}, node.outputs);
    FusedActivation(&product)->i = ActivationOf(node);
    graph->node(n) = std::move(product);
    return true;
  }
  if (node.op != &kAddN || node.inputs.size() < 2) return false;
  Node sum = MakeNode(kAdd, node.name, {x, node.inputs[1]}, node.outputs);
  if (node.inputs.size() > 2) {
    const TensorId part =
        AddActivation(node.name + "/sum", graph->tensor(x).shape, graph);
    std::vector<TensorId> rest = {part};
    rest.insert(rest.end(), node.inputs.begin() + 2, node.inputs.end());
    graph->node(n).inputs = rest;
    sum.name = graph->tensor(part).name;
    sum.outputs = {part};
    Insert(graph, n, std::move(sum));
    return true;
  }
  graph->node(n) = std::move(sum);
  return true;
}

}  // namespace litesmith::clean_up
