// A float graph with what does nothing, or could be said more shortly, taken
// out of it, before it is converted: what TensorFlow's converter leaves behind
// of Keras layers, and what users spell out of simple ops. Each rewrite is a
// row; all are exact, but for the last bits of floats.
#ifndef LITESMITH_TRANSFORM_CLEAN_UP_H_
#define LITESMITH_TRANSFORM_CLEAN_UP_H_

#include <span>

#include "src/graph/graph.h"

namespace litesmith {

struct Rewrite {
  const char* name;
  const char* summary;  // one line
  // Tries it where node `n` ends the pattern; says whether it changed the
  // graph. The node may be another then, or there may be none at `n`.
  bool (*apply)(Graph* graph, NodeId n);
};

// In the order in which they are tried.
std::span<const Rewrite> Rewrites();

// All rewrites until none fits. Tensors keep their ids, new ones come behind
// them; inputs and outputs keep theirs and their names. What is not float32, is
// computed by ops of training or carries scales that were learned stays as it
// is.
Graph CleanUp(const Graph& graph);

}  // namespace litesmith

#endif  // LITESMITH_TRANSFORM_CLEAN_UP_H_
