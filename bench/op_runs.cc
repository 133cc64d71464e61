// Binds timed cases and prepares their kernels.
#include "bench/op_runs.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "src/ops/fusions.h"
#include "src/runtime/profile.h"
#include "tests/conformance/node_run.h"
#include "tests/conformance/run.h"

namespace litesmith {
namespace {

constexpr int kTrainBatch = 16;

struct Candidate {
  std::string kernel;
  Purpose purpose;
  PlannedKernel planned;
};

bool IsTraining(const KernelRow& row) { return row.purpose == Purpose::kTrain; }

// Whether a plan could run all nodes.
bool HasPlan(const Graph& graph, const GraphFacts& facts, bool training) {
  return std::all_of(
      graph.nodes.begin(), graph.nodes.end(), [&](const Node& node) {
        const auto rows = node.op->rows;
        return std::any_of(rows.begin(), rows.end(), [&](const KernelRow& row) {
          return IsTraining(row) == training && Fits(row, {graph, node, facts});
        });
      });
}

// The kernels of a file's op that fit the case's graph, or those of fusions.
std::vector<Candidate> Candidates(const OpDef* op, const Graph& graph,
                                  const GraphFacts& facts, bool training) {
  std::vector<Candidate> candidates;
  if (op == nullptr) {
    if (!HasPlan(graph, facts, training)) return candidates;
    const Purpose purpose = training ? Purpose::kTrain : Purpose::kFast;
    for (PlannedKernel& planned : PrepareKernels(graph, facts, purpose)) {
      if (planned.fusion == nullptr) continue;
      const char* name = planned.fusion->name;
      candidates.push_back({name, purpose, std::move(planned)});
    }
    return candidates;
  }
  for (const Node& node : graph.nodes) {
    if (node.op != op) continue;
    const PrepareContext context{graph, node, facts};
    for (const KernelRow& row : op->rows) {
      if (IsTraining(row) != training || !Fits(row, context)) continue;
      candidates.push_back(
          {row.name, row.purpose,
           PlannedAlone(context, row.name, row.prepare(context))});
    }
  }
  return candidates;
}

// The case's graph for so many samples. In training float weights are trained.
Graph Bind(const Case& c, int batch, bool training) {
  Graph graph = GraphOf(c);
  for (const Node& node : graph.nodes) {
    for (size_t i = 0; training && i < node.inputs.size(); ++i) {
      const Role role = node.op->OperandOf(i).role;
      if (node.inputs[i] == kNoTensor || role == Role::kData) continue;
      Tensor& tensor = graph.tensor(node.inputs[i]);
      if (tensor.dtype == DType::kFloat32 && role != Role::kState &&
          tensor.kind == TensorKind::kConstant)
        tensor.kind = TensorKind::kParameter;
    }
  }
  return BindForNodes(graph, batch);
}

// What training wants a gradient of; before a fusion of parameters only, as it
// stands behind a network's input.
std::vector<bool> Wanted(const Graph& graph, const GraphFacts& facts,
                         const std::vector<TensorId>& inputs, bool fused) {
  std::vector<bool> wanted;
  for (const TensorId id : inputs) {
    if (id == kNoTensor || fused) {
      wanted.push_back(id != kNoTensor && facts.IsTrained(id));
      continue;
    }
    const Tensor& tensor = graph.tensor(id);
    wanted.push_back(tensor.dtype == DType::kFloat32 &&
                     tensor.kind != TensorKind::kState &&
                     tensor.kind != TensorKind::kConstant);
  }
  return wanted;
}

// Whether the nodes multiply by the tensor: a gradient of it takes as many
// products as forward.
bool IsFactor(const Graph& graph, const std::vector<NodeId>& nodes,
              TensorId tensor) {
  for (const NodeId id : nodes) {
    const Node& node = graph.node(id);
    for (size_t i = 0; node.op->macs != nullptr && i < node.inputs.size();
         ++i) {
      const Role role = node.op->OperandOf(i).role;
      if (node.inputs[i] == tensor &&
          (role == Role::kData || role == Role::kWeight))
        return true;
    }
  }
  return false;
}

// `run` has op, name and batch.
void RunsOf(const Graph& graph, const GraphFacts& facts, const Arrays& values,
            Candidate candidate, OpRun run,
            const std::function<void(const OpRun&)>& body) {
  const std::vector<NodeId> nodes = candidate.planned.nodes;
  const bool fused = candidate.planned.fusion != nullptr;
  run.kernel = candidate.kernel;
  const Work work = WorkOf(graph, nodes);
  run.macs = work.macs * run.batch;
  run.peak = work.peak;
  Arrays outputs;
  for (const TensorId id : candidate.planned.outputs)
    outputs.push_back(values[static_cast<size_t>(id)]);
  const Arrays output_grads = outputs;
  NodeRunner runner(graph, facts, std::move(candidate.planned));
  const std::vector<TensorId>& inputs = runner.inputs();
  const std::vector<bool> wanted = Wanted(graph, facts, inputs, fused);
  run.bytes = 0;
  for (const TensorData& output : outputs)
    run.bytes += static_cast<double>(output.size());
  double backward_bytes = 2 * run.bytes;  // the output and its gradient
  int gradients = 0;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i] == kNoTensor) continue;
    const auto bytes =
        static_cast<double>(values[static_cast<size_t>(inputs[i])].size());
    run.bytes += bytes;
    backward_bytes += wanted[i] ? 2 * bytes : bytes;
    if (wanted[i] && IsFactor(graph, nodes, inputs[i])) ++gradients;
  }
  run.pass = candidate.purpose == Purpose::kReference ? "reference" : "forward";
  run.call = runner.ForwardCall(values, &outputs);
  body(run);
  if (candidate.purpose != Purpose::kTrain) return;
  run.call();  // what backward reads
  Arrays grads;
  run.pass = "backward";
  run.macs *= gradients;
  run.bytes = backward_bytes;
  run.call = runner.BackwardCall(values, outputs, output_grads, wanted, &grads);
  body(run);
}

}  // namespace

void ForEachRun(const CaseFile& file, const Case& c, int batch,
                const std::function<void(const OpRun&)>& body) {
  for (const bool training : {false, true}) {
    // What keeps states, or is a whole, runs at its own shapes.
    if (training && file.op != nullptr && !file.op->differentiable()) continue;
    OpRun run;
    run.op = file.name;
    run.name = c.name;
    run.batch = batch > 0 ? batch : training ? kTrainBatch : 1;
    const int bound = CaseBatch(GraphOf(c), run.batch);
    const Graph graph = Bind(c, bound, training);
    const GraphFacts facts = FactsForNodes(graph, bound);
    std::vector<Candidate> candidates =
        Candidates(file.op, graph, facts, training);
    if (candidates.empty()) continue;
    const Arrays values = RunByNode(graph, InputsOf(c, graph, bound), bound);
    for (Candidate& candidate : candidates)
      RunsOf(graph, facts, values, std::move(candidate), run, body);
  }
}

const char* WhyNotTimed(const OpDef& op) {
  if (op.in_place) return "it only renames its input's bytes";
  if (op.rows.empty() && op.fold_constant != nullptr)
    return "its result is known when a plan is made";
  if (op.run != nullptr || op.effects)
    return "it runs subgraphs, or keeps what it is given";
  return nullptr;
}

}  // namespace litesmith
