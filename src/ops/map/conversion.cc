// QUANTIZE and DEQUANTIZE by what they do.
#include "src/ops/map/conversion.h"

#include "src/ops/map/binary.h"
#include "src/ops/registry.h"

namespace litesmith {

const OpDef& ConversionTo(DType dtype) {
  return dtype == DType::kFloat32 ? kDequantize : kQuantize;
}

void SetIntegerAttrs(DType activation, Node* node) {
  // Files that do not say otherwise add int16 by shifts where all scales happen
  // to be powers of two, and runtimes differ in that.
  if ((node->op == &kAdd || node->op == &kSub) && activation == DType::kInt16)
    node->Set<&AddAttrs::pot_scale_int16>(false);
}

bool Quantizes(const OpDef& op) { return &op == &kQuantize; }

bool Dequantizes(const OpDef& op) { return &op == &kDequantize; }

}  // namespace litesmith
