// DEPTHWISE_CONV_2D on SIMD: channels in lanes, weights packed once, bias and
// activation fused. Integer results equal the reference twins' bit for bit;
// those of floats where it is asked for, else within accumulation error.
#ifndef LITESMITH_KERNELS_DEPTHWISE_SIMD_H_
#define LITESMITH_KERNELS_DEPTHWISE_SIMD_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "src/kernels/common/layer_spec.h"
#include "src/kernels/common/packed_buffer.h"
#include "src/kernels/common/requantize_pack.h"
#include "src/kernels/common/window.h"

namespace litesmith {

// What is packed; weights are [filter_h, filter_w, out_c].
struct DepthwiseSpec : LayerSpec {
  Window window;
  bool per_channel = false;  // as of kF32S8 in conv/simd.h
};

// A packed depthwise convolution, for the target that was the best when it was
// made.
//
// It reads lines of words of 32 bits, [pixels][out_c] (a multiplier repeats
// each input channel), with their padding: no tap is outside. A word is a float
// or, of integers, the values x - zero_point of two taps, one below the other
// (of filters of one row, side by side): one instruction multiplies and adds
// both. Lines are copied as they are needed, into a ring that stays in the
// cache; an image of floats whose channels fill vectors is read where it is if
// kernels can leave out what is outside of it.
//
// A vector whose channels would leave lanes idle holds `group` neighbouring
// outputs of a row.
struct PackedDepthwise {
  DepthwiseSpec spec;  // weights: null
  int lanes = 0;       // of 32 bits
  int blocks = 0;      // of lanes channels, those of a group together
  int group = 1;
  bool needs_copy = false;  // of the input image
  bool side_by_side = false;
  int copy_w = 0;     // pixels of a line
  int line_rows = 1;  // rows of the image from one line to the next
  int ring = 0;       // lines
  int band = 0;       // rows of outputs that the ring is enough for
  // A window: lines and pixels that it consists of, and the steps from one to
  // the next.
  int rows = 1, cols = 1;
  int row_step = 1, col_step = 1;
  int tile_step = 1;     // pixels from one vector of outputs to the next
  PackedBuffer weights;  // [blocks][rows][cols][lanes]
  // [blocks * lanes], padded with zeros.
  PackedBuffer bias;              // float or int32
  PackedBuffer scales;            // float: kF32S8
  PackedBuffer weight_sums;       // none: the image is x - zero_point
  PackedRequantizer requantizer;  // kS*
  bool vnni = false;              // what is in the image does not depend on it
  // The workspace: the ring, a line of single values and, kF32S8, the quantized
  // image.
  size_t line_at = 0, quantized_at = 0;
  size_t workspace_bytes = 0;
  void (*run)(const PackedDepthwise&, int images, const void* x, void* y,
              std::byte* workspace) = nullptr;
};

// Null where SIMD cannot give the reference's result: accumulators that may
// leave 32 bits, images that padding makes huge, or a CPU without any SIMD
// target.
std::unique_ptr<const PackedDepthwise> PackDepthwise(const DepthwiseSpec& spec);

// Runs `images` images; workspace has packed.workspace_bytes.
inline void RunDepthwise(const PackedDepthwise& packed, int images,
                         const void* x, void* y, std::byte* workspace) {
  packed.run(packed, images, x, y, workspace);
}

}  // namespace litesmith

#endif  // LITESMITH_KERNELS_DEPTHWISE_SIMD_H_
