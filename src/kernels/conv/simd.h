// CONV_2D on SIMD: output channels in lanes, weights packed once, bias and
// activation fused, and where asked a 2x2 max pool of stride 2 as well. One
// group only. Integer results equal the reference twins' bit for bit; those of
// floats where it is asked for, else within accumulation error.
//
// The pool comes before requantization, which is the same: what is packed never
// decreases (requantize_pack.h), so it commutes with max.
#ifndef LITESMITH_KERNELS_CONV_SIMD_H_
#define LITESMITH_KERNELS_CONV_SIMD_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "src/kernels/common/layer_spec.h"
#include "src/kernels/common/packed_buffer.h"
#include "src/kernels/common/requantize.h"
#include "src/kernels/common/requantize_pack.h"
#include "src/kernels/common/window.h"

namespace litesmith {

// What is packed; weights are OHWI.
struct ConvSpec : LayerSpec {
  Window window;
  bool pool_2x2 = false;
  bool per_channel = false;  // kF32S8
  bool matrix_unit = true;   // kS8S8, kF32S8: by amx.h where it pays
};

// A packed convolution, for the target that was the best when it was made.
struct PackedConv {
  ConvSpec spec;  // weights: null
  int lanes = 0;
  int blocks = 0;           // of `lanes` output channels
  int element_bytes = 0;    // of the image that the kernel reads
  bool needs_copy = false;  // of the input image: padding or another type
  int copy_h = 0, copy_w = 0;
  // For gray-inl.h; `blocks` are its phases, `weights` its own.
  bool gray = false;
  std::vector<int32_t> output_offsets;  // of the vectors of window_offsets
  std::vector<int> phase_ends;  // in these, from the last phase to the first
  PackedBuffer lookups;
  // By winograd.h: outputs a side of a tile, or 0, and how many tiles at a
  // time. Their pixels are at the workspace's beginning, then their products;
  // weights are its own.
  int winograd = 0, winograd_tiles = 0;
  size_t winograd_products_at = 0;
  // In elements of that image: the first of each window, in the order in which
  // outputs are computed, rounded up to kMaxTile by repeating the last; and
  // from there the words that a window consists of.
  std::vector<int32_t> window_offsets;
  std::vector<int32_t> word_offsets;
  // From each window to the next where that is the same for all, else 0; 0 with
  // a pool, too.
  int32_t window_pitch = 0;
  // By amx.h: windows and words of a tile, or 0.
  int amx_windows = 0, amx_words = 0;
  PackedBuffer weights;  // [blocks][words][lanes]
  // All [blocks * lanes], padded with zeros.
  PackedBuffer bias;              // float or int32
  PackedBuffer weight_sums;       // int32: kF32S8
  PackedBuffer scales;            // float: kF32S8
  PackedRequantizer requantizer;  // kS*
  int32_t offset = 0;             // of the copied image over x - zero_point
  bool vnni = false;
  // The workspace: a tile that is not written yet, then the copy and, kF32S8,
  // the quantized image before it is copied.
  size_t copy_at = 0, quantized_at = 0;
  size_t workspace_bytes = 0;
  void (*run)(const PackedConv&, int images, const void* x, void* y,
              std::byte* workspace) = nullptr;
};

// Null where SIMD cannot give the reference's result: groups, accumulators
// that may leave 32 bits, or a CPU without any SIMD target.
std::unique_ptr<const PackedConv> PackConv2D(const ConvSpec& spec);

// Runs `images` images; workspace has packed.workspace_bytes.
inline void RunConv2D(const PackedConv& packed, int images, const void* x,
                      void* y, std::byte* workspace) {
  packed.run(packed, images, x, y, workspace);
}

}  // namespace litesmith

#endif  // LITESMITH_KERNELS_CONV_SIMD_H_
