// Facts of a graph: a pass over its nodes forward and one backward for each.
#include "src/graph/facts.h"

#include <algorithm>
#include <numeric>

#include "src/graph/differentiates.h"
#include "src/graph/op_def.h"

namespace litesmith {
namespace {

size_t Place(TensorId id) { return static_cast<size_t>(id); }

bool AnyMarked(const std::vector<TensorId>& ids,
               const std::vector<char>& marked) {
  return std::any_of(ids.begin(), ids.end(), [&](TensorId id) {
    return id != kNoTensor && marked[Place(id)] != 0;
  });
}

void Mark(const std::vector<TensorId>& ids, std::vector<char>* marked) {
  for (const TensorId id : ids) {
    if (id != kNoTensor) (*marked)[Place(id)] = 1;
  }
}

// Marks all that is computed from marked tensors.
void MarkDownstream(const Graph& graph, std::vector<char>* marked) {
  for (const Node& node : graph.nodes) {
    if (AnyMarked(node.inputs, *marked)) Mark(node.outputs, marked);
  }
}

void FindReaders(const Graph& graph, GraphFacts* facts) {
  facts->root.resize(graph.tensors.size());
  std::iota(facts->root.begin(), facts->root.end(), 0);
  facts->producer.assign(graph.tensors.size(), -1);
  facts->uses.assign(graph.tensors.size(), 0);
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    const Node& node = graph.nodes[n];
    for (const TensorId id : node.inputs) {
      if (id != kNoTensor) ++facts->uses[Place(id)];
    }
    for (const TensorId id : node.outputs)
      facts->producer[Place(id)] = static_cast<NodeId>(n);
    if (node.op->in_place && !node.outputs.empty()) {
      facts->root[Place(node.outputs[0])] = facts->root[Place(node.inputs[0])];
    }
  }
  for (const TensorId id : graph.outputs) ++facts->uses[Place(id)];
}

void FindSamples(const Graph& graph, GraphFacts* facts) {
  facts->batched.assign(graph.tensors.size(), 0);
  if (facts->as_written) {
    for (const Node& node : graph.nodes) Mark(node.outputs, &facts->batched);
  }
  Mark(graph.inputs, &facts->batched);
  MarkDownstream(graph, &facts->batched);
  if (!graph.inputs.empty() && !facts->as_written) {
    const Shape& shape = graph.tensor(graph.inputs[0]).shape;
    if (shape.rank() > 0) facts->batch = std::max(1, shape[0]);
  }
  facts->rows.assign(graph.tensors.size(), 0);
  for (size_t t = 0; t < graph.tensors.size(); ++t) {
    const Shape& shape = graph.tensors[t].shape;
    if (facts->batched[t] == 0 || shape.rank() == 0 || shape[0] < 1) continue;
    if (shape[0] % facts->batch == 0) facts->rows[t] = shape[0] / facts->batch;
  }
}

// Gradients are of floats, and flow through nodes that have one.
void FindTrained(const Graph& graph, std::span<const int> heads,
                 GraphFacts* facts) {
  const auto mark_floats = [&](const std::vector<TensorId>& ids,
                               std::vector<char>* marked) {
    for (const TensorId id : ids) {
      if (id != kNoTensor && graph.tensor(id).dtype == DType::kFloat32)
        (*marked)[Place(id)] = 1;
    }
  };
  std::vector<char> of_parameters(graph.tensors.size(), 0);
  for (size_t t = 0; t < of_parameters.size(); ++t)
    of_parameters[t] = graph.tensors[t].kind == TensorKind::kParameter;
  std::vector<char> flows(graph.nodes.size(), 0);
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    const Node& node = graph.nodes[n];
    if (!AnyMarked(node.inputs, of_parameters)) continue;
    flows[n] = Differentiates(graph, node, *facts);
    if (flows[n] != 0) mark_floats(node.outputs, &of_parameters);
  }
  std::vector<char> read(graph.tensors.size(), 0);
  for (const int head : heads)
    read[Place(graph.outputs[static_cast<size_t>(head)])] = 1;
  for (size_t n = graph.nodes.size(); n-- > 0;) {
    const Node& node = graph.nodes[n];
    if (flows[n] != 0 && AnyMarked(node.outputs, read))
      mark_floats(node.inputs, &read);
  }
  // Aliases share their root's gradient.
  std::vector<char>& trained = facts->trained;
  trained.assign(graph.tensors.size(), 0);
  for (size_t t = 0; t < trained.size(); ++t) {
    if (of_parameters[t] != 0 && read[t] != 0)
      trained[Place(facts->root[t])] = 1;
  }
  for (size_t t = 0; t < trained.size(); ++t)
    trained[t] = trained[Place(facts->root[t])];
}

// Whether the node makes integers of a scale from floats.
bool Quantizes(const Graph& graph, const Node& node) {
  const TensorId from = node.input(0);
  if (from == kNoTensor || node.outputs.empty()) return false;
  const Tensor& to = graph.tensor(node.outputs[0]);
  return graph.tensor(from).dtype == DType::kFloat32 &&
         to.dtype != DType::kFloat32 && !to.quant.empty();
}

void FindBeforeQuantize(const Graph& graph, GraphFacts* facts) {
  facts->before_quantize.assign(graph.tensors.size(), 0);
  for (size_t n = graph.nodes.size(); n-- > 0;) {
    const Node& node = graph.nodes[n];
    if (Quantizes(graph, node) ||
        AnyMarked(node.outputs, facts->before_quantize))
      Mark(node.inputs, &facts->before_quantize);
  }
}

}  // namespace

bool GraphFacts::IsTrained(const Node& node) const {
  return AnyMarked(node.outputs, trained);
}

GraphFacts FactsOf(const Graph& graph, std::span<const int> heads,
                   bool as_written) {
  GraphFacts facts;
  facts.as_written = as_written;
  facts.source.resize(graph.tensors.size());
  std::iota(facts.source.begin(), facts.source.end(), 0);
  FindReaders(graph, &facts);
  FindSamples(graph, &facts);
  FindTrained(graph, heads, &facts);
  FindBeforeQuantize(graph, &facts);
  return facts;
}

GraphFacts FactsOf(const Graph& graph) {
  const int first[] = {0};
  return FactsOf(graph, {first, graph.outputs.empty() ? size_t{0} : 1});
}

}  // namespace litesmith
