// MAX_POOL_2D, AVERAGE_POOL_2D (any element type) and L2_POOL_2D, the reference
// twins: over the part of the window inside the image, clamped. Follows
// specs/tflite.md 3.4.
#ifndef LITESMITH_KERNELS_POOL_REFERENCE_H_
#define LITESMITH_KERNELS_POOL_REFERENCE_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "src/kernels/common/float_range.h"
#include "src/kernels/common/window.h"

namespace litesmith {

// The part of an output's window that lies inside the image.
struct PoolPart {
  int y0, y1, x0, x1;
  int count() const { return (y1 - y0) * (x1 - x0); }
};
inline PoolPart PartOf(const Window& g, int oy, int ox) {
  const int y0 = oy * g.stride_h - g.pad_top;
  const int x0 = ox * g.stride_w - g.pad_left;
  return {std::max(y0, 0), std::min(y0 + g.filter_h, g.in_h), std::max(x0, 0),
          std::min(x0 + g.filter_w, g.in_w)};
}

template <typename T>
void MaxPool2DRef(const Window& g, int images, const T* x, T lo, T hi,
                  T* __restrict y) {
  for (int n = 0; n < images; ++n, x += g.in_size()) {
    for (int oy = 0; oy < g.out_h; ++oy) {
      for (int ox = 0; ox < g.out_w; ++ox) {
        const PoolPart part = PartOf(g, oy, ox);
        // Channels innermost: compilers take many of them at once.
        std::fill_n(y, g.in_c, std::numeric_limits<T>::lowest());
        for (int iy = part.y0; iy < part.y1; ++iy) {
          for (int ix = part.x0; ix < part.x1; ++ix) {
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

// Floats: the sum in window order over its number. Integers: rounded half away
// from zero; unsigned ones up.
template <typename T>
void AveragePool2DRef(const Window& g, int images, const T* x, T lo, T hi,
                      T* __restrict y) {
  using Sum = std::conditional_t<std::is_same_v<T, float>, float, int32_t>;
  for (int n = 0; n < images; ++n, x += g.in_size()) {
    for (int oy = 0; oy < g.out_h; ++oy) {
      for (int ox = 0; ox < g.out_w; ++ox) {
        const PoolPart part = PartOf(g, oy, ox);
        const int count = part.count();
        for (int c = 0; c < g.in_c; ++c) {
          Sum sum = 0;
          for (int iy = part.y0; iy < part.y1; ++iy) {
            for (int ix = part.x0; ix < part.x1; ++ix)
              sum += x[(int64_t{iy} * g.in_w + ix) * g.in_c + c];
          }
          Sum mean;
          if constexpr (std::is_same_v<T, float>) {
            mean = sum / static_cast<float>(count);
          } else {
            mean = (sum > 0 || std::is_unsigned_v<T> ? sum + count / 2
                                                     : sum - count / 2) /
                   count;
          }
          *y++ = static_cast<T>(std::clamp<Sum>(mean, lo, hi));
        }
      }
    }
  }
}

// L2_POOL_2D: the root of the mean square, squares summed in window order.
inline void L2Pool2DRef(const Window& g, int images, const float* x, float lo,
                        float hi, float* __restrict y) {
  for (int n = 0; n < images; ++n, x += g.in_size()) {
    for (int oy = 0; oy < g.out_h; ++oy) {
      for (int ox = 0; ox < g.out_w; ++ox) {
        const PoolPart part = PartOf(g, oy, ox);
        for (int c = 0; c < g.in_c; ++c) {
          float sum = 0;
          for (int iy = part.y0; iy < part.y1; ++iy) {
            for (int ix = part.x0; ix < part.x1; ++ix) {
              const float v = x[(int64_t{iy} * g.in_w + ix) * g.in_c + c];
              sum += v * v;
            }
          }
          const float mean = sum / static_cast<float>(part.count());
          *y++ = std::clamp(std::sqrt(mean), lo, hi);
        }
      }
    }
  }
}

// Calls visit(part, pixel's first input, output's first value) for the pixels
// of each window in turn.
template <class Visit>
void ForEachPoolPixel(const Window& g, int images, const Visit& visit) {
  int64_t out = 0;
  for (int n = 0; n < images; ++n) {
    for (int oy = 0; oy < g.out_h; ++oy) {
      for (int ox = 0; ox < g.out_w; ++ox, out += g.in_c) {
        const PoolPart part = PartOf(g, oy, ox);
        for (int iy = part.y0; iy < part.y1; ++iy) {
          for (int ix = part.x0; ix < part.x1; ++ix) {
            const int64_t pixel = int64_t{iy} * g.in_w + ix;
            visit(part, n * g.in_size() + pixel * g.in_c, out);
          }
        }
      }
    }
  }
}

// dx of the float AVERAGE_POOL_2D: each output's gradient in equal parts to its
// window, where the output lies inside `range`.
inline void AveragePoolGradF32(const Window& g, kernels::FloatRange range,
                               int images, const float* /*x*/, const float* y,
                               const float* dy, float* __restrict dx) {
  std::fill_n(dx, images * g.in_size(), 0.0f);
  ForEachPoolPixel(g, images,
                   [&](const PoolPart& part, int64_t in, int64_t out) {
                     const auto count = static_cast<float>(part.count());
                     for (int c = 0; c < g.in_c; ++c) {
                       if (range.Passes(y[out + c]))
                         dx[in + c] += dy[out + c] / count;
                     }
                   });
}

// Of L2_POOL_2D: by dy/dx = x / (count y), 0 where all are.
inline void L2PoolGradF32(const Window& g, kernels::FloatRange range,
                          int images, const float* x, const float* y,
                          const float* dy, float* __restrict dx) {
  std::fill_n(dx, images * g.in_size(), 0.0f);
  ForEachPoolPixel(g, images,
                   [&](const PoolPart& part, int64_t in, int64_t out) {
                     const auto count = static_cast<float>(part.count());
                     for (int c = 0; c < g.in_c; ++c) {
                       const float root = y[out + c];
                       if (root > 0 && range.Passes(root))
                         dx[in + c] += dy[out + c] * x[in + c] / (count * root);
                     }
                   });
}

// Of MAX_POOL_2D, of windows of any size: to the first of the largest. `taken`
// has room for the channels.
inline void MaxPoolGradAnyF32(const Window& g, kernels::FloatRange range,
                              int images, const float* x, const float* y,
                              const float* dy, uint8_t* taken,
                              float* __restrict dx) {
  std::fill_n(dx, images * g.in_size(), 0.0f);
  int64_t before = -1;
  ForEachPoolPixel(g, images, [&](const PoolPart&, int64_t in, int64_t out) {
    if (out != before) std::fill_n(taken, g.in_c, uint8_t{0});
    before = out;
    for (int c = 0; c < g.in_c; ++c) {
      if (taken[c] != 0 || x[in + c] != y[out + c]) continue;
      taken[c] = 1;
      if (range.Passes(y[out + c])) dx[in + c] += dy[out + c];
    }
  });
}

}  // namespace litesmith

#endif  // LITESMITH_KERNELS_POOL_REFERENCE_H_
