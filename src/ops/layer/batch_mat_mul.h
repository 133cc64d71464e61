// BATCH_MATMUL's attributes.
#ifndef LITESMITH_OPS_LAYER_BATCH_MAT_MUL_H_
#define LITESMITH_OPS_LAYER_BATCH_MAT_MUL_H_

#include "src/graph/attrs.h"
#include "src/graph/op_def.h"

namespace litesmith {

// Inputs: x [..., M, K] ([..., K, M] if adj_x), y [..., K, N] ([..., N, K] if
// adj_y), whose other dimensions are broadcast. Output [..., M, N].
struct BatchMatMulAttrs {
  bool adj_x = false;
  bool adj_y = false;
  bool asymmetric_quantize_inputs = false;
};

template <>
inline constexpr auto kAttrs<BatchMatMulAttrs> = AttrList({
    Attr<&BatchMatMulAttrs::adj_x>("adj_x", 0),
    Attr<&BatchMatMulAttrs::adj_y>("adj_y", 1),
    Attr<&BatchMatMulAttrs::asymmetric_quantize_inputs>(
        "asymmetric_quantize_inputs", 2),
});

// The kernel for the node's types: reference; SIMD, or the reference where
// SIMD cannot give its result.
KernelPtr MakeBatchMatMulReference(const PrepareContext& context);
KernelPtr MakeBatchMatMulSimd(const PrepareContext& context);
KernelPtr MakeBatchMatMulTrain(const PrepareContext& context);

}  // namespace litesmith

#endif  // LITESMITH_OPS_LAYER_BATCH_MAT_MUL_H_
