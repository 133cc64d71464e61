// The transforms of Winograd's F(2x2, 3x3) (winograd.h) in training, for each
// SIMD target, along a row of tiles. What is transformed lies in 16 planes, one
// for each position of a tile, `plane` floats apart: of each tile a row of
// channels, `pitch` floats apart, whole vectors.
#ifndef LITESMITH_KERNELS_CONV_TRAIN_WINOGRAD_MICRO_H_
#define LITESMITH_KERNELS_CONV_TRAIN_WINOGRAD_MICRO_H_

#include <cstddef>

namespace litesmith::kernels {

// An image of tiles: floats from row to row, and from pixel to pixel. Whole
// vectors of channels are read.
struct WinogradImage {
  const float* at;
  ptrdiff_t row, pixel;
  int tiles;
  int channels;
};

struct WinogradPlanes {
  float* at;
  ptrdiff_t plane, pitch;
};

// Outputs of a row of tiles, of which `rows` (1 or 2) and `columns` (1 to twice
// the tiles) are stored.
struct WinogradOutputs {
  float* at;
  ptrdiff_t row;
  int rows, columns;
  int channels;
  const float* bias;  // whole vectors
  float low, high;
};

struct WinogradMicro {
  // B^T d B of patches of 4x4 pixels, each two columns behind the one before.
  void (*patches)(const WinogradImage& from, const WinogradPlanes& to);
  // clamp(A^T m A + bias) of sums m.
  void (*outputs)(const WinogradPlanes& from, const WinogradOutputs& to);
  // A g A^T of tiles of 2x2 gradients.
  void (*gradients)(const WinogradImage& from, const WinogradPlanes& to);
};

const WinogradMicro& GetWinogradMicro();

}  // namespace litesmith::kernels

#endif  // LITESMITH_KERNELS_CONV_TRAIN_WINOGRAD_MICRO_H_
