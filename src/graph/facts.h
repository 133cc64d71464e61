// What kernels, plans and fusions want to know of a whole graph, found in a few
// passes, once. Nobody walks the graph for one node.
#ifndef LITESMITH_GRAPH_FACTS_H_
#define LITESMITH_GRAPH_FACTS_H_

#include <span>
#include <vector>

#include "src/graph/graph.h"

namespace litesmith {

// Of a graph as it is now; whoever edits the graph asks again. All lists are by
// tensor.
struct GraphFacts {
  int batch = 1;  // samples of a full run: the inputs' first dimension
  // The graph runs as it is written: all of it is one sample.
  bool as_written = false;

  // Whose memory the tensor uses: its own, or that of the first input of an op
  // that only renames bytes (RESHAPE).
  std::vector<TensorId> root;
  // Which tensor of the graph that was bound it is, or kNoTensor. Names are no
  // way back.
  SourceIds source;
  std::vector<NodeId> producer;  // -1: none
  std::vector<int> uses;         // by nodes and as outputs of the graph
  std::vector<char> batched;     // computed from the graph's inputs
  // How much of a batched tensor's first dimension is one sample's; 0: that
  // dimension is not made of samples.
  std::vector<int> rows;
  // On a path from a parameter to the loss of a head, or shares memory with a
  // tensor that is: its gradient is wanted.
  std::vector<char> trained;
  // Float numbers that are quantized later on, at any distance. An accumulation
  // error can move them by a whole step of a scale there.
  std::vector<char> before_quantize;

  TensorId Root(TensorId id) const { return root[Index(id)]; }
  NodeId Producer(TensorId id) const { return producer[Index(id)]; }
  int Uses(TensorId id) const { return uses[Index(id)]; }
  bool IsBatched(TensorId id) const { return batched[Index(id)] != 0; }
  bool IsTrained(TensorId id) const { return trained[Index(id)] != 0; }
  bool IsBeforeQuantize(TensorId id) const {
    return before_quantize[Index(id)] != 0;
  }
  // Whether the node runs over samples; else its outputs are the same for all.
  bool IsBatched(const Node& node) const {
    return node.outputs.empty() ? as_written : IsBatched(node.outputs[0]);
  }
  // Whether a loss depends on any output of the node and a parameter on it.
  bool IsTrained(const Node& node) const;

 private:
  static size_t Index(TensorId id) { return static_cast<size_t>(id); }
};

// `heads` are the positions of the outputs that have a loss. Shapes must be
// bound for `batch` and `rows`; the other facts hold for symbolic graphs too.
GraphFacts FactsOf(const Graph& graph, std::span<const int> heads,
                   bool as_written = false);
// The same with a loss of the first output.
GraphFacts FactsOf(const Graph& graph);

}  // namespace litesmith

#endif  // LITESMITH_GRAPH_FACTS_H_
