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

// Of ARG_MAX and ARG_MIN. Inputs: x, axis (one constant number).
struct ArgAttrs {
  DType output_type = DType::kFloat32;  // what a file without it means
};

template <>
inline constexpr auto kAttrs<ArgAttrs> =
    AttrList({Attr<&ArgAttrs::output_type>("output_type", 0)});

// Of CUMSUM. Inputs: x, axis (one constant number).
struct CumsumAttrs {
  bool exclusive = false;  // without the value itself
  bool reverse = false;    // from the end
};

template <>
inline constexpr auto kAttrs<CumsumAttrs> =
    AttrList({Attr<&CumsumAttrs::exclusive>("exclusive", 0),
              Attr<&CumsumAttrs::reverse>("reverse", 1)});

// By dimension of the node's input: whether it is reduced. Throws Error.
std::vector<bool> ReducedDims(const Graph& graph, const Node& node);

}  // namespace litesmith

#endif  // LITESMITH_OPS_REDUCE_REDUCE_H_
