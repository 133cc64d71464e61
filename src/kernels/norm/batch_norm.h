// Batch normalization over [rows, channels] float32: sums by channel, and what
// is done with them (Ioffe and Szegedy 2015). All arrays of numbers by channel
// have `channels` entries. The sums of x are of doubles, so that a variance
// that is small against the square of the mean keeps its digits; those of
// gradients are of doubles, to which up to 128 rows at a time are added as
// floats.
#ifndef LITESMITH_KERNELS_NORM_BATCH_NORM_H_
#define LITESMITH_KERNELS_NORM_BATCH_NORM_H_

#include <cstddef>

#include "src/kernels/common/float_range.h"
#include "src/kernels/train/fake_quant.h"

namespace litesmith::kernels {

struct ChannelRows {
  size_t rows;
  size_t channels;
};

// sums[c] += sum of x[r, c], squares[c] += sum of their squares.
void AddChannelSums(const float* x, ChannelRows shape, double* sums,
                    double* squares);

// lowest[c] = the least of it and of all x[r, c], highest[c] the largest.
void AddChannelEnds(const float* x, ChannelRows shape, double* lowest,
                    double* highest);

// y = clamp(x * scale + offset, range), then snapped to the grid's points
// (train/fake_quant.h), if there is one.
void ChannelAffine(const float* x, ChannelRows shape, const float* scale,
                   const float* offset, FloatRange range,
                   const FakeQuantGrid* grid, float* y);

// What the gradient goes by: x, the gradient dy of y, the mean that x was
// normalized by, and scale and offset, which tell where the range, and the grid
// if there is one, let y pass. g is dy there, else 0.
struct NormGradient {
  const float* x;
  const float* dy;
  ChannelRows shape;
  const float* mean;
  const float* scale;
  const float* offset;
  FloatRange range;
  const FakeQuantGrid* grid = nullptr;
};

// sums[c] += sum of g, products[c] += sum of g * (x - mean).
void AddNormGradientSums(const NormGradient& a, double* sums, double* products);

// dx = scale * g + slope * (x - mean) + shift.
void NormGradientOfInput(const NormGradient& a, const float* slope,
                         const float* shift, float* dx);

}  // namespace litesmith::kernels

#endif  // LITESMITH_KERNELS_NORM_BATCH_NORM_H_
