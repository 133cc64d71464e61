// Which activations must have one scale and zero point, by the rules of the ops
// between them: the first step of quantizing, before any range is known.
#ifndef LITESMITH_QUANT_GROUPS_H_
#define LITESMITH_QUANT_GROUPS_H_

#include <compare>
#include <vector>

#include "src/graph/graph.h"
#include "src/graph/op_def.h"

namespace litesmith {

// One input of a node.
struct NodeInput {
  NodeId node;
  int input;
  auto operator<=>(const NodeInput&) const = default;
};

struct Groups {
  // By tensor: the tensor that stands for its group.
  std::vector<TensorId> of;
  // By tensor that stands for a group: the op whose fixed scale it has, or
  // null.
  std::vector<const OpDef*> fixed;
  // By tensor that stands for a group: the joined output in it whose range was
  // learned and is the whole group's, or kNoTensor.
  std::vector<TensorId> decides;
  // Inputs that count for the group of their node's output and are not in it:
  // constants, and tensors whose own scale is fixed otherwise, or was learned
  // where the output's was, too. The node reads them in the group's form.
  std::vector<NodeInput> apart;
  // Those of them whose range says nothing: what of it the node's output never
  // takes may be cut off.
  std::vector<NodeInput> cut;
  // The tensors that bring ranges into groups whose scale is not fixed, inputs
  // of the graph first, then in the order of nodes.
  std::vector<TensorId> sources;
};

// Of float activations; others are groups of their own without sources. The
// graph may still have its training-only ops, whose outputs belong to what they
// read. By node, `stays_float` is not 0 for those that are of no group: what
// they write brings a range of its own where others read it; empty: none.
Groups Unite(const Graph& graph, const std::vector<char>& stays_float = {});

// By tensor: whether a range was learned for it, which it carries, or is
// learned by a fake quant that reads it.
std::vector<char> LearnedRanges(const Graph& graph);

// Whether the node reads a float constant there.
bool ReadsConstant(const Graph& graph, const Node& node, size_t input);

}  // namespace litesmith

#endif  // LITESMITH_QUANT_GROUPS_H_
