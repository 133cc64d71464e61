// A function of int16 as a table of 513 values with lines between them
// (specs/ops.md 3, LUT16).
#ifndef LITESMITH_KERNELS_COMMON_LOOKUP_S16_H_
#define LITESMITH_KERNELS_COMMON_LOOKUP_S16_H_

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace litesmith {

using LookupS16 = std::array<int16_t, 513>;

// The numbers that integers stand for.
template <class Real>
struct Grid {
  Real scale;
  int32_t zero_point;
  Real operator()(int32_t q) const {
    return scale * static_cast<Real>(q - zero_point);
  }
};

// The table of y = f(x). All of it is computed in Real, double or float, which
// is part of the result. Each value is moved by half the error that the line to
// the next one has in its middle.
template <class Real, class F>
LookupS16 MakeLookupS16(const Grid<Real>& x, const Grid<Real>& y, const F& f) {
  constexpr int kSteps = 512;
  const Real first = x(-32768);
  const Real step = (x(32767) - first) / kSteps;
  const Real half = step / 2;
  const Real to_y = Real{65536} / (y(32767) - y(-32768));
  const auto clamped = [](Real value) {
    if (!(value > -32768)) return int16_t{-32768};  // NaN as well
    return static_cast<int16_t>(std::min<Real>(value, 32767));
  };
  LookupS16 table;
  for (int i = 0; i < kSteps; ++i) {
    const Real at = first + static_cast<Real>(i) * step;
    const Real next = first + static_cast<Real>(i + 1) * step;
    const Real value = std::round(f(at) * to_y);
    const Real line = std::round((f(next) * to_y + value) / 2);
    const Real error = line - std::round(f(at + half) * to_y);
    // Beyond what Real holds values are infinite, and the error is no number.
    const Real moved = std::isfinite(error) ? std::round(error / 2) : Real{0};
    table[static_cast<size_t>(i)] = clamped(value - moved);
  }
  table[kSteps] = clamped(std::round(f(x(32767)) * to_y));
  return table;
}

inline int16_t Look(const LookupS16& table, int16_t q) {
  const auto at = static_cast<size_t>(256 + (q >> 7));
  const auto slope = static_cast<int16_t>(table[at + 1] - table[at]);
  return static_cast<int16_t>(table[at] + ((slope * (q & 127) + 64) >> 7));
}

}  // namespace litesmith

#endif  // LITESMITH_KERNELS_COMMON_LOOKUP_S16_H_
