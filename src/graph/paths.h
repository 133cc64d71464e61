// What lies between which tensors of a graph.
#ifndef LITESMITH_GRAPH_PATHS_H_
#define LITESMITH_GRAPH_PATHS_H_

#include <vector>

#include "src/graph/graph.h"

namespace litesmith {

// For each tensor, whether it is on a path from a parameter (inclusive) to the
// graph's first output, whose loss is trained.
std::vector<char> TrainedPath(const Graph& graph);

}  // namespace litesmith

#endif  // LITESMITH_GRAPH_PATHS_H_
