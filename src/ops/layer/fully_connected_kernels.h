// FULLY_CONNECTED's kernels as the plan sees them; fully_connected.cc lists
// them as rows.
#ifndef LITESMITH_OPS_LAYER_FULLY_CONNECTED_KERNELS_H_
#define LITESMITH_OPS_LAYER_FULLY_CONNECTED_KERNELS_H_

#include "src/graph/op_def.h"
#include "src/kernels/dense/reference.h"

namespace litesmith {

DenseShape FullyConnectedShape(const PrepareContext& context);
// Rows of x a sample: its elements / depth.
int64_t FullyConnectedRows(const PrepareContext& context);
// By the runtime whose results are wanted (specs/tflite.md 3.3): F64 for
// LiteRT; for the microcontroller runtime MBQM, or MBQM64 for 16-bit inputs
// whose bias is not int32.
Requantizer FullyConnectedRequantizer(const PrepareContext& context);

KernelPtr PrepareFullyConnectedF32F32Ref(const PrepareContext& context);
KernelPtr PrepareFullyConnectedS8S8Ref(const PrepareContext& context);
KernelPtr PrepareFullyConnectedS16S8Ref(const PrepareContext& context);
KernelPtr PrepareFullyConnectedF32S8Ref(const PrepareContext& context);

// Any type combination; constant weights and bias.
KernelPtr PrepareFullyConnectedSimd(const PrepareContext& context);

}  // namespace litesmith

#endif  // LITESMITH_OPS_LAYER_FULLY_CONNECTED_KERNELS_H_
