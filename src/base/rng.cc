// xoshiro256** and SplitMix64.
#include "src/base/rng.h"

#include <bit>
#include <cmath>
#include <numbers>

namespace litesmith {
namespace {

uint64_t SplitMix(uint64_t* x) {
  uint64_t z = (*x += 0x9E3779B97F4A7C15u);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

}  // namespace

Rng::Rng(uint64_t seed, uint64_t stream) {
  uint64_t x = seed;
  x = SplitMix(&x) ^ (stream * 0xD1342543DE82EF95u);
  for (uint64_t& word : state_) word = SplitMix(&x);
}

uint64_t Rng::Next() {
  const uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const uint64_t t = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= t;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

float Rng::Uniform() { return static_cast<float>(Next() >> 40) * 0x1p-24f; }

uint32_t Rng::Below(uint32_t n) {
  // Lemire 2019: multiply and reject the few values that would bias.
  uint64_t product = (Next() >> 32) * n;
  if (static_cast<uint32_t>(product) < n) {
    const uint32_t threshold = (0u - n) % n;
    while (static_cast<uint32_t>(product) < threshold) {
      product = (Next() >> 32) * n;
    }
  }
  return static_cast<uint32_t>(product >> 32);
}

float Rng::Normal() {
  const double u = (static_cast<double>(Next() >> 11) + 1.0) * 0x1p-53;
  const double v = static_cast<double>(Next() >> 11) * 0x1p-53;
  return static_cast<float>(std::sqrt(-2.0 * std::log(u)) *
                            std::cos(2.0 * std::numbers::pi * v));
}

}  // namespace litesmith
