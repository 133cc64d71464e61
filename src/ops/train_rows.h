// The float training kernels, which the op files list as their first rows:
// forward as in inference, and a backward. They match only when
// PrepareContext::training is set.
#ifndef LITESMITH_OPS_TRAIN_ROWS_H_
#define LITESMITH_OPS_TRAIN_ROWS_H_

#include "src/graph/op_def.h"
#include "src/kernels/common/float_range.h"

namespace litesmith {

// The range of a fused activation, as the training kernels have it.
kernels::FloatRange TrainRange(int64_t activation);

KernelPtr PrepareConv2DF32Train(const PrepareContext& context);
KernelPtr PrepareFullyConnectedF32Train(const PrepareContext& context);
KernelPtr PrepareMaxPool2DF32Train(const PrepareContext& context);

}  // namespace litesmith

#endif  // LITESMITH_OPS_TRAIN_ROWS_H_
