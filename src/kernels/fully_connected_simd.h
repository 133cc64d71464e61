// FULLY_CONNECTED on SIMD: dot products along the depth, four output channels
// at a time. Integer and hybrid results equal the reference twins' bit for bit.
#ifndef LITESMITH_KERNELS_FULLY_CONNECTED_SIMD_H_
#define LITESMITH_KERNELS_FULLY_CONNECTED_SIMD_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "src/kernels/fully_connected_reference.h"
#include "src/kernels/packed_buffer.h"
#include "src/kernels/requantize.h"

namespace litesmith {

enum class DenseKind : uint8_t { kF32F32, kS8S8, kS16S8, kF32S8 };

// What is packed.
struct DenseSpec {
  DenseKind kind = DenseKind::kF32F32;
  DenseShape shape;
  const void* weights = nullptr;  // [outputs, depth], float or int8
  std::vector<float> float_bias;  // kF32*: empty or one a channel
  std::vector<int64_t> bias;      // kS*: empty or one a channel
  float lo = 0, hi = 0;           // kF32*
  int32_t x_zero = 0;             // kS8S8
  Requantizer requantizer;        // kS*
  std::vector<float> scales;      // kF32S8: one a channel
  bool asymmetric = false;        // kF32S8
};

// A packed layer, for the target that was the best when it was made.
struct PackedDense {
  DenseSpec spec;        // weights: null; bias as many as outputs
  int64_t pitch = 0;     // elements of a packed row, a multiple of the vector
  PackedBuffer weights;  // [outputs rounded up to 4][pitch], zero padded
  std::vector<int32_t> weight_sums;  // integers only
  bool vnni = false;
  size_t workspace_bytes = 0;
  void (*run)(const PackedDense&, int rows, const void* x, void* y,
              std::byte* workspace) = nullptr;
};

// Null on a CPU without any SIMD target.
std::unique_ptr<const PackedDense> PackFullyConnected(const DenseSpec& spec);

// x is [rows, depth], y [rows, outputs].
inline void RunFullyConnected(const PackedDense& packed, int rows,
                              const void* x, void* y, std::byte* workspace) {
  packed.run(packed, rows, x, y, workspace);
}

}  // namespace litesmith

#endif  // LITESMITH_KERNELS_FULLY_CONNECTED_SIMD_H_
