// The transforms of Winograd's F(4x4, 3x3) (winograd.h) in training, for each
// SIMD target, along a row of tiles. What is transformed lies in 36 planes, one
// for each position of a tile, `plane` floats apart: of each tile a row of
// channels, `pitch` floats apart, whole vectors.
#ifndef LITESMITH_KERNELS_CONV_TRAIN_WINOGRAD_MICRO_H_
#define LITESMITH_KERNELS_CONV_TRAIN_WINOGRAD_MICRO_H_

#include <cstddef>

namespace litesmith::kernels {

// Outputs a side of a tile.
inline constexpr int kTrainTile = 4;

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

// Outputs of a row of tiles, of which `rows` (1 to 4) and `columns` (1 to four
// times the tiles) are stored.
struct WinogradOutputs {
  float* at;
  ptrdiff_t row;
  int rows, columns;
  int channels;
  const float* bias;  // whole vectors
  float low, high;
  bool adds;  // to what is there
};

struct WinogradMicro {
  // B^T d B of patches of 6x6 pixels, each four columns behind the one before.
  void (*patches)(const WinogradImage& from, const WinogradPlanes& to);
  // clamp(A^T m A + bias) of sums m, and what is there, if it adds.
  void (*outputs)(const WinogradPlanes& from, const WinogradOutputs& to);
  // A g A^T of tiles of 4x4 gradients.
  void (*gradients)(const WinogradImage& from, const WinogradPlanes& to);
  // G w G^T of n filters, whole vectors of which are read and written: nine
  // rows of taps `step` apart, to 36 of positions.
  void (*weights)(const float* taps, ptrdiff_t step, int n, float* u,
                  ptrdiff_t position);
  // G^T u G, back.
  void (*taps)(const float* u, ptrdiff_t position, int n, float* taps,
               ptrdiff_t step);
};

const WinogradMicro& GetWinogradMicro();

}  // namespace litesmith::kernels

#endif  // LITESMITH_KERNELS_CONV_TRAIN_WINOGRAD_MICRO_H_
