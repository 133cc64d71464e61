// The attributes of LOCAL_RESPONSE_NORMALIZATION.
#ifndef LITESMITH_OPS_MAP_LOCAL_RESPONSE_NORMALIZATION_H_
#define LITESMITH_OPS_MAP_LOCAL_RESPONSE_NORMALIZATION_H_

#include "src/graph/attrs.h"
#include "src/graph/op_def.h"

namespace litesmith {

// Input: x, NHWC.
struct LocalResponseNormalizationAttrs {
  int32_t radius = 0;  // so many channels on each side
  float bias = 0;
  float alpha = 0;
  float beta = 0;
};
template <>
inline constexpr auto kAttrs<LocalResponseNormalizationAttrs> = AttrList({
    Attr<&LocalResponseNormalizationAttrs::radius>("radius", 0),
    Attr<&LocalResponseNormalizationAttrs::bias>("bias", 1),
    Attr<&LocalResponseNormalizationAttrs::alpha>("alpha", 2),
    Attr<&LocalResponseNormalizationAttrs::beta>("beta", 3),
});

}  // namespace litesmith

#endif  // LITESMITH_OPS_MAP_LOCAL_RESPONSE_NORMALIZATION_H_
