// MAX_POOL_2D and AVERAGE_POOL_2D on SIMD: first down the rows of a window, for
// all columns of the image, then along them, each pixel a vector of channels.
// All equal their reference twins; averages of floats, whose sums would have
// another order, are left to these.
#ifndef LITESMITH_KERNELS_POOL_SIMD_H_
#define LITESMITH_KERNELS_POOL_SIMD_H_

#include <cstddef>
#include <cstdint>

#include "src/kernels/common/window.h"

namespace litesmith {

enum class PoolKind : uint8_t { kMax, kAverage };

// T: float, int8_t, uint8_t or int16_t. False on a CPU without any SIMD target,
// for averages of floats, and for averages of so many integers that float32
// does not divide their sums exactly.
template <typename T>
bool FitsPoolSimd(PoolKind kind, const Window& window);

size_t PoolSimdWorkspace(const Window& window);

// As MaxPool2DRef and AveragePool2DRef (reference.h).
template <typename T>
void Pool2DSimd(PoolKind kind, const Window& window, int images, const T* x,
                T lo, T hi, T* y, std::byte* workspace);

}  // namespace litesmith

#endif  // LITESMITH_KERNELS_POOL_SIMD_H_
