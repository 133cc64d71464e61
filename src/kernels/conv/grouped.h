// CONV_2D with groups on SIMD: each group is a convolution of its own, of
// channels that are copied together before and apart again behind; where each
// group has one input channel, all of them are one depthwise convolution.
#ifndef LITESMITH_KERNELS_CONV_GROUPED_H_
#define LITESMITH_KERNELS_CONV_GROUPED_H_

#include <cstddef>
#include <memory>
#include <vector>

#include "src/kernels/conv/simd.h"
#include "src/kernels/depthwise/simd.h"

namespace litesmith {

struct PackedGroups {
  Window window;
  int element_bytes = 0;  // of x and of y
  std::vector<std::unique_ptr<const PackedConv>> groups;
  std::unique_ptr<const PackedDepthwise> depthwise;  // or null
  // The workspace: a group's part of the image, then its output, then the
  // group's own.
  size_t y_at = 0, group_at = 0;
  size_t workspace_bytes = 0;
};

// Null where PackConv2D is for a group, for hybrid convolutions (whose image
// has one scale for all groups) and with a pool.
std::unique_ptr<const PackedGroups> PackGroupedConv2D(const ConvSpec& spec);

// Runs `images` images; workspace has packed.workspace_bytes.
void RunConv2D(const PackedGroups& packed, int images, const void* x, void* y,
               std::byte* workspace);

}  // namespace litesmith

#endif  // LITESMITH_KERNELS_CONV_GROUPED_H_
