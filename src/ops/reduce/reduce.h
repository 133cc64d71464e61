// The attributes of the reductions.
#ifndef LITESMITH_OPS_REDUCE_REDUCE_H_
#define LITESMITH_OPS_REDUCE_REDUCE_H_

#include <vector>

#include "src/graph/attrs.h"
#include "src/graph/graph.h"

namespace litesmith {

// Inputs: x, axes (constant; a scalar or a list, negative ones from the end).
struct ReduceAttrs {
  bool keep_dims = false;  // what is reduced stays as a dimension of 1
};

template <>
inline constexpr auto kAttrs<ReduceAttrs> =
    AttrList({Attr<&ReduceAttrs::keep_dims>("keep_dims", 0)});

// By dimension of the node's input: whether it is reduced. Throws Error.
std::vector<bool> ReducedDims(const Graph& graph, const Node& node);

}  // namespace litesmith

#endif  // LITESMITH_OPS_REDUCE_REDUCE_H_
