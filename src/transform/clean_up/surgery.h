// What the rewrites ask of a graph, and how they take nodes out of it.
#ifndef LITESMITH_TRANSFORM_CLEAN_UP_SURGERY_H_
#define LITESMITH_TRANSFORM_CLEAN_UP_SURGERY_H_

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "src/graph/graph.h"
#include "src/graph/op_def.h"

namespace litesmith::clean_up {

// ---- Questions ------------------------------------------------------------

bool IsOneOf(const Node& node, std::initializer_list<const OpDef*> ops);
// The node that writes the tensor if it is of this op, else null.
const Node* MadeBy(const Graph& graph, TensorId id, const OpDef& op);
const Node* Producer(const Graph& graph, TensorId id);
bool IsOutput(const Graph& graph, TensorId id);
// Whether one node reads the tensor, once, and nobody outside does; and no
// range was learned for it.
bool IsPrivate(const Graph& graph, TensorId id);
// A float32 activation without a learned range.
bool IsPlain(const Graph& graph, TensorId id);
// A float32 tensor with data and without scales.
bool IsConstant(const Graph& graph, TensorId id);
// The value that all elements of a float constant have.
std::optional<float> OneValue(const Graph& graph, TensorId id);
// Of a binary node: the operand that is no constant, if the other one is: 0 or
// 1; -1 if both or none are.
int VariableSide(const Graph& graph, const Node& node);
// The fused activation, kNone for an op that has none.
int64_t ActivationOf(const Node& node);
// Whether shapes are known but for the batch, dimension 0.
bool IsKnown(const Shape& shape);
// RESHAPE, SQUEEZE and EXPAND_DIMS, of known shapes and plain floats.
bool OnlyReshapes(const Graph& graph, const Node& node);
std::vector<int64_t> Numbers(const Graph& graph, TensorId id);
bool HasNumbers(const Graph& graph, TensorId id);

// ---- Changes --------------------------------------------------------------

void Erase(Graph* graph, NodeId n);
// Takes node `n`, whose one output has the values of `to`, out of the graph. An
// output of the graph keeps tensor and name: then the node that makes `to`
// writes it. False, and nothing changed, where that cannot be.
bool TakeOut(Graph* graph, NodeId n, TensorId to);
// A new activation of float32.
TensorId AddActivation(const std::string& name, const Shape& shape,
                       Graph* graph);
TensorId AddFloats(const std::string& name, const Shape& shape,
                   std::span<const double> values, Graph* graph);
TensorId AddInts(const std::string& name, std::span<const int32_t> values,
                 Graph* graph);
// A node with default attributes, not in the graph yet.
Node MakeNode(const OpDef& op, const std::string& name,
              std::vector<TensorId> inputs, std::vector<TensorId> outputs);
// Makes the node a RESHAPE of `x` to its output's shape.
void BecomeReshape(TensorId x, Node* node, Graph* graph);
void Insert(Graph* graph, NodeId at, Node node);

}  // namespace litesmith::clean_up

#endif  // LITESMITH_TRANSFORM_CLEAN_UP_SURGERY_H_
