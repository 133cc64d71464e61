// A graph run node by node, every tensor in memory of its own: the second
// opinion on the interpreter's plans, and the place where one kernel can be
// exchanged for another.
#ifndef LITESMITH_TESTS_CONFORMANCE_NODE_RUN_H_
#define LITESMITH_TESTS_CONFORMANCE_NODE_RUN_H_

#include <functional>
#include <memory>
#include <vector>

#include "src/graph/graph.h"
#include "src/graph/op_def.h"
#include "src/ops/fusions.h"
#include "tests/conformance/run.h"

namespace litesmith {

// The graph bound to a batch, or kAsWritten, with what a trainer keeps: nodes
// that depend on parameters and states only are still there.
Graph BindForNodes(const Graph& graph, int batch);
// Its facts; of a graph bound as it is written, all of it is one sample.
GraphFacts FactsForNodes(const Graph& bound, int batch);

// Every tensor's values, by id. The graph must come from BindForNodes.
Arrays RunByNode(const Graph& bound, const Arrays& inputs, int batch,
                 Numerics numerics = Numerics::kLiteRt);

// One kernel and the memory that belongs to it.
class NodeRunner {
 public:
  // Of one node, by this row.
  NodeRunner(const PrepareContext& context, const KernelRow& row);
  // Of the nodes of a plan's kernel.
  NodeRunner(const Graph& graph, const GraphFacts& facts,
             PlannedKernel planned);

  // The samples of a full run.
  int batch() const { return batch_; }
  // Whether its results depend on numbers of the whole batch: another function
  // than outside training.
  bool of_batch() const {
    return training_ != nullptr && training_->shared_bytes > 0;
  }
  // The node's outputs, of the values of all tensors.
  Arrays ForwardAll(const Arrays& values);
  // The first of them.
  TensorData Forward(const Arrays& values);
  // One run of the kernel and nothing else, as often as it is called: what can
  // be timed. The kernel is packed here, and all memory is there before a call;
  // values, outputs and gradients must stay. Forward runs before backward.
  std::function<void()> ForwardCall(const Arrays& values, Arrays* outputs);
  std::function<void()> BackwardCall(const Arrays& values,
                                     const Arrays& outputs,
                                     const Arrays& output_grads,
                                     const std::vector<bool>& wanted,
                                     Arrays* grads);
  // The tensors that it reads.
  const std::vector<TensorId>& inputs() const { return inputs_; }
  // The gradient of each input after Forward; empty where `wanted` says no.
  Arrays Backward(const Arrays& values, const Arrays& outputs,
                  const Arrays& output_grads, const std::vector<bool>& wanted);

 private:
  // What a phase of the whole batch needs: copies of the inputs, as what it
  // writes into states is lost.
  struct Statistics {
    std::vector<double> partial;
    Arrays copies;
    std::vector<void*> inputs;
  };

  std::vector<const void*> Inputs(const Arrays& values) const;
  // Null where there is no such phase.
  std::shared_ptr<Statistics> StatisticsOf(const Arrays& values,
                                           int partials) const;

  std::vector<TensorId> inputs_;
  KernelPtr kernel_;
  TrainKernel* training_;  // the kernel, if it can go backward
  int batch_ = 1;
  std::vector<size_t> output_bytes_;
  Arrays variables_;  // by input, as each call finds them; else empty
  TensorData workspace_;
  TensorData saved_;
  TensorData shared_;
};

}  // namespace litesmith

#endif  // LITESMITH_TESTS_CONFORMANCE_NODE_RUN_H_
