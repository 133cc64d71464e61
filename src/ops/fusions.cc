// Finding the chains of fusions in a graph.
#include "src/ops/fusions.h"

#include <algorithm>
#include <utility>

#include "src/graph/differentiates.h"

namespace litesmith {
namespace {

constexpr const Fusion* kAllFusions[] = {
#define LITESMITH_FUSION(symbol) &symbol,
#include "src/ops/fusions.inc"
#undef LITESMITH_FUSION
};

// The nodes of the chain that ends with this one; empty if they are others.
std::vector<NodeId> ChainBefore(const Graph& graph, const GraphFacts& facts,
                                const Fusion& fusion, NodeId last) {
  std::vector<NodeId> nodes(fusion.chain.size());
  NodeId at = last;
  for (size_t i = nodes.size(); i-- > 0;) {
    if (at < 0 || graph.node(at).op != fusion.chain[i]) return {};
    nodes[i] = at;
    if (i == 0) break;
    const TensorId between = graph.node(at).inputs[0];
    if (facts.Uses(between) != 1) return {};
    at = facts.Producer(between);
  }
  return nodes;
}

// Appends the node's inputs from `first` on, and its missing operands.
void AppendInputs(const Node& node, size_t first, std::vector<TensorId>* all) {
  const size_t count = std::max(node.inputs.size(), node.op->operands.size());
  for (size_t i = first; i < count; ++i) all->push_back(node.input(i));
}

PlannedKernel PlannedChain(const ChainContext& context, KernelPtr kernel) {
  PlannedKernel planned;
  planned.nodes.assign(context.nodes.begin(), context.nodes.end());
  planned.kernel = std::move(kernel);
  for (size_t i = 0; i < context.nodes.size(); ++i)
    AppendInputs(context.node(i), i > 0 ? 1 : 0, &planned.inputs);
  planned.outputs = context.node(context.nodes.size() - 1).outputs;
  return planned;
}

// Fusions of the purpose, by the last node of each; the first in the list has
// the first choice.
std::vector<PlannedKernel> Fuse(const Graph& graph, const GraphFacts& facts,
                                Purpose purpose, Numerics numerics,
                                Session* session) {
  std::vector<PlannedKernel> by_last(graph.nodes.size());
  std::vector<char> taken(graph.nodes.size(), 0);
  const auto take = [&](const Fusion& fusion, PlannedKernel planned) {
    for (const NodeId id : planned.nodes) taken[static_cast<size_t>(id)] = 1;
    planned.fusion = &fusion;
    planned.name = fusion.name;
    const auto last = static_cast<size_t>(planned.nodes.back());
    by_last[last] = std::move(planned);
  };
  for (const Fusion* fusion : kAllFusions) {
    if (fusion->purpose != purpose) continue;
    if (fusion->groups != nullptr) {
      for (PlannedKernel& planned :
           fusion->groups({graph, facts, numerics, session, taken}))
        take(*fusion, std::move(planned));
    }
    if (fusion->chain.empty()) continue;
    for (size_t n = 0; n < graph.nodes.size(); ++n) {
      const std::vector<NodeId> nodes =
          ChainBefore(graph, facts, *fusion, static_cast<NodeId>(n));
      const bool free = std::none_of(
          nodes.begin(), nodes.end(),
          [&](NodeId id) { return taken[static_cast<size_t>(id)] != 0; });
      const ChainContext context{graph, facts, nodes, numerics, session};
      if (nodes.empty() || !free || !fusion->fits(context)) continue;
      KernelPtr kernel = fusion->prepare(context);
      if (kernel != nullptr)
        take(*fusion, PlannedChain(context, std::move(kernel)));
    }
  }
  return by_last;
}

// In training: a node that no gradient flows through.
class ForwardAlone final : public TrainKernel {
 public:
  explicit ForwardAlone(KernelPtr kernel) : kernel_(std::move(kernel)) {
    workspace_bytes = kernel_->workspace_bytes;
  }
  void Run(const KernelArgs& args) const override { kernel_->Run(args); }
  void Backward(const BackwardArgs&) const override {
    LS_CHECK(!"no gradient flows here");
  }

 private:
  KernelPtr kernel_;
};

}  // namespace

PlannedKernel PlannedAlone(const PrepareContext& context, const char* name,
                           KernelPtr kernel) {
  PlannedKernel planned;
  planned.nodes = {
      static_cast<NodeId>(&context.node - context.graph.nodes.data())};
  planned.name = name;
  planned.kernel = std::move(kernel);
  AppendInputs(context.node, 0, &planned.inputs);
  planned.outputs = context.node.outputs;
  return planned;
}

namespace {

PlannedKernel PlanNode(const PrepareContext& context, Purpose purpose) {
  if (purpose != Purpose::kTrain ||
      Differentiates(context.graph, context.node, context.facts)) {
    const KernelRow& row = ChooseKernel(context, purpose);
    return PlannedAlone(context, row.name, row.prepare(context));
  }
  // The reference reads weights where they are: they may be others' too, and
  // change.
  const KernelRow& row = ChooseKernel(context, Purpose::kReference);
  return PlannedAlone(context, row.name,
                      std::make_unique<ForwardAlone>(row.prepare(context)));
}

}  // namespace

std::span<const Fusion* const> AllFusions() { return kAllFusions; }

void ApplyRewrites(Purpose purpose, Graph* graph, SourceIds* source) {
  bool changed = false;
  for (const Fusion* fusion : kAllFusions) {
    if (fusion->purpose == purpose && fusion->rewrite != nullptr)
      changed |= fusion->rewrite(graph);
  }
  if (!changed) return;
  source->resize(graph->tensors.size(), kNoTensor);
  *graph = RemoveDeadNodes(*graph, source);
}

std::vector<PlannedKernel> PrepareKernels(const Graph& graph,
                                          const GraphFacts& facts,
                                          Purpose purpose, Numerics numerics,
                                          Session* session) {
  std::vector<PlannedKernel> fused =
      Fuse(graph, facts, purpose, numerics, session);
  std::vector<char> inside(graph.nodes.size(), 0);
  for (const PlannedKernel& of : fused) {
    for (const NodeId id : of.nodes) inside[static_cast<size_t>(id)] = 1;
  }
  std::vector<PlannedKernel> result;
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    // At the last node's place: all that the chain reads is there.
    if (fused[n].kernel != nullptr) {
      result.push_back(std::move(fused[n]));
    } else if (inside[n] == 0 && !graph.nodes[n].op->in_place) {
      const PrepareContext context{graph, graph.nodes[n], facts, numerics,
                                   session};
      result.push_back(PlanNode(context, purpose));
    }
  }
  return result;
}

}  // namespace litesmith
