#include "src/transform/weight_edge.h"

#include <algorithm>

namespace litesmith {

TensorId EdgeParameter(const Graph& graph, const WeightEdge& edge) {
  TensorId id = graph.node(edge.node).inputs[static_cast<size_t>(edge.input)];
  for (NodeId producer = graph.Producer(id); producer >= 0;
       producer = graph.Producer(id)) {
    id = graph.node(producer).inputs[0];
  }
  return id;
}

std::vector<WeightEdge> WeightEdges(const Graph& graph) {
  std::vector<WeightEdge> edges;
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    const int input = graph.nodes[n].op->quant.weight_input;
    if (input < 0) continue;
    const WeightEdge edge{static_cast<NodeId>(n), input};
    if (graph.tensor(EdgeParameter(graph, edge)).kind ==
        TensorKind::kParameter) {
      edges.push_back(edge);
    }
  }
  return edges;
}

NodeId Splice(Graph* graph, const WeightEdge& edge, const OpDef& op,
              const std::string& name, const std::vector<TensorId>& extra) {
  const TensorId from =
      graph->node(edge.node).inputs[static_cast<size_t>(edge.input)];
  std::vector<TensorId> inputs = {from};
  inputs.insert(inputs.end(), extra.begin(), extra.end());
  graph->AddNode(op, name, std::move(inputs), {name});
  const TensorId out = graph->nodes.back().outputs[0];
  graph->tensor(out).shape = graph->tensor(from).shape;
  std::rotate(graph->nodes.begin() + edge.node, graph->nodes.end() - 1,
              graph->nodes.end());
  graph->node(edge.node + 1).inputs[static_cast<size_t>(edge.input)] = out;
  return edge.node;
}

}  // namespace litesmith
