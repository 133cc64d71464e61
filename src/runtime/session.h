// What lasts from one call of a plan to the next, and the subgraphs that its
// control flow runs: one session for a plan and all graphs in it.
//
// A subgraph is run node by node, shapes inferred from the values that are
// there: a loop's body may change them, as TensorFlow's lists do. Reference
// kernels only.
#ifndef LITESMITH_RUNTIME_SESSION_H_
#define LITESMITH_RUNTIME_SESSION_H_

#include <memory>
#include <vector>

#include "src/graph/op_def.h"

namespace litesmith {

// Not for several threads at once.
class PlanSession : public Session {
 public:
  // Variables as if nothing had been run.
  virtual void Reset() = 0;
};

std::unique_ptr<PlanSession> MakeSession(Numerics numerics);

// Runs a node once whose inputs all have data, as one sample (the context's
// facts say so), by the first row for the purpose that fits; gives the data of
// its outputs. Throws Error if none does.
std::vector<TensorData> RunOnData(const PrepareContext& context,
                                  Purpose purpose);

// What a variable tensor holds before the first call: real zeros.
TensorData InitialValue(const Tensor& variable);

// Whether a call's results may depend on those before it: the graph has
// variables, or ops with effects.
bool KeepsState(const Graph& graph);

}  // namespace litesmith

#endif  // LITESMITH_RUNTIME_SESSION_H_
