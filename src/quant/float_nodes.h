// Which nodes of a float graph stay float in an integer format, and why:
// islands between a DEQUANTIZE and a QUANTIZE.
#ifndef LITESMITH_QUANT_FLOAT_NODES_H_
#define LITESMITH_QUANT_FLOAT_NODES_H_

#include <string>
#include <vector>

#include "src/graph/graph.h"
#include "src/quant/convert.h"

namespace litesmith {

struct FloatNodes {
  // By node; empty: the node becomes integer, or is about sizes and conditions.
  std::vector<std::string> why;
  // By node: whether it could be integer, but stands among nodes that cannot.
  std::vector<char> joined;

  bool Stays(size_t node) const {
    return node < why.size() && !why[node].empty();
  }
  bool any() const;
};

// Of a graph as Decide takes it, and a scheme of integers. Nodes that have no
// kernel for the scheme's activations stay float; so do those without weights
// that only read from such nodes and are only read by them: to leave the island
// for one of them would cost two conversions and two roundings.
FloatNodes FindFloatNodes(const Graph& graph, const Scheme& scheme);

// Has one more node stay float.
void StayFloat(const Graph& graph, size_t node, const std::string& why,
               FloatNodes* nodes);

// Those that have no integer form, a line each: "'elu' (ELU): it has no int16
// form".
std::vector<std::string> Describe(const Graph& graph, const FloatNodes& nodes);

}  // namespace litesmith

#endif  // LITESMITH_QUANT_FLOAT_NODES_H_
