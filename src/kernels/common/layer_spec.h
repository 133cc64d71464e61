// What the SIMD kernels of convolutions and dense layers are packed from,
// whatever their shape.
#ifndef LITESMITH_KERNELS_COMMON_LAYER_SPEC_H_
#define LITESMITH_KERNELS_COMMON_LAYER_SPEC_H_

#include <cstdint>
#include <vector>

#include "src/kernels/common/requantize.h"

namespace litesmith {

// The types of activations and weights.
enum class LayerKind : uint8_t { kF32F32, kS8S8, kS16S8, kF32S8 };

struct LayerSpec {
  LayerKind kind = LayerKind::kF32F32;
  const void* weights = nullptr;  // float or int8
  std::vector<float> float_bias;  // kF32*: empty or one per channel
  std::vector<int64_t> bias;      // kS*: empty or one per channel
  float lo = 0, hi = 0;           // kF32*: the fused activation
  // kF32F32: the reference twin's bits, by its order of sums and roundings.
  bool exact = false;
  int32_t x_zero = 0;         // kS8S8
  Requantizer requantizer;    // kS*
  std::vector<float> scales;  // kF32S8: one per channel
};

}  // namespace litesmith

#endif  // LITESMITH_KERNELS_COMMON_LAYER_SPEC_H_
