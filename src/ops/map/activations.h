// The attributes of activation functions.
#ifndef LITESMITH_OPS_MAP_ACTIVATIONS_H_
#define LITESMITH_OPS_MAP_ACTIVATIONS_H_

#include "src/graph/attrs.h"
#include "src/graph/op_def.h"

namespace litesmith {

// Input: x.
struct LeakyReluAttrs {
  float alpha = 0;  // the slope below zero
};
template <>
inline constexpr auto kAttrs<LeakyReluAttrs> =
    AttrList({Attr<&LeakyReluAttrs::alpha>("alpha", 0)});

// Input: x.
struct GeluAttrs {
  bool approximate = false;  // by tanh
};
template <>
inline constexpr auto kAttrs<GeluAttrs> =
    AttrList({Attr<&GeluAttrs::approximate>("approximate", 0)});

}  // namespace litesmith

#endif  // LITESMITH_OPS_MAP_ACTIVATIONS_H_
