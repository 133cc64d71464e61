// Float max pooling for training: forward keeps which element of each window
// won, backward sends the gradient there. Ties: the first in row-major order,
// as TensorFlow.
#ifndef LITESMITH_KERNELS_POOL_TRAIN_H_
#define LITESMITH_KERNELS_POOL_TRAIN_H_

#include <cstddef>
#include <cstdint>

#include "src/kernels/common/float_range.h"
#include "src/kernels/common/window.h"

namespace litesmith::kernels {

// Winners are a byte: row * filter_w + column in the window.
inline constexpr int kMaxPoolTaps = 256;
// Winner arrays are written in whole vectors: so many more bytes.
inline constexpr size_t kWinnerSlack = 64;

// `width` neighbouring windows of one row, all of which have the same taps.
struct PoolRow {
  const float* x;
  ptrdiff_t x_step;         // floats from window to window
  const ptrdiff_t* offset;  // of each tap, in floats
  const uint8_t* id;        // of each tap, ascending
  int taps;
  int width;
  int channels;
  FloatRange range;
  float* y;          // [width][channels]
  uint8_t* winners;  // [width][channels], and slack
};
void MaxPoolRow(const PoolRow& row);

// dx[offset of tap] (+)= winner == tap and y inside the range ? dy : 0.
struct PoolGradRow {
  float* dx;
  ptrdiff_t dx_step;
  const ptrdiff_t* offset;
  const uint8_t* id;
  int taps;
  int width;
  int channels;
  FloatRange range;
  const float* y;
  const float* dy;
  const uint8_t* winners;
  bool accumulate;
};
void MaxPoolGradRow(const PoolGradRow& row);

// x [batch,H,W,C]; winners has batch * out_size + kWinnerSlack bytes.
void MaxPoolF32(const Window& window, FloatRange range, int batch,
                const float* x, float* y, uint8_t* winners);
void MaxPoolGradF32(const Window& window, FloatRange range, int batch,
                    const float* y, const float* dy, const uint8_t* winners,
                    float* dx);

}  // namespace litesmith::kernels

#endif  // LITESMITH_KERNELS_POOL_TRAIN_H_
