// The attributes of SOFTMAX.
#ifndef LITESMITH_OPS_MAP_SOFTMAX_H_
#define LITESMITH_OPS_MAP_SOFTMAX_H_

#include "src/graph/attrs.h"
#include "src/graph/op_def.h"

namespace litesmith {

// Input: x, whose last dimension is what the outputs add up to 1 along.
struct SoftmaxAttrs {
  float beta = 0;  // of a file that does not say: all outputs are equal then
};
template <>
inline constexpr auto kAttrs<SoftmaxAttrs> =
    AttrList({Attr<&SoftmaxAttrs::beta>("beta", 0)});

}  // namespace litesmith

#endif  // LITESMITH_OPS_MAP_SOFTMAX_H_
