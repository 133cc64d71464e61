// The geometry of a pool of bound shapes.
#ifndef LITESMITH_OPS_POOL_POOL_2D_WINDOW_H_
#define LITESMITH_OPS_POOL_POOL_2D_WINDOW_H_

#include "src/graph/op_def.h"
#include "src/kernels/common/window.h"

namespace litesmith {

Window PoolWindow(const PrepareContext& context);

}  // namespace litesmith

#endif  // LITESMITH_OPS_POOL_POOL_2D_WINDOW_H_
