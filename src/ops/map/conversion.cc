// QUANTIZE and DEQUANTIZE by what they do.
#include "src/ops/map/conversion.h"

#include "src/ops/registry.h"

namespace litesmith {

const OpDef& ConversionTo(DType dtype) {
  return dtype == DType::kFloat32 ? kDequantize : kQuantize;
}

bool Quantizes(const OpDef& op) { return &op == &kQuantize; }

bool Dequantizes(const OpDef& op) { return &op == &kDequantize; }

}  // namespace litesmith
