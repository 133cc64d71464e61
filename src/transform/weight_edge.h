// The edge between a weight tensor and its layer, where training ops stand, and
// what stands there in more than one technique.
#ifndef LITESMITH_TRANSFORM_WEIGHT_EDGE_H_
#define LITESMITH_TRANSFORM_WEIGHT_EDGE_H_

#include <string>
#include <vector>

#include "src/graph/graph.h"
#include "src/graph/op_def.h"

namespace litesmith {

// The layers of a graph that have float weights: node index, the input that
// holds them, and whether they are frozen (constants, which nothing trains).
struct WeightEdge {
  NodeId node;
  int input;
  bool frozen = false;
};
std::vector<WeightEdge> WeightEdges(const Graph& graph);

// The stored weights at the start of the edge, behind any training ops.
TensorId EdgeParameter(const Graph& graph, const WeightEdge& edge);

// Puts a node of `op` between the layer and what it reads now; `extra` are the
// node's inputs after the first. Gives the new node's index; the layer's index
// grows by one.
NodeId Splice(Graph* graph, const WeightEdge& edge, const OpDef& op,
              const std::string& name, const std::vector<TensorId>& extra);

// 1 where a weight is not zero, else 0.
std::vector<float> NonZeros(const Tensor& weight);

// Splices a PRUNE_MASK that keeps the weights' zeros as they are, without a
// schedule. False, and nothing is done, if no weight is zero.
bool SpliceZeroMask(Graph* graph, const WeightEdge& edge, const Tensor& weight);

}  // namespace litesmith

#endif  // LITESMITH_TRANSFORM_WEIGHT_EDGE_H_
