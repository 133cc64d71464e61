// Changes of a graph that several passes make.
#ifndef LITESMITH_GRAPH_EDIT_H_
#define LITESMITH_GRAPH_EDIT_H_

#include <string>
#include <vector>

#include "src/graph/graph.h"

namespace litesmith {

// The first node that reads the tensor, or the number of nodes if none does.
NodeId FirstReader(const Graph& graph, TensorId id);

// Puts a node of `op` behind a tensor: it reads `id` and then `extra`, and all
// that read `id` before, outputs of the graph included, read its output, which
// has the tensor's shape and type. Node and output are called `name`. The node
// stands at `at`, behind the tensor's producer and before its readers; nodes
// from there on move by one. The reference is good until a node is added.
Node& InsertBehind(Graph* graph, TensorId id, NodeId at, const OpDef& op,
                   const std::string& name,
                   const std::vector<TensorId>& extra = {});

}  // namespace litesmith

#endif  // LITESMITH_GRAPH_EDIT_H_
