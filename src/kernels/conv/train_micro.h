// The inner loops of float convolution for training, one table of functions
// for each SIMD target. No geometry here: train_conv.h has the plan.
//
// A convolution is a sum over `runs` of consecutive floats: in NHWC with
// dilation 1 the taps of one filter row read filter_w * in_c consecutive
// floats. Output channels lie in vector lanes, `vectors` of them at a time;
// pixels are blocked in registers.
#ifndef LITESMITH_KERNELS_CONV_TRAIN_MICRO_H_
#define LITESMITH_KERNELS_CONV_TRAIN_MICRO_H_

#include <cstddef>

namespace litesmith::kernels {

inline constexpr int kMaxConvVectors = 4;

// `width` neighbouring outputs of one row:
// y[p][o] = clamp(bias[o] + sum over r, j of x[p * x_step + offset[r] + j] *
// w[r][j][o]) for o < channels; with `adds` what is in y takes the bias's
// place.
struct ConvRow {
  const float* x;
  ptrdiff_t x_step;         // floats from pixel to pixel
  ptrdiff_t ahead;          // to what the next row will read first
  const ptrdiff_t* offset;  // [runs]
  int runs;
  int run_length;
  const float* w;     // [runs][run_length][vectors * lanes]
  const float* bias;  // [vectors * lanes]
  float low, high;
  float* y;
  ptrdiff_t y_step;
  int width;
  int channels;  // 1 .. vectors * lanes are stored
  bool adds = false;
};

// dw[r][j][o] (+)= sum over pixels of x[offset[r] + j] * g[o]. g is read in
// whole vectors: `vectors * lanes` floats from each pixel. While it computes,
// the same pixels of both `ahead` are fetched into the cache, if they are not
// null: what the next call's g will be made of, or if x is the gradient, its x.
struct ConvWeightGrad {
  const float* x;
  ptrdiff_t x_row, x_step;
  const float* g;
  ptrdiff_t g_row, g_step;
  int rows, width;
  const ptrdiff_t* offset;
  int runs;
  int run_length;
  const float* ahead[2];
  bool ahead_of_x;  // they are laid out as x, else as g
  ptrdiff_t ahead_row;
  float* dw;          // [runs][run_length], each of vectors * lanes
  ptrdiff_t dw_step;  // from one of these to the next
  bool accumulate;    // else overwrites
};

struct ConvMicro {
  int lanes;
  // How many vectors of output channels to take at once, of `left` remaining,
  // for rows of `width` pixels.
  int (*vectors)(int left, int width);
  void (*row)(const ConvRow& args, int vectors);
  void (*weight_grad)(const ConvWeightGrad& args, int vectors);
  // g[i] = dy[i] where low < y[i] < high, else 0: the activation's gradient.
  void (*mask)(const float* dy, const float* y, size_t n, float low, float high,
               float* g);
  // sum[o] += sum over rows, width of g; reads whole vectors, `sum` is padded.
  void (*column_sum)(const float* g, ptrdiff_t g_row, ptrdiff_t g_step,
                     int rows, int width, int channels, float* sum);
};

// The table of the best target of this machine.
const ConvMicro& GetConvMicro();

}  // namespace litesmith::kernels

#endif  // LITESMITH_KERNELS_CONV_TRAIN_MICRO_H_
