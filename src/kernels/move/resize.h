// Images of another size, NHWC: the nearest value, or between the nearest four.
// The reference twins (specs/tflite.md 3.12, specs/ops.md 8.7).
#ifndef LITESMITH_KERNELS_MOVE_RESIZE_H_
#define LITESMITH_KERNELS_MOVE_RESIZE_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <type_traits>
#include <vector>

namespace litesmith::kernels {

// How places of the output lie on the input.
struct ResizeRule {
  bool align_corners = false;
  bool half_pixel_centers = false;
};

// One place of the output along a dimension: between two of the input, and how
// far behind the first (negative at an edge). W: float, or int32_t in 1/1024.
template <class W>
struct Tap {
  int32_t low = 0;
  int32_t high = 0;
  W weight = 0;
};

// The scale of places: one step of the output in steps of the input.
inline float ResizeScale(int32_t in, int32_t out, const ResizeRule& rule) {
  return rule.align_corners && out > 1
             ? static_cast<float>(in - 1) / static_cast<float>(out - 1)
             : static_cast<float>(in) / static_cast<float>(out);
}

inline std::vector<int32_t> NearestPlaces(int32_t in, int32_t out,
                                          const ResizeRule& rule) {
  const float scale = ResizeScale(in, out, rule);
  const float offset = rule.half_pixel_centers ? 0.5f : 0.0f;
  std::vector<int32_t> places;
  for (int32_t v = 0; v < out; ++v) {
    const float at = (static_cast<float>(v) + offset) * scale;
    const auto place = static_cast<int32_t>(
        rule.align_corners ? std::round(at) : std::floor(at));
    places.push_back(std::clamp(place, 0, in - 1));
  }
  return places;
}

template <class W>
std::vector<Tap<W>> BilinearTaps(int32_t in, int32_t out,
                                 const ResizeRule& rule) {
  std::vector<Tap<W>> taps;
  for (int32_t v = 0; v < out; ++v) {
    Tap<W> tap;
    if constexpr (std::is_same_v<W, float>) {
      const float scale = ResizeScale(in, out, rule);
      const float place = rule.half_pixel_centers
                              ? (static_cast<float>(v) + 0.5f) * scale - 0.5f
                              : static_cast<float>(v) * scale;
      tap.low = std::max(static_cast<int32_t>(std::floor(place)), 0);
      tap.high = std::min(static_cast<int32_t>(std::ceil(place)), in - 1);
      tap.weight = place - static_cast<float>(tap.low);
    } else {
      // Below 2^10 * 2^16, of dimensions as infer takes them.
      const bool align = rule.align_corners && out > 1;
      const int32_t steps = align ? out - 1 : out;
      const int32_t scale = (1024 * (align ? in - 1 : in) + steps / 2) / steps;
      int32_t place = v * scale;
      if (rule.half_pixel_centers) place += scale / 2 - 512;
      tap.low = std::max(place / 1024, 0);
      tap.high = std::min((place + 1023) / 1024, in - 1);
      tap.weight = place - 1024 * tap.low;
    }
    // Rounding may put the last place behind the image.
    tap.low = std::min(tap.low, in - 1);
    tap.high = std::max(tap.high, 0);
    taps.push_back(tap);
  }
  return taps;
}

// The four values' places in an image of `columns`, in elements, and for each
// place of the output in turn calls visit(places, row, column).
struct Corners {
  int64_t low_low, high_low, low_high, high_high;  // row, column
};
template <class W, class Visit>
void ForEachCorners(const std::vector<Tap<W>>& rows,
                    const std::vector<Tap<W>>& columns, int64_t width,
                    int64_t channels, const Visit& visit) {
  for (const Tap<W>& row : rows) {
    const int64_t low = row.low * width;
    const int64_t high = row.high * width;
    for (const Tap<W>& column : columns) {
      visit(
          Corners{(low + column.low) * channels, (high + column.low) * channels,
                  (low + column.high) * channels,
                  (high + column.high) * channels},
          row, column);
    }
  }
}

// One image of floats, or of uint8 by floats. Every operation is rounded.
template <class T>
void BilinearFloat(const std::vector<Tap<float>>& rows,
                   const std::vector<Tap<float>>& columns, int64_t width,
                   int64_t channels, const T* x, T* y) {
  constexpr float kRound = std::is_integral_v<T> ? 0.5f : 0.0f;
  ForEachCorners(
      rows, columns, width, channels,
      [&](const Corners& at, const Tap<float>& row, const Tap<float>& column) {
        const float u = 1 - row.weight;
        const float v = 1 - column.weight;
        for (int64_t c = 0; c < channels; ++c) {
          const float value =
              static_cast<float>(x[at.low_low + c]) * u * v +
              static_cast<float>(x[at.high_low + c]) * row.weight * v +
              static_cast<float>(x[at.low_high + c]) * u * column.weight +
              static_cast<float>(x[at.high_high + c]) * row.weight *
                  column.weight;
          if constexpr (std::is_integral_v<T>) {
            y[c] = static_cast<T>(std::clamp(value + kRound, 0.0f, 255.0f));
          } else {
            y[c] = value;
          }
        }
        y += channels;
      });
}

// One image of integers: weights in 1/1024, so that products of two and a value
// of 16 bits stay below 2^40.
template <class T>
void BilinearInteger(const std::vector<Tap<int32_t>>& rows,
                     const std::vector<Tap<int32_t>>& columns, int64_t width,
                     int64_t channels, const T* x, T* y) {
  ForEachCorners(
      rows, columns, width, channels,
      [&](const Corners& at, const Tap<int32_t>& row,
          const Tap<int32_t>& column) {
        const int64_t u = 1024 - row.weight;
        const int64_t v = 1024 - column.weight;
        for (int64_t c = 0; c < channels; ++c) {
          const int64_t sum =
              x[at.low_low + c] * u * v + x[at.high_low + c] * row.weight * v +
              x[at.low_high + c] * u * column.weight +
              x[at.high_high + c] * int64_t{row.weight} * column.weight;
          const int64_t half = sum > 0 ? 1 << 19 : -(1 << 19);
          y[c] = static_cast<T>((sum + half) / (1 << 20));
        }
        y += channels;
      });
}

// Adds an image's gradient to that of its input.
inline void BilinearBackward(const std::vector<Tap<float>>& rows,
                             const std::vector<Tap<float>>& columns,
                             int64_t width, int64_t channels, const float* dy,
                             float* dx) {
  ForEachCorners(
      rows, columns, width, channels,
      [&](const Corners& at, const Tap<float>& row, const Tap<float>& column) {
        const float u = 1 - row.weight;
        const float v = 1 - column.weight;
        for (int64_t c = 0; c < channels; ++c) {
          dx[at.low_low + c] += dy[c] * u * v;
          dx[at.high_low + c] += dy[c] * row.weight * v;
          dx[at.low_high + c] += dy[c] * u * column.weight;
          dx[at.high_high + c] += dy[c] * row.weight * column.weight;
        }
        dy += channels;
      });
}

}  // namespace litesmith::kernels

#endif  // LITESMITH_KERNELS_MOVE_RESIZE_H_
