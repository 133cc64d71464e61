// The logistic function and tanh of int16 arrays on SIMD, to the reference's
// bit (kernels/map/logistic.h has their arithmetic).
#ifndef LITESMITH_KERNELS_MAP_SIGMOID16_H_
#define LITESMITH_KERNELS_MAP_SIGMOID16_H_

#include <array>
#include <cstdint>

#include "src/kernels/map/logistic.h"

namespace litesmith {

// Entry i of the reference's table in the lower half, the way to the next one
// in the upper half. From the last entry on nothing changes. Aligned to 64
// bytes.
using SigmoidTable = std::array<int32_t, 256>;

struct Sigmoid16 {
  Sigmoid16() = default;
  explicit Sigmoid16(const kernels::Logistic16& f);
  explicit Sigmoid16(const kernels::Tanh16& f);

  const SigmoidTable* table = nullptr;
  int32_t multiplier = 0;  // of x, and how far the product is shifted
  int shift = 0;
  bool is_tanh = false;
};

// Whether this CPU has a SIMD target.
bool HasSigmoid16();
// y = f(x) of n elements.
void RunSigmoid16(const Sigmoid16& f, const int16_t* x, int64_t n, int16_t* y);

}  // namespace litesmith

#endif  // LITESMITH_KERNELS_MAP_SIGMOID16_H_
