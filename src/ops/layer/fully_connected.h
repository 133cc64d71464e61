// FULLY_CONNECTED's attributes and kernels.
#ifndef LITESMITH_OPS_LAYER_FULLY_CONNECTED_H_
#define LITESMITH_OPS_LAYER_FULLY_CONNECTED_H_

#include "src/base/dtype.h"
#include "src/graph/attrs.h"
#include "src/graph/op_def.h"

namespace litesmith {

enum WeightsFormat : int64_t { kPlainWeights = 0, kShuffled4x16Int8 = 1 };

// Inputs: x [..., I] (flattened to [n / I, I]), weights [O,I], optional bias
// [O]. Output [n / I, O].
struct FullyConnectedAttrs {
  Activation activation = kNone;
  WeightsFormat weights_format = kPlainWeights;
  bool keep_num_dims = false;
  bool asymmetric_quantize_inputs = false;
  DType quantized_bias_type = DType::kFloat32;  // kFloat32: by the input's
};

template <>
inline constexpr auto kAttrs<FullyConnectedAttrs> = AttrList({
    Attr<&FullyConnectedAttrs::activation>("fused_activation_function", 0),
    Attr<&FullyConnectedAttrs::weights_format>("weights_format", 1),
    Attr<&FullyConnectedAttrs::keep_num_dims>("keep_num_dims", 2),
    Attr<&FullyConnectedAttrs::asymmetric_quantize_inputs>(
        "asymmetric_quantize_inputs", 3),
    Attr<&FullyConnectedAttrs::quantized_bias_type>("quantized_bias_type", 4),
});

// The kernel for the node's types: reference; SIMD, or the reference where
// SIMD cannot give its result; training. For SIMD weights and bias must be
// constants.
KernelPtr MakeFullyConnectedReference(const PrepareContext& context);
KernelPtr MakeFullyConnectedSimd(const PrepareContext& context);
KernelPtr MakeFullyConnectedTrain(const PrepareContext& context);

}  // namespace litesmith

#endif  // LITESMITH_OPS_LAYER_FULLY_CONNECTED_H_
