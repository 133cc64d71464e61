// The geometry of a sliding window over an NHWC image: sizes, strides,
// dilation, padding. Follows specs/tflite.md 1.4 ("Geometry").
#ifndef LITESMITH_KERNELS_COMMON_WINDOW_H_
#define LITESMITH_KERNELS_COMMON_WINDOW_H_

#include <algorithm>
#include <cstdint>

namespace litesmith {

// The number of window positions along one dimension; may be below 1 for
// VALID. All arguments positive.
inline int64_t WindowCount(bool same, int64_t in, int64_t filter,
                           int64_t stride, int64_t dilation) {
  if (same) return (in + stride - 1) / stride;
  return (in + stride - ((filter - 1) * dilation + 1)) / stride;
}

// Padding before the first element; the odd one goes after. VALID gives 0.
inline int64_t PaddingBefore(int64_t in, int64_t filter, int64_t stride,
                             int64_t dilation, int64_t out) {
  const int64_t effective = (filter - 1) * dilation + 1;
  return std::max<int64_t>((out - 1) * stride + effective - in, 0) / 2;
}

// One convolution or pool of one image [in_h, in_w, in_c] to
// [out_h, out_w, out_c].
struct Window {
  int in_h = 0, in_w = 0, in_c = 0;
  int filter_h = 1, filter_w = 1;
  int filter_c = 0;  // input channels of one filter: in_c / groups
  int stride_h = 1, stride_w = 1;
  int dilation_h = 1, dilation_w = 1;
  int pad_top = 0, pad_left = 0;
  int out_h = 0, out_w = 0, out_c = 0;

  int64_t in_size() const { return int64_t{in_h} * in_w * in_c; }
  int64_t out_size() const { return int64_t{out_h} * out_w * out_c; }
  int groups() const { return filter_c > 0 ? std::max(in_c / filter_c, 1) : 1; }
  // Weights of one output channel.
  int64_t taps() const { return int64_t{filter_h} * filter_w * filter_c; }
};

}  // namespace litesmith

#endif  // LITESMITH_KERNELS_COMMON_WINDOW_H_
