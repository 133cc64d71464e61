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
};

// A packed depthwise convolution, for the target that was the best when it was
// made. It reads images of out_c channels (a multiplier repeats each input
// channel) of floats, or of int16 (x - zero_point), with their padding: no tap
// is outside.
//
// A block is the channels of one vector of these elements. Of integers, two
// taps are multiplied at a time, and their sums fill two vectors, whose lanes
// have the block's channels in another order (see ChannelOfLane).
struct PackedDepthwise {
  DepthwiseSpec spec;  // weights: null
  int lanes = 0;       // of 32 bits
  int blocks = 0;
  bool needs_copy = false;  // of the input image
  int copy_h = 0, copy_w = 0;
  // In elements of the image: the first of each window, rounded up to
  // kDepthwiseTile windows by repeating the last; and from there the taps, of
  // integers an even number of them.
  std::vector<int32_t> windows;
  std::vector<int32_t> taps;
  PackedBuffer
      weights;  // [blocks][taps][a vector]; of integers pairs, in lanes
  // By the lanes of the sums, padded with zeros.
  PackedBuffer bias;              // float or int32
  PackedBuffer scales;            // float: kF32S8
  PackedRequantizer requantizer;  // kS*
  // In the workspace: the copy and, kF32S8, the quantized image before it is
  // copied.
  size_t quantized_at = 0;
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
