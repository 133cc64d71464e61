// Questions to a graph, and changes of it, that several rewrites have.
#include "src/transform/clean_up/surgery.h"

#include <algorithm>
#include <utility>

#include "src/graph/names.h"
#include "src/ops/indices.h"
#include "src/ops/registry.h"

namespace litesmith::clean_up {

bool IsOneOf(const Node& node, std::initializer_list<const OpDef*> ops) {
  return std::find(ops.begin(), ops.end(), node.op) != ops.end();
}

const Node* Producer(const Graph& graph, TensorId id) {
  if (id == kNoTensor) return nullptr;
  const NodeId producer = graph.Producer(id);
  return producer < 0 ? nullptr : &graph.node(producer);
}

const Node* MadeBy(const Graph& graph, TensorId id, const OpDef& op) {
  const Node* node = Producer(graph, id);
  return node != nullptr && node->op == &op ? node : nullptr;
}

bool IsOutput(const Graph& graph, TensorId id) {
  return std::find(graph.outputs.begin(), graph.outputs.end(), id) !=
         graph.outputs.end();
}

bool IsPlain(const Graph& graph, TensorId id) {
  if (id == kNoTensor) return false;
  const Tensor& tensor = graph.tensor(id);
  return tensor.dtype == DType::kFloat32 && !tensor.has_data() &&
         tensor.quant.empty();
}

bool IsPrivate(const Graph& graph, TensorId id) {
  return IsPlain(graph, id) && !IsOutput(graph, id) && graph.NumUses(id) == 1;
}

bool IsConstant(const Graph& graph, TensorId id) {
  if (id == kNoTensor) return false;
  const Tensor& tensor = graph.tensor(id);
  return tensor.dtype == DType::kFloat32 && tensor.has_data() &&
         tensor.quant.empty();
}

std::optional<float> OneValue(const Graph& graph, TensorId id) {
  if (!IsConstant(graph, id)) return std::nullopt;
  const auto values = graph.tensor(id).As<float>();
  const bool same = std::all_of(values.begin(), values.end(),
                                [&](float v) { return v == values[0]; });
  return same ? std::optional(values[0]) : std::nullopt;
}

int VariableSide(const Graph& graph, const Node& node) {
  if (node.inputs.size() != 2) return -1;
  const bool first = IsConstant(graph, node.inputs[0]);
  const bool second = IsConstant(graph, node.inputs[1]);
  if (first == second) return -1;
  const int side = first ? 1 : 0;
  return IsPlain(graph, node.inputs[static_cast<size_t>(side)]) ? side : -1;
}

int64_t ActivationOf(const Node& node) {
  const AttrValue* activation = FusedActivation(node);
  return activation == nullptr ? int64_t{kNone} : activation->i;
}

bool IsKnown(const Shape& shape) {
  for (int i = 1; i < shape.rank(); ++i) {
    if (shape[i] == kDynamic) return false;
  }
  return true;
}

bool OnlyReshapes(const Graph& graph, const Node& node) {
  return IsOneOf(node, {&kReshape, &kSqueeze, &kExpandDims}) &&
         IsPlain(graph, node.inputs[0]) && IsPlain(graph, node.outputs[0]) &&
         AreKnown(graph, node) && IsKnown(graph.tensor(node.inputs[0]).shape) &&
         IsKnown(graph.tensor(node.outputs[0]).shape);
}

bool HasNumbers(const Graph& graph, TensorId id) {
  if (id == kNoTensor) return false;
  const Tensor& tensor = graph.tensor(id);
  return tensor.has_data() &&
         (tensor.dtype == DType::kInt32 || tensor.dtype == DType::kInt64);
}

std::vector<int64_t> Numbers(const Graph& graph, TensorId id) {
  return ConstantIndices(graph.tensor(id), "operand");
}

void Erase(Graph* graph, NodeId n) {
  graph->nodes.erase(graph->nodes.begin() + n);
}

bool TakeOut(Graph* graph, NodeId n, TensorId to) {
  const TensorId out = graph->node(n).outputs[0];
  if (!IsOutput(*graph, out)) {
    graph->ReplaceUses(out, to);
    Erase(graph, n);
    return true;
  }
  const NodeId producer = graph->Producer(to);
  if (producer < 0 || IsOutput(*graph, to)) return false;
  Erase(graph, n);
  for (TensorId& id : graph->node(producer).outputs) {
    if (id == to) id = out;
  }
  graph->ReplaceUses(to, out);
  return true;
}

TensorId AddActivation(const std::string& name, const Shape& shape,
                       Graph* graph) {
  Tensor tensor;
  tensor.name = UniqueTensorName(*graph, name);
  tensor.shape = shape;
  return graph->AddTensor(std::move(tensor));
}

TensorId AddFloats(const std::string& name, const Shape& shape,
                   std::span<const double> values, Graph* graph) {
  std::vector<float> floats;
  for (const double v : values) floats.push_back(static_cast<float>(v));
  return graph->AddConstant<float>(UniqueTensorName(*graph, name), shape,
                                   floats);
}

TensorId AddInts(const std::string& name, std::span<const int32_t> values,
                 Graph* graph) {
  return graph->AddConstant<int32_t>(UniqueTensorName(*graph, name),
                                     {static_cast<int32_t>(values.size())},
                                     values);
}

Node MakeNode(const OpDef& op, const std::string& name,
              std::vector<TensorId> inputs, std::vector<TensorId> outputs) {
  Node node;
  node.op = &op;
  node.name = name;
  node.attrs = DefaultAttrs(op);
  node.inputs = std::move(inputs);
  node.outputs = std::move(outputs);
  return node;
}

void BecomeReshape(TensorId x, Node* node, Graph* graph) {
  const std::vector<int32_t> target =
      graph->tensor(node->outputs[0]).shape.ToVector();
  const TensorId shape = AddInts(node->name + "/shape", target, graph);
  *node = MakeNode(kReshape, node->name, {x, shape}, node->outputs);
}

void Insert(Graph* graph, NodeId at, Node node) {
  graph->nodes.insert(graph->nodes.begin() + at, std::move(node));
}

}  // namespace litesmith::clean_up
