// Shared by unary and binary ops.
#include "src/ops/map/elementwise.h"

#include <cmath>

#include "src/base/error.h"

namespace litesmith {

FixedMultiplier RatioOfScales(double ratio, const Tensor& from,
                              const Tensor& to) {
  // A ratio of finite scales may leave the range of float.
  const FixedMultiplier multiplier = std::isfinite(ratio)
                                         ? QuantizeMultiplier(ratio)
                                         : FixedMultiplier{0, kMaxShift + 1};
  if (multiplier.shift > kMaxShift) {
    Fail(ErrorKind::kUnsupported,
         "the scales of '{}' and '{}' have a ratio of {}, which is too large",
         from.name, to.name, ratio);
  }
  return multiplier;
}

int ElementwiseVersion(const Graph& graph, const Node& node) {
  const DType dtype = graph.tensor(node.inputs[0]).dtype;
  if (dtype == DType::kInt16) return 3;
  return dtype == DType::kInt8 || dtype == DType::kUInt8 ? 2 : 1;
}

}  // namespace litesmith
