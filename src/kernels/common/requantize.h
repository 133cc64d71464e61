// How the accumulators of one layer become its output integers: the method,
// one multiplier for each channel (or one for all), zero point and clamp.
// Follows specs/tflite.md 3.3.
#ifndef LITESMITH_KERNELS_COMMON_REQUANTIZE_H_
#define LITESMITH_KERNELS_COMMON_REQUANTIZE_H_

#include <algorithm>
#include <cstdint>
#include <vector>

#include "src/kernels/common/fixed_point.h"

namespace litesmith {

enum class RequantMethod : uint8_t {
  kMbqm,    // int32 accumulator, 31-bit multiplier
  kMbqm64,  // int64 accumulator, 15-bit multiplier
  kF64,     // double precision
};

struct Requantizer {
  RequantMethod method = RequantMethod::kMbqm;
  // One an output channel, always.
  std::vector<FixedMultiplier> multipliers;  // kMbqm, kMbqm64
  std::vector<double> reals;                 // kF64
  int32_t zero_point = 0;
  int32_t lo = 0;  // the fused activation's range
  int32_t hi = 0;

  // clamp(requant(acc) + zero_point) of output channel `o`. kMbqm wraps the
  // accumulator to 32 bits, as the reference's int32 sum does.
  int32_t Apply(int64_t acc, int o) const {
    const auto i = static_cast<size_t>(o);
    int64_t y = 0;
    switch (method) {
      case RequantMethod::kMbqm:
        y = Mbqm(static_cast<int32_t>(acc), multipliers[i]);
        break;
      case RequantMethod::kMbqm64:
        y = Mbqm64(acc, multipliers[i]);
        break;
      case RequantMethod::kF64:
        y = RequantizeF64(acc, reals[i]);
        break;
    }
    return static_cast<int32_t>(std::clamp<int64_t>(y + zero_point, lo, hi));
  }
};

}  // namespace litesmith

#endif  // LITESMITH_KERNELS_COMMON_REQUANTIZE_H_
