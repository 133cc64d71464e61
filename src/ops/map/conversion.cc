// QUANTIZE and DEQUANTIZE by what they do.
#include "src/ops/map/conversion.h"

#include "src/ops/map/binary.h"
#include "src/ops/registry.h"

namespace litesmith {

const OpDef& ConversionTo(DType dtype) {
  return dtype == DType::kFloat32 ? kDequantize : kQuantize;
}

namespace {

// Kernels take the limits of a fused activation as 32 bits of steps and refuse
// more (TFLite's kernel_util.cc, CalculateActivationRangeQuantizedImpl). Of
// such an output no value reaches them.
void DropLimitsOutOfReach(float scale, Node* node) {
  AttrValue* fused = FusedActivation(node);
  if (fused == nullptr) return;
  constexpr float kSteps = 2147483648.0f;
  if (fused->i == activation::kRelu6 && 6 / scale >= kSteps)
    fused->i = activation::kRelu;
  if (fused->i == activation::kReluN1To1 && 1 / scale >= kSteps)
    fused->i = kNone;
}

}  // namespace

void SetIntegerAttrs(const Tensor& output, Node* node) {
  // Files that do not say otherwise add int16 by shifts where all scales happen
  // to be powers of two, and runtimes differ in that.
  if ((node->op == &kAdd || node->op == &kSub) && output.dtype == DType::kInt16)
    node->Set<&AddAttrs::pot_scale_int16>(false);
  if (output.quant.scale.size() == 1)
    DropLimitsOutOfReach(output.quant.scale[0], node);
}

bool Quantizes(const OpDef& op) { return &op == &kQuantize; }

bool Dequantizes(const OpDef& op) { return &op == &kDequantize; }

}  // namespace litesmith
