// The limits of this machine that kernels are compared with, measured
// on one core when asked: multiply-accumulates of registers alone, and reading
// a buffer that does not change.
#ifndef LITESMITH_KERNELS_COMMON_PEAK_H_
#define LITESMITH_KERNELS_COMMON_PEAK_H_

#include <cstddef>
#include <cstdint>

namespace litesmith {

enum class PeakKind : uint8_t {
  kF32,  // fused multiply-add
  kS8,   // the 8-bit dot product, or pairs of int16 where there is none
  kS16,  // pairs of int16
};

// Multiply-accumulates a second by the best SIMD target: the fastest of many
// short runs. Measured once, then remembered.
double PeakMacs(PeakKind kind);

// Bytes a second of reading `bytes` bytes over and over. Remembered, too.
double ReadBytesPerSecond(size_t bytes);

}  // namespace litesmith

#endif  // LITESMITH_KERNELS_COMMON_PEAK_H_
