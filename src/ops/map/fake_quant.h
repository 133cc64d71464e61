// The attributes of FAKE_QUANT, which files have; what training simulates
// integers with is LITESMITH_FAKE_QUANT (ops/train).
#ifndef LITESMITH_OPS_MAP_FAKE_QUANT_H_
#define LITESMITH_OPS_MAP_FAKE_QUANT_H_

#include "src/graph/attrs.h"
#include "src/graph/op_def.h"

namespace litesmith {

// Input: x.
struct TfliteFakeQuantAttrs {
  float min = 0;
  float max = 0;
  int32_t num_bits = 0;
  bool narrow_range = false;  // the lowest integer is not used
};
template <>
inline constexpr auto kAttrs<TfliteFakeQuantAttrs> = AttrList({
    Attr<&TfliteFakeQuantAttrs::min>("min", 0),
    Attr<&TfliteFakeQuantAttrs::max>("max", 1),
    Attr<&TfliteFakeQuantAttrs::num_bits>("num_bits", 2),
    Attr<&TfliteFakeQuantAttrs::narrow_range>("narrow_range", 3),
});

}  // namespace litesmith

#endif  // LITESMITH_OPS_MAP_FAKE_QUANT_H_
