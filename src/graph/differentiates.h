// Where a gradient can flow: through which nodes of a graph, and which
// parameters it reaches.
#ifndef LITESMITH_GRAPH_DIFFERENTIATES_H_
#define LITESMITH_GRAPH_DIFFERENTIATES_H_

#include <span>
#include <vector>

#include "src/graph/facts.h"
#include "src/graph/graph.h"

namespace litesmith {

// Whether a training plan takes the gradient of the node: a training kernel is
// there for its types. Through any other node no gradient flows; the plan runs
// it forward, and what lies before it stays as it is.
bool Differentiates(const Graph& graph, const Node& node,
                    const GraphFacts& facts);

// Parameters that no loss can train, since each way from them to a head leads
// through a node without a gradient.
struct Blocked {
  NodeId node = -1;  // the first on a way; -1: no head depends on them
  std::vector<TensorId> parameters;
};

// By the node that blocks them, in the graph's order; a parameter stands once.
// `heads` are the positions of the outputs that have a loss.
std::vector<Blocked> FindBlocked(const Graph& graph,
                                 std::span<const int> heads);

}  // namespace litesmith

#endif  // LITESMITH_GRAPH_DIFFERENTIATES_H_
