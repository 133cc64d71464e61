// Random numbers with the same bits on every platform and compiler
// (xoshiro256**, Blackman and Vigna 2018, seeded through SplitMix64).
// The standard library's distributions differ between libraries; these do not.
#ifndef LITESMITH_BASE_RNG_H_
#define LITESMITH_BASE_RNG_H_

#include <array>
#include <cstdint>
#include <span>
#include <utility>

namespace litesmith {

class Rng {
 public:
  // `stream` separates independent uses of one seed (data, weights, shuffle).
  explicit Rng(uint64_t seed, uint64_t stream = 0);

  uint64_t Next();
  // Uniform in [0, 1), 24 bits.
  float Uniform();
  float Uniform(float low, float high) {
    return low + (high - low) * Uniform();
  }
  // Uniform in [0, n), n >= 1, without modulo bias.
  uint32_t Below(uint32_t n);
  // Standard normal (Box and Muller; one of the pair is dropped, so that the
  // state is the whole state).
  float Normal();

  // Fisher and Yates, from the last element down.
  template <typename T>
  void Shuffle(std::span<T> values) {
    for (size_t i = values.size(); i > 1; --i) {
      std::swap(values[i - 1], values[Below(static_cast<uint32_t>(i))]);
    }
  }

  // The whole state, for checkpoints.
  std::array<uint64_t, 4> state() const { return state_; }
  void set_state(const std::array<uint64_t, 4>& state) { state_ = state; }

 private:
  std::array<uint64_t, 4> state_;
};

}  // namespace litesmith

#endif  // LITESMITH_BASE_RNG_H_
