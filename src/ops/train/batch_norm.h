// LITESMITH_BATCH_NORM's attributes and its numbers by channel.
#ifndef LITESMITH_OPS_TRAIN_BATCH_NORM_H_
#define LITESMITH_OPS_TRAIN_BATCH_NORM_H_

#include <cstdint>
#include <vector>

#include "src/graph/attrs.h"
#include "src/graph/op_def.h"

namespace litesmith {

namespace batch_norm {
enum Input : uint8_t { kX, kGamma, kBeta, kMovingMean, kMovingVariance };
}  // namespace batch_norm

// Inputs: x [..., C]; gamma, beta [C], either may be missing; the moving mean
// and variance [C]. In training x is normalized by the batch's own moments,
// which the moving ones follow (states); where they are constants, and outside
// training, by those.
struct BatchNormAttrs {
  float momentum = 0.99f;
  float epsilon = 1e-3f;
  Activation activation = kNone;
  // In training, too, x is normalized by the moving moments, which stay.
  bool frozen = false;
};
template <>
inline constexpr auto kAttrs<BatchNormAttrs> = AttrList({
    Attr<&BatchNormAttrs::momentum>("momentum"),
    Attr<&BatchNormAttrs::epsilon>("epsilon"),
    Attr<&BatchNormAttrs::activation>("fused_activation_function"),
    Attr<&BatchNormAttrs::frozen>("frozen"),
});

// What the moving moments make of it: y = x * scale + offset, by channel.
struct ChannelScale {
  std::vector<double> scale;
  std::vector<double> offset;
};
// All but x must have data.
ChannelScale MovingScale(const Graph& graph, const Node& node);

}  // namespace litesmith

#endif  // LITESMITH_OPS_TRAIN_BATCH_NORM_H_
