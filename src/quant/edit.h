// The one place where the quantizer changes a graph: tensors take the forms
// that were decided, and conversions stand where a node reads another one.
#ifndef LITESMITH_QUANT_EDIT_H_
#define LITESMITH_QUANT_EDIT_H_

#include <optional>

#include "src/graph/graph.h"
#include "src/quant/decisions.h"

namespace litesmith {

// The graph with the decisions carried out. `io` is the type of inputs and
// outputs that become integers; none: they stay as they are. Names may be used
// twice, and what nobody reads any more stays behind.
Graph Edit(Graph graph, const Decisions& decisions, std::optional<DType> io);

}  // namespace litesmith

#endif  // LITESMITH_QUANT_EDIT_H_
