// Several dense layers that read the same rows, as the gates of a recurrent
// cell do, computed as one.
#ifndef LITESMITH_KERNELS_RECURRENT_PRODUCTS_H_
#define LITESMITH_KERNELS_RECURRENT_PRODUCTS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "src/kernels/common/layer_spec.h"
#include "src/kernels/dense/simd.h"

namespace litesmith::kernels {

// One of the layers: weights [outputs, depth], of float or int8.
struct Product {
  const void* weights = nullptr;
  const void* bias = nullptr;  // float, int32 or int64; null: zeros
  int outputs = 0;
  float scale = 1;                  // of the weights: kF32S8
  FixedMultiplier multiplier = {};  // of the sums: kS16S8
};

struct ProductsSpec {
  LayerKind kind = LayerKind::kF32F32;
  int depth = 0;
  int32_t x_zero = 0;       // kS8S8
  bool asymmetric = false;  // kF32S8: how rows of x are quantized
};

class Products {
 public:
  Products() = default;
  // Weights and biases are copied. Not `fast`: the reference twins, whose
  // results are the same but for kF32F32.
  Products(const ProductsSpec& spec, std::span<const Product> parts, bool fast);

  // One part's after the other's.
  int outputs() const { return shape_.outputs; }
  size_t workspace_bytes() const { return workspace_bytes_; }

  // x [rows, depth], y [rows, outputs]: bias + weights x. kF32*: float; kS8S8:
  // int32 sums of bias + weights (x - x_zero), which wrap; kS16S8: int16,
  // sat16(MBQM64(sums)). `workspace` is 64-byte aligned.
  void Run(int rows, const void* x, void* y, std::byte* workspace) const;

 private:
  ProductsSpec spec_;
  DenseShape shape_;
  // As long as the outputs, where the kind has it.
  std::vector<std::byte> weights_;
  std::vector<float> float_bias_;
  std::vector<int32_t> bias_;
  std::vector<int64_t> wide_bias_;
  std::vector<float> scales_;
  Requantizer requantizer_;
  std::unique_ptr<const PackedDense> packed_;
  size_t workspace_bytes_ = 0;
};

}  // namespace litesmith::kernels

#endif  // LITESMITH_KERNELS_RECURRENT_PRODUCTS_H_
