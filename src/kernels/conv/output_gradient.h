// The gradient of a layer's outputs before their activation.
#ifndef LITESMITH_KERNELS_CONV_OUTPUT_GRADIENT_H_
#define LITESMITH_KERNELS_CONV_OUTPUT_GRADIENT_H_

#include <cstddef>

#include "src/kernels/common/float_range.h"
#include "src/kernels/common/output_rows.h"

namespace litesmith::kernels {

// Of outputs [first, first + pixels) of `channels` each: what `gradient`
// writes, if there is one, else dy where y is within `range`. y and dy are
// those of the first output of all, and may be null where they are not read.
// Returns `to`, or the place in dy where that is it as it stands.
const float* OutputGradient(const GradientSource& gradient, FloatRange range,
                            size_t first, size_t pixels, int channels,
                            const float* y, const float* dy, float* to);

}  // namespace litesmith::kernels

#endif  // LITESMITH_KERNELS_CONV_OUTPUT_GRADIENT_H_
