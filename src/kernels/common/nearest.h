// Whether requantization in doubles may round to the nearest integer in any
// way.
#ifndef LITESMITH_KERNELS_COMMON_NEAREST_H_
#define LITESMITH_KERNELS_COMMON_NEAREST_H_

namespace litesmith {

// Whether no product acc * real, 0 < real, of an integer acc is so near to
// halfway between two integers, as far as these are in the range of int16, that
// its rounding to a double, or how halves are rounded, matters. Exact: false of
// one real in some thousands, and of those that are no product of scales (0,
// 2^-n, beyond 1).
bool RoundsToNearest(double real);

}  // namespace litesmith

#endif  // LITESMITH_KERNELS_COMMON_NEAREST_H_
