// Products of computed matrices on SIMD, of floats and of int8: the bits of the
// reference twins. y is laid out anew in every call, so that a vector holds
// columns next to each other: panels [depth words][two vectors of columns].
#ifndef LITESMITH_KERNELS_MATMUL_SIMD_H_
#define LITESMITH_KERNELS_MATMUL_SIMD_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "src/kernels/common/integer_layer.h"
#include "src/kernels/common/requantize.h"
#include "src/kernels/common/requantize_pack.h"
#include "src/kernels/matmul/reference.h"

namespace litesmith {

// For the target that was the best when it was made.
struct PackedMatMul {
  MatMulShape shape;  // the most rows
  LayerZeros zeros;
  PackedRequantizer requantizer;  // of int8; all lanes alike
  // The workspace: y's panels, then x.
  size_t x_at = 0;
  size_t workspace_bytes = 0;
  // Of one pair of matrices; `rows` as in the call.
  void (*run)(const PackedMatMul&, const MatMulShape& shape, const void* x,
              const void* y, void* out, std::byte* workspace) = nullptr;
};

// Null on a CPU without any SIMD target, or where a sum of int8 products may
// leave 32 bits.
std::unique_ptr<const PackedMatMul> PackMatMulF32(const MatMulShape& shape);
std::unique_ptr<const PackedMatMul> PackMatMulS8(
    const MatMulShape& shape, LayerZeros zeros, const Requantizer& requantizer);

}  // namespace litesmith

#endif  // LITESMITH_KERNELS_MATMUL_SIMD_H_
