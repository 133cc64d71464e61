// Batch normalization over [rows, channels] float32: sums by channel, and what
// is done with them (Ioffe and Szegedy 2015). All arrays of numbers by channel
// have `channels` entries. The sums are of doubles, so that a variance that is
// small against the square of the mean keeps its digits.
#ifndef LITESMITH_KERNELS_NORM_BATCH_NORM_H_
#define LITESMITH_KERNELS_NORM_BATCH_NORM_H_

#include <cstddef>

#include "src/kernels/common/float_range.h"

namespace litesmith::kernels {

struct ChannelRows {
  size_t rows;
  size_t channels;
};

// sums[c] = sum of x[r, c], squares[c] = sum of their squares.
void ChannelSums(const float* x, ChannelRows shape, double* sums,
                 double* squares);

// y = clamp(x * scale + offset, range).
void ChannelAffine(const float* x, ChannelRows shape, const float* scale,
                   const float* offset, FloatRange range, float* y);

// What the gradient goes by: x, the result y (of use for a range only), the
// gradient dy of y, and the statistics that x was normalized by: mean and
// 1 / sqrt(variance + epsilon). g is dy where the range lets it pass, else 0,
// and n = (x - mean) * inverse.
struct NormGradient {
  const float* x;
  const float* y;
  const float* dy;
  ChannelRows shape;
  const float* mean;
  const float* inverse;
  FloatRange range;
};

// sums[c] = sum of g, products[c] = sum of g * n.
void NormGradientSums(const NormGradient& a, double* sums, double* products);

// dx = factor * (g - mean_g - n * mean_gn).
void NormGradientOfInput(const NormGradient& a, const float* factor,
                         const float* mean_g, const float* mean_gn, float* dx);

}  // namespace litesmith::kernels

#endif  // LITESMITH_KERNELS_NORM_BATCH_NORM_H_
