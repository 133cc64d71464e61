// One kernel for several nodes, chosen when a plan is built; fusions.inc is the
// one list. The graph stays as it is. Results stay the same, bit for bit in
// integers.
#ifndef LITESMITH_OPS_FUSIONS_H_
#define LITESMITH_OPS_FUSIONS_H_

#include <span>
#include <vector>

#include "src/graph/op_def.h"

namespace litesmith {

struct Fusion;

// Nodes of a bound graph of which each reads, as its input 0, the only output
// of the one before, and nobody else reads that.
struct ChainContext {
  const Graph& graph;
  const GraphFacts& facts;
  std::span<const NodeId> nodes;
  Numerics numerics = Numerics::kLiteRt;
  Session* session = nullptr;

  const Node& node(size_t i) const { return graph.node(nodes[i]); }
  PrepareContext at(size_t i) const {
    return {graph, node(i), facts, numerics, session};
  }
};

// A kernel and the nodes that it runs: one, or a fusion's.
struct PlannedKernel {
  std::vector<NodeId> nodes;  // in the graph's order
  const Fusion* fusion = nullptr;
  const char* name = "";  // of the fusion, or of the node's kernel row
  KernelPtr kernel;
  // What it reads, node by node, kNoTensor for an operand that is missing. Of
  // the later nodes of a chain, input 0 is not there.
  std::vector<TensorId> inputs;
  std::vector<TensorId> outputs;
};

// A whole graph, for fusions that find their own nodes.
struct GroupContext {
  const Graph& graph;
  const GraphFacts& facts;
  Numerics numerics;
  Session* session;
  std::span<const char> taken;  // by node: other fusions have these

  PrepareContext at(NodeId id) const {
    return {graph, graph.node(id), facts, numerics, session};
  }
};

struct Fusion {
  const char* name;
  const char* summary;
  Purpose purpose;  // kTrain: of training plans; kFast: of inference
  // The ops of the nodes.
  std::span<const OpDef* const> chain = {};
  bool (*fits)(const ChainContext& context) = nullptr;
  // The kernel reads what PlannedKernel::inputs says and writes the last node's
  // output. Null: it does not fit after all.
  KernelPtr (*prepare)(const ChainContext& context) = nullptr;
  // Instead of a chain: groups of nodes that each become a kernel, all but
  // `fusion` and `name` filled in. It runs where its last node is, so nobody
  // outside of the group may read what it writes before that.
  std::vector<PlannedKernel> (*groups)(const GroupContext& context) = nullptr;
  // Instead of a chain: another order of nodes, with the same results; whether
  // it found a place. It keeps tensors and adds new ones behind them.
  bool (*rewrite)(Graph* graph) = nullptr;
};

// Each fusion: one per line of fusions.inc.
#define LITESMITH_FUSION(symbol) extern const Fusion symbol;
#include "src/ops/fusions.inc"
#undef LITESMITH_FUSION

std::span<const Fusion* const> AllFusions();

// Applies all rewrites for the purpose to a bound graph and drops the tensors
// that they replaced. Ids change; inputs and outputs keep their order. `source`
// is kept as by RemoveDeadNodes; tensors that a rewrite added have kNoTensor.
void ApplyRewrites(Purpose purpose, Graph* graph, SourceIds* source);

// A node's own kernel, and what it is called.
PlannedKernel PlannedAlone(const PrepareContext& context, const char* name,
                           KernelPtr kernel);

// Kernels for all nodes of a bound graph but those that only rename bytes, in
// an order in which they can run. Fusions are of kTrain and kFast. Throws Error
// naming a node for which there is no kernel. The graph and the session outlive
// the kernels.
std::vector<PlannedKernel> PrepareKernels(const Graph& graph,
                                          const GraphFacts& facts,
                                          Purpose purpose,
                                          Numerics numerics = Numerics::kLiteRt,
                                          Session* session = nullptr);

}  // namespace litesmith

#endif  // LITESMITH_OPS_FUSIONS_H_
