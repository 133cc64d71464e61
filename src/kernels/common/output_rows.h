// How a layer's training kernel is joined with what stands behind it, so that
// outputs and their gradients are worked on while they are in the cache.
#ifndef LITESMITH_KERNELS_COMMON_OUTPUT_ROWS_H_
#define LITESMITH_KERNELS_COMMON_OUTPUT_ROWS_H_

#include <cstddef>
#include <functional>

namespace litesmith::kernels {

// Is told of each stretch of outputs, in their order, when it has been made:
// y [pixels, channels].
using OutputsMade = std::function<void(const float* y, size_t pixels)>;

// Writes the gradient of outputs [first, first + pixels), counted through all
// images, to g [pixels, channels]; what stands behind the layer has the
// activation.
using GradientSource =
    std::function<void(size_t first, size_t pixels, float* g)>;

}  // namespace litesmith::kernels

#endif  // LITESMITH_KERNELS_COMMON_OUTPUT_ROWS_H_
