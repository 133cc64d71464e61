// What integer layers are given beside their elements.
#ifndef LITESMITH_KERNELS_COMMON_INTEGER_LAYER_H_
#define LITESMITH_KERNELS_COMMON_INTEGER_LAYER_H_

#include <cstdint>

namespace litesmith {

// Of the input and of the weights, which have one in old files only.
struct LayerZeros {
  int32_t x = 0;
  int32_t w = 0;
};

// One for each output channel, of one width or the other; or none at all.
struct LayerBias {
  const int32_t* narrow = nullptr;
  const int64_t* wide = nullptr;

  int64_t Of(int o) const {
    if (narrow != nullptr) return narrow[o];
    return wide != nullptr ? wide[o] : 0;
  }
};

}  // namespace litesmith

#endif  // LITESMITH_KERNELS_COMMON_INTEGER_LAYER_H_
