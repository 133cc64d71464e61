// Dropout's product.
#ifndef LITESMITH_KERNELS_TRAIN_KEEP_SOME_H_
#define LITESMITH_KERNELS_TRAIN_KEEP_SOME_H_

#include <cstddef>
#include <cstdint>

namespace litesmith::kernels {

// y[i] = x[i] * scale where keep[i] is not 0, else 0.
void KeepSome(const uint8_t* keep, const float* x, size_t n, float scale,
              float* y);

}  // namespace litesmith::kernels

#endif  // LITESMITH_KERNELS_TRAIN_KEEP_SOME_H_
