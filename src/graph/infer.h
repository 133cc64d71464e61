// Which shapes inference cannot know.
#ifndef LITESMITH_GRAPH_INFER_H_
#define LITESMITH_GRAPH_INFER_H_

#include <vector>

#include "src/graph/graph.h"

namespace litesmith {

// By tensor: whether its shape depends on one that the graph itself computes
// (TensorFlow's SHAPE -> PACK -> RESHAPE). It is known when a plan has folded
// that; until then the file's own shape stands, and InferShapes lets a node
// pass whose op does not take the shapes that stand there.
std::vector<char> LooseTensors(const Graph& graph);

}  // namespace litesmith

#endif  // LITESMITH_GRAPH_INFER_H_
