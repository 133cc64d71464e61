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

// Where a layer has the gradient of its outputs from, if what stands behind it
// makes it and has the activation.
struct GradientSource {
  // Writes that of outputs [first, first + pixels), counted through all images,
  // to g [pixels, channels].
  std::function<void(size_t first, size_t pixels, float* g)> write;
  // What it reads, laid out as the outputs: while a layer works on some of
  // them, it fetches the next of these into the cache.
  const float* reads[2] = {};

  explicit operator bool() const { return static_cast<bool>(write); }
};

}  // namespace litesmith::kernels

#endif  // LITESMITH_KERNELS_COMMON_OUTPUT_ROWS_H_
