// From a symbolic graph to one that a plan can be made of: the batch bound,
// shapes inferred, whatever does not depend on the input computed once.
#ifndef LITESMITH_RUNTIME_BIND_H_
#define LITESMITH_RUNTIME_BIND_H_

#include "src/graph/graph.h"
#include "src/graph/op_def.h"

namespace litesmith {

struct BindOptions {
  int batch = 1;
  // Keep what depends on parameters and states, and what acts in training only.
  bool training = false;
  bool reference = false;
  Numerics numerics = Numerics::kLiteRt;
};

// Sets every input's first dimension to the batch, infers shapes, folds shape
// arithmetic and nodes of constants (outside training also of parameters and
// states), and drops dead nodes. Ids change; inputs and outputs keep their
// order, and `source`, if given, says which tensor of `graph` each one is.
// Throws Error naming the node whose shapes do not allow this batch.
Graph BindGraph(const Graph& graph, const BindOptions& options,
                SourceIds* source = nullptr);

// For each tensor, whether its values depend on the graph's inputs.
std::vector<char> BatchedTensors(const Graph& graph);

}  // namespace litesmith

#endif  // LITESMITH_RUNTIME_BIND_H_
