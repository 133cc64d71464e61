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

FixedMultiplier RatioOfScales(const Tensor& from, const Tensor& to) {
  return RatioOfScales(
      static_cast<double>(from.quant.scale[0] / to.quant.scale[0]), from, to);
}

int32_t ZeroOf(const Tensor& tensor) {
  return static_cast<int32_t>(tensor.quant.zero_point[0]);
}

int ElementwiseVersion(const Graph& graph, const Node& node) {
  const DType dtype = graph.tensor(node.inputs[0]).dtype;
  if (dtype == DType::kInt16) return 3;
  return dtype == DType::kInt8 || dtype == DType::kUInt8 ? 2 : 1;
}

}  // namespace litesmith
