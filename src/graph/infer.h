// Which shapes inference cannot know.
#ifndef LITESMITH_GRAPH_INFER_H_
#define LITESMITH_GRAPH_INFER_H_

#include <vector>

#include "src/graph/graph.h"

namespace litesmith {

// Whether the values of all of the node's operands that say where are there.
// Until they are (a file computes them; binding folds them) its outputs' shapes
// are those that the file says.
bool AreKnown(const Graph& graph, const Node& node);

// By tensor: whether its shape depends on one that the graph itself computes
// (TensorFlow's SHAPE -> PACK -> RESHAPE). It is known when a plan has folded
// that; until then the file's own shape stands, and InferShapes lets a node
// pass whose op does not take the shapes that stand there.
std::vector<char> LooseTensors(const Graph& graph);

}  // namespace litesmith

#endif  // LITESMITH_GRAPH_INFER_H_
