// The attributes of CAST.
#ifndef LITESMITH_OPS_MAP_CAST_H_
#define LITESMITH_OPS_MAP_CAST_H_

#include "src/graph/attrs.h"
#include "src/graph/op_def.h"

namespace litesmith {

// Input: x. The types of the tensors count, as in the reference; a file says
// them once more.
struct CastAttrs {
  DType from = DType::kFloat32;
  DType to = DType::kFloat32;
};
template <>
inline constexpr auto kAttrs<CastAttrs> = AttrList({
    Attr<&CastAttrs::from>("in_data_type", 0),
    Attr<&CastAttrs::to>("out_data_type", 1),
});

}  // namespace litesmith

#endif  // LITESMITH_OPS_MAP_CAST_H_
