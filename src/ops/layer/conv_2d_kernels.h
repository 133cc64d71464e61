// CONV_2D's kernels as the plan sees them; conv_2d.cc lists them as rows. The
// fused convolution and pool is prepared from the same pieces.
#ifndef LITESMITH_OPS_LAYER_CONV_2D_KERNELS_H_
#define LITESMITH_OPS_LAYER_CONV_2D_KERNELS_H_

#include "src/graph/op_def.h"
#include "src/kernels/common/requantize.h"
#include "src/kernels/common/window.h"

namespace litesmith {

// The geometry of a convolution of bound shapes.
Window ConvWindow(const PrepareContext& context);
// One Requantizer for an integer convolution.
Requantizer ConvRequantizer(const PrepareContext& context);

// Whether a hybrid convolution takes its per-channel path: scales that differ.
bool HybridPerChannel(const Tensor& weights);

KernelPtr PrepareConv2DF32F32Ref(const PrepareContext& context);
KernelPtr PrepareConv2DS8S8Ref(const PrepareContext& context);
KernelPtr PrepareConv2DS16S8Ref(const PrepareContext& context);
KernelPtr PrepareConv2DF32S8Ref(const PrepareContext& context);

// Any type combination; falls back to the reference twin where SIMD cannot give
// its result. Weights and bias must be constants.
KernelPtr PrepareConv2DSimd(const PrepareContext& context);
// The same with a fused 2x2 max pool of stride 2 if `pool_2x2`, or null.
KernelPtr TryPrepareConv2DSimd(const PrepareContext& context, bool pool_2x2);

}  // namespace litesmith

#endif  // LITESMITH_OPS_LAYER_CONV_2D_KERNELS_H_
