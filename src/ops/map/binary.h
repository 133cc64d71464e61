// The attributes of the binary ops.
#ifndef LITESMITH_OPS_MAP_BINARY_H_
#define LITESMITH_OPS_MAP_BINARY_H_

#include "src/graph/attrs.h"
#include "src/graph/op_def.h"

namespace litesmith {

// Of ADD and SUB. Inputs: a, b, whose shapes are broadcast against each other.
struct AddAttrs {
  Activation activation = kNone;
  // int16 with scales that are powers of two goes by shifts.
  bool pot_scale_int16 = true;
};
template <>
inline constexpr auto kAttrs<AddAttrs> = AttrList({
    Attr<&AddAttrs::activation>("fused_activation_function", 0),
    Attr<&AddAttrs::pot_scale_int16>("pot_scale_int16", 1),
});

// Of MUL and DIV.
struct MulAttrs {
  Activation activation = kNone;
};
template <>
inline constexpr auto kAttrs<MulAttrs> = AttrList({
    Attr<&MulAttrs::activation>("fused_activation_function", 0),
});

}  // namespace litesmith

#endif  // LITESMITH_OPS_MAP_BINARY_H_
