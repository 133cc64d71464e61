// The size of an image with its padding, so large that no tap of any window is
// outside. The kernels for speed compute on such images.
#ifndef LITESMITH_KERNELS_COMMON_PADDED_IMAGE_H_
#define LITESMITH_KERNELS_COMMON_PADDED_IMAGE_H_

#include <algorithm>
#include <cstdint>

#include "src/kernels/common/window.h"

namespace litesmith {

struct PaddedImage {
  int64_t h = 0, w = 0;
  // Of all its channels; beyond kLargestPaddedImage, only that it is.
  int64_t elements = 0;
};

// Images beyond this are left to the reference kernels: a file of a few bytes
// can ask for any dilation.
inline constexpr int64_t kLargestPaddedImage = int64_t{1} << 28;

inline PaddedImage PaddedImageOf(const Window& g, int channels) {
  const auto side = [](int64_t in, int64_t pad, int64_t out, int64_t stride,
                       int64_t filter, int64_t dilation) {
    return std::max((out - 1) * stride + (filter - 1) * dilation + 1, in + pad);
  };
  PaddedImage image;
  image.h =
      side(g.in_h, g.pad_top, g.out_h, g.stride_h, g.filter_h, g.dilation_h);
  image.w =
      side(g.in_w, g.pad_left, g.out_w, g.stride_w, g.filter_w, g.dilation_w);
  // Each side is cut first, so that the product fits.
  constexpr int64_t kMost = kLargestPaddedImage + 1;
  image.elements =
      std::min(std::min(image.h, kMost) * std::min(image.w, kMost), kMost) *
      channels;
  return image;
}

// Whether kernels for speed compute on such an image.
inline bool FitsPaddedImage(const Window& g, int channels) {
  return PaddedImageOf(g, channels).elements <= kLargestPaddedImage;
}

}  // namespace litesmith

#endif  // LITESMITH_KERNELS_COMMON_PADDED_IMAGE_H_
