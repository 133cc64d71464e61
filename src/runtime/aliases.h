// Which tensors share memory because an op only renames bytes (RESHAPE).
#ifndef LITESMITH_RUNTIME_ALIASES_H_
#define LITESMITH_RUNTIME_ALIASES_H_

#include <vector>

#include "src/graph/graph.h"

namespace litesmith {

// For each tensor, the tensor whose memory it uses; itself if its own. Outputs
// of in-place ops use their first input's.
std::vector<TensorId> AliasRoots(const Graph& graph);

}  // namespace litesmith

#endif  // LITESMITH_RUNTIME_ALIASES_H_
