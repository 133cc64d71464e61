// TRANSPOSE_CONV: reference twins and SIMD. The Window's image is x, its output
// y, and its padding is what is cut off before the first row and column of
// what the taps spread; dilations are 1. Filters are OHWI. Follows specs/ops.md
// 4.2.
//
// On SIMD, the outputs of each phase (a row and a column modulo the strides)
// are a convolution of stride 1 with the taps that meet it, whose order of sums
// is the reference's.
#ifndef LITESMITH_KERNELS_CONV_TRANSPOSED_H_
#define LITESMITH_KERNELS_CONV_TRANSPOSED_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "src/kernels/common/integer_layer.h"
#include "src/kernels/conv/simd.h"

namespace litesmith {

// As Conv2D's.
void TransposeConvF32F32Ref(const Window& window, int images, const float* x,
                            const float* weights, const float* bias, float lo,
                            float hi, float* y);
template <typename X, typename W>
void TransposeConvIntegerRef(const Window& window, int images, const X* x,
                             const W* weights, LayerBias bias, LayerZeros zeros,
                             const Requantizer& requantizer, X* y);
// Hybrid: always asymmetric; sums of floats, (product * w_scale) * x_scale.
void TransposeConvF32S8Ref(const Window& window, int images, const float* x,
                           const int8_t* weights, const float* bias,
                           std::span<const float> scales, float lo, float hi,
                           int8_t* quantized, float* y);

struct PackedTransposeConv {
  // Outputs y0, y0 + stride_h, ...
  struct Phase {
    int y0 = 0, x0 = 0;
    int rows = 0, columns = 0;
    std::unique_ptr<const PackedConv> conv;  // null: no tap meets it
  };
  Window window;
  int in_bytes = 0, out_bytes = 0;  // of an element
  std::vector<Phase> phases;
  std::vector<std::byte> bias_only;  // an output pixel that no tap meets
  // The workspace: a phase's output, then the convolution's own.
  size_t conv_at = 0;
  size_t workspace_bytes = 0;
};

// Null where PackConv2D is, for hybrid ones (whose sums are of floats), or
// where the padding cuts off whole taps. Of `spec`, `window` is the transposed
// one.
std::unique_ptr<const PackedTransposeConv> PackTransposeConv(
    const ConvSpec& spec);

// Runs `images` images; workspace has packed.workspace_bytes.
void RunConv2D(const PackedTransposeConv& packed, int images, const void* x,
               void* y, std::byte* workspace);

}  // namespace litesmith

#endif  // LITESMITH_KERNELS_CONV_TRANSPOSED_H_
