// For tests of kernels: random values and geometries, the same on every machine
// for a generator of the same seed.
#ifndef LITESMITH_KERNELS_COMMON_RANDOM_VALUES_TEST_H_
#define LITESMITH_KERNELS_COMMON_RANDOM_VALUES_TEST_H_

#include <cstdint>
#include <initializer_list>
#include <random>
#include <vector>

#include "src/kernels/common/window.h"

namespace litesmith {

inline int Pick(std::mt19937& rng, std::initializer_list<int> of) {
  return of
      .begin()[std::uniform_int_distribution<size_t>(0, of.size() - 1)(rng)];
}

template <typename T>
std::vector<T> Integers(std::mt19937& rng, int64_t n, int lo, int hi) {
  std::uniform_int_distribution<int> d(lo, hi);
  std::vector<T> v(static_cast<size_t>(n));
  for (T& x : v) x = static_cast<T>(d(rng));
  return v;
}

inline std::vector<float> Reals(std::mt19937& rng, int64_t n) {
  std::uniform_real_distribution<float> d(-1, 1);
  std::vector<float> v(static_cast<size_t>(n));
  for (float& x : v) x = d(rng);
  return v;
}

// Fills in the sizes of the output, and the padding if any.
inline void SetOutput(bool same, Window* window) {
  Window& g = *window;
  g.out_h = static_cast<int>(
      WindowCount(same, g.in_h, g.filter_h, g.stride_h, g.dilation_h));
  g.out_w = static_cast<int>(
      WindowCount(same, g.in_w, g.filter_w, g.stride_w, g.dilation_w));
  if (!same) return;
  g.pad_top = static_cast<int>(
      PaddingBefore(g.in_h, g.filter_h, g.stride_h, g.dilation_h, g.out_h));
  g.pad_left = static_cast<int>(
      PaddingBefore(g.in_w, g.filter_w, g.stride_w, g.dilation_w, g.out_w));
}

}  // namespace litesmith

#endif  // LITESMITH_KERNELS_COMMON_RANDOM_VALUES_TEST_H_
