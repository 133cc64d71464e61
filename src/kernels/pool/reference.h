// MAX_POOL_2D, the reference twin for any element type: the maximum over the
// part of the window inside the image, clamped. Follows specs/tflite.md 3.4.
#ifndef LITESMITH_KERNELS_POOL_REFERENCE_H_
#define LITESMITH_KERNELS_POOL_REFERENCE_H_

#include <algorithm>
#include <limits>

#include "src/kernels/common/window.h"

namespace litesmith {

template <typename T>
void MaxPool2DRef(const Window& g, int images, const T* x, T lo, T hi,
                  T* __restrict y) {
  for (int n = 0; n < images; ++n, x += g.in_size()) {
    for (int oy = 0; oy < g.out_h; ++oy) {
      for (int ox = 0; ox < g.out_w; ++ox) {
        const int y0 = oy * g.stride_h - g.pad_top;
        const int x0 = ox * g.stride_w - g.pad_left;
        const int y1 = std::min(y0 + g.filter_h, g.in_h);
        const int x1 = std::min(x0 + g.filter_w, g.in_w);
        // Channels innermost: compilers take many of them at once.
        std::fill_n(y, g.in_c, std::numeric_limits<T>::lowest());
        for (int iy = std::max(y0, 0); iy < y1; ++iy) {
          for (int ix = std::max(x0, 0); ix < x1; ++ix) {
            const T* pixel = x + (int64_t{iy} * g.in_w + ix) * g.in_c;
            for (int c = 0; c < g.in_c; ++c) y[c] = std::max(y[c], pixel[c]);
          }
        }
        for (int c = 0; c < g.in_c; ++c) y[c] = std::clamp(y[c], lo, hi);
        y += g.in_c;
      }
    }
  }
}

}  // namespace litesmith

#endif  // LITESMITH_KERNELS_POOL_REFERENCE_H_
