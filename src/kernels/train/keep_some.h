// Dropout's draws and its product.
#ifndef LITESMITH_KERNELS_TRAIN_KEEP_SOME_H_
#define LITESMITH_KERNELS_TRAIN_KEEP_SOME_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace litesmith::kernels {

// keep[r * n + i] says whether the i-th number that generator r (a state of
// Rng) draws has upper 24 bits of at least `dropped`, which is at most 2^24.
void DrawKept(std::span<const std::array<uint64_t, 4>> generators, size_t n,
              uint64_t dropped, uint8_t* keep);

// y[i] = x[i] * scale where keep[i] is not 0, else 0.
void KeepSome(const uint8_t* keep, const float* x, size_t n, float scale,
              float* y);

}  // namespace litesmith::kernels

#endif  // LITESMITH_KERNELS_TRAIN_KEEP_SOME_H_
