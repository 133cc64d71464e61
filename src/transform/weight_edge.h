// What more than one technique puts on the edge between weights and their
// layer.
#ifndef LITESMITH_TRANSFORM_WEIGHT_EDGE_H_
#define LITESMITH_TRANSFORM_WEIGHT_EDGE_H_

#include <string>
#include <vector>

#include "src/graph/graph.h"
#include "src/graph/weights.h"

namespace litesmith {

// Puts a node of `op` on the edge, behind all that is there: every layer that
// reads the weights reads its output. `extra` are its inputs after the first.
// The layer, and `weights` with it, moves by one.
Node& InsertOnEdge(Graph* graph, WeightRef* weights, const OpDef& op,
                   const std::string& name, const std::vector<TensorId>& extra);

// 1 where a weight is not zero, else 0.
std::vector<float> NonZeros(const Tensor& weight);

// A PRUNE_MASK that keeps the weights' zeros as they are, without a schedule.
// False, and nothing is done, if no weight is zero.
bool InsertZeroMask(Graph* graph, WeightRef* weights);

// Rows of centroids as a parameter of the graph: one row for the tensor, or one
// for each slice along the channel axis.
TensorId AddCentroids(Graph* graph, const WeightRef& weights,
                      const std::vector<std::vector<float>>& rows);

}  // namespace litesmith

#endif  // LITESMITH_TRANSFORM_WEIGHT_EDGE_H_
