// Nodes put into a graph that is there.
#include "src/graph/edit.h"

#include <algorithm>

#include "src/graph/op_def.h"

namespace litesmith {

NodeId FirstReader(const Graph& graph, TensorId id) {
  const auto reads = [&](const Node& node) {
    return std::find(node.inputs.begin(), node.inputs.end(), id) !=
           node.inputs.end();
  };
  return static_cast<NodeId>(
      std::find_if(graph.nodes.begin(), graph.nodes.end(), reads) -
      graph.nodes.begin());
}

Node& InsertBehind(Graph* graph, TensorId id, NodeId at, const OpDef& op,
                   const std::string& name,
                   const std::vector<TensorId>& extra) {
  Tensor out;
  out.name = name;
  out.shape = graph->tensor(id).shape;
  out.dtype = graph->tensor(id).dtype;
  const TensorId out_id = graph->AddTensor(std::move(out));
  graph->ReplaceUses(id, out_id);
  Node node;
  node.op = &op;
  node.name = name;
  node.attrs = DefaultAttrs(op);
  node.inputs = {id};
  node.inputs.insert(node.inputs.end(), extra.begin(), extra.end());
  node.outputs = {out_id};
  return *graph->nodes.insert(graph->nodes.begin() + at, std::move(node));
}

}  // namespace litesmith
