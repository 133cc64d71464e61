// CONV_2D of int16 with int8 weights on SIMD whose accumulators may leave 32
// bits: the taps of a window are cut into parts whose sums do not, and these
// are added in 64 bits. Equal to the reference twin's bit for bit.
#ifndef LITESMITH_KERNELS_CONV_WIDE_S16_H_
#define LITESMITH_KERNELS_CONV_WIDE_S16_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "src/kernels/common/packed_buffer.h"
#include "src/kernels/conv/simd.h"

namespace litesmith {

struct PackedWideConv {
  Window window;
  int lanes = 0;
  int blocks = 0;  // of `lanes` output channels
  int copy_h = 0, copy_w = 0;
  // In int16 values of the copied image: the first of each window, rounded up
  // to kWideTile by repeating the last; the pairs that a window consists of,
  // from there; and in these the ends of the parts.
  std::vector<int64_t> window_offsets;
  std::vector<int64_t> word_offsets;
  std::vector<size_t> part_ends;
  PackedBuffer weights;  // int16: [blocks][words][lanes][2]
  // MBQM64 as in requantize_pack.h, but of 64 bits: ((acc * multiplier + add)
  // >> shift) - subtract. Of 64 bits each block's even lanes come first, then
  // the odd ones; `add` has the bias's share.
  PackedBuffer multiplier;  // int32
  PackedBuffer add;         // uint64
  PackedBuffer shift;       // uint64
  PackedBuffer subtract;    // int32
  int32_t lo = 0, hi = 0;
  size_t workspace_bytes = 0;
};

inline constexpr int kWideTile = 4;  // windows at a time

// Null for other kinds of numbers, groups, pools and methods, and where 64 bits
// do not hold it either; on a CPU without any SIMD target.
std::unique_ptr<const PackedWideConv> PackWideConv2D(const ConvSpec& spec);

void RunConv2D(const PackedWideConv& packed, int images, const void* x, void* y,
               std::byte* workspace);

}  // namespace litesmith

#endif  // LITESMITH_KERNELS_CONV_WIDE_S16_H_
