// Numbers of one type as another (specs/ops.md 8.6): what is cut off goes
// towards zero, integers wrap, what is no zero is true.
#ifndef LITESMITH_KERNELS_MAP_CAST_H_
#define LITESMITH_KERNELS_MAP_CAST_H_

#include <cstdint>

#include "src/base/dtype.h"

namespace litesmith::kernels {

// Converts n numbers. `nan_is_zero`: where an integer is wanted; else NaN is
// its type's largest number.
using Cast = void (*)(const void* x, int64_t n, bool nan_is_zero, void* y);

// Null for types that hold no numbers.
Cast FindCast(DType from, DType to);

}  // namespace litesmith::kernels

#endif  // LITESMITH_KERNELS_MAP_CAST_H_
