// Rewrites of the bound inference graph into fewer, larger ops, made when a
// plan is built. Results stay the same, bit for bit in integers.
// fusions.inc is the one list.
#ifndef LITESMITH_OPS_FUSIONS_H_
#define LITESMITH_OPS_FUSIONS_H_

#include <span>

#include "src/graph/graph.h"

namespace litesmith {

struct Fusion {
  const char* name;
  // Applies itself wherever it can; whether it did anywhere.
  bool (*apply)(Graph* graph);
};

// Each fusion: one per line of fusions.inc.
#define LITESMITH_FUSION(symbol) extern const Fusion symbol;
#include "src/ops/fusions.inc"
#undef LITESMITH_FUSION

std::span<const Fusion* const> AllFusions();
// Applies all of them and drops the nodes that they replaced. Shapes must be
// bound and inferred. Ids change; inputs and outputs keep their order.
void ApplyFusions(Graph* graph);

}  // namespace litesmith

#endif  // LITESMITH_OPS_FUSIONS_H_
