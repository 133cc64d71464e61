// The attributes of L2_NORMALIZATION.
#ifndef LITESMITH_OPS_MAP_L2_NORMALIZATION_H_
#define LITESMITH_OPS_MAP_L2_NORMALIZATION_H_

#include "src/graph/attrs.h"
#include "src/graph/op_def.h"

namespace litesmith {

// Input: x, whose last dimension is what lengths are taken along.
struct L2NormalizationAttrs {
  Activation activation = kNone;  // no other has a kernel
};
template <>
inline constexpr auto kAttrs<L2NormalizationAttrs> = AttrList({
    Attr<&L2NormalizationAttrs::activation>("fused_activation_function", 0),
});

}  // namespace litesmith

#endif  // LITESMITH_OPS_MAP_L2_NORMALIZATION_H_
