// Shared by unary and binary ops.
#include "src/ops/map/elementwise.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <string_view>
#include <vector>

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

void CheckHasRow(const Tensor& x, const char* what, const OpDef& op) {
  std::vector<std::string_view> types;  // each once, in the order of the rows
  for (const KernelRow& row : op.rows) {
    if (row.types.input == x.dtype) return;
    const std::string_view name = Name(row.types.input);
    if (std::find(types.begin(), types.end(), name) == types.end())
      types.push_back(name);
  }
  Fail(ErrorKind::kUnsupported, "the {} '{}' is {}; {} is wanted", what, x.name,
       Name(x.dtype), fmt::join(types, " or "));
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
