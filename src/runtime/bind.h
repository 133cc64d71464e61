// From a symbolic graph to one that a plan can be made of: the batch bound,
// shapes inferred, whatever does not depend on the input computed once.
#ifndef LITESMITH_RUNTIME_BIND_H_
#define LITESMITH_RUNTIME_BIND_H_

#include <vector>

#include "src/graph/facts.h"
#include "src/graph/graph.h"
#include "src/graph/op_def.h"

namespace litesmith {

// Of a batch: the inputs keep their own shapes, whose open dimensions are 1,
// and the whole graph is one sample: nothing is divided, so that any graph
// runs.
inline constexpr int kAsWritten = 0;

struct BindOptions {
  int batch = 1;  // or kAsWritten
  // Keep what depends on parameters and states, and what acts in training only.
  bool training = false;
  bool reference = false;
  Numerics numerics = Numerics::kLiteRt;
  // Outputs may be inner tensors, whose first dimension may hold several rows
  // of each sample.
  bool inner_outputs = false;
  std::vector<int> heads = {0};  // outputs that have a loss
};

struct BoundGraph {
  Graph graph;
  GraphFacts facts;  // `source` is of the graph that was given; kNoTensor where
                     // a rewrite added a tensor
};

// Sets every input's first dimension to the batch (unless kAsWritten), infers
// shapes, folds shape arithmetic and nodes of constants (outside training also
// of parameters and states), drops dead nodes, and for fast inference applies
// the rewrites of fusions.inc. Ids change; inputs and outputs keep their order.
// Throws Error naming the node whose shapes do not allow this batch or that
// mixes samples.
//
// Shapes are inferred at this batch and at twice as many samples: what of a
// tensor's first dimension grows with the batch is made of samples, and nothing
// else is (facts.rows).
BoundGraph BindGraph(const Graph& graph, const BindOptions& options);

// `wanted` if the graph can be bound to any batch, else 1: the shapes of a file
// that was converted for one sample may be written into it. Throws Error if the
// shapes do not fit one sample either.
int BatchFor(const Graph& graph, int wanted);

}  // namespace litesmith

#endif  // LITESMITH_RUNTIME_BIND_H_
