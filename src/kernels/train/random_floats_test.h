// For tests of training kernels: the same random floats on every machine.
#ifndef LITESMITH_KERNELS_TRAIN_RANDOM_FLOATS_TEST_H_
#define LITESMITH_KERNELS_TRAIN_RANDOM_FLOATS_TEST_H_

#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace litesmith::kernels {

using Floats = std::vector<float>;

// `n` values in [-scale, scale).
inline Floats Random(size_t n, uint32_t seed, float scale = 1.0f) {
  std::mt19937 rng(seed);
  std::uniform_real_distribution<float> uniform(-scale, scale);
  Floats v(n);
  for (float& f : v) f = uniform(rng);
  return v;
}

}  // namespace litesmith::kernels

#endif  // LITESMITH_KERNELS_TRAIN_RANDOM_FLOATS_TEST_H_
