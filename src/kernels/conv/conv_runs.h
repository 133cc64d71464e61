// Weights of one sum over runs of consecutive floats, packed for the inner
// loops of train_micro.h.
#ifndef LITESMITH_KERNELS_CONV_CONV_RUNS_H_
#define LITESMITH_KERNELS_CONV_CONV_RUNS_H_

#include <cstddef>
#include <vector>

#include "src/kernels/common/aligned_floats.h"
#include "src/kernels/conv/train_micro.h"

namespace litesmith::kernels {

// Vectors may be read up to this far behind the last element of a buffer.
inline constexpr size_t kConvSlack = size_t{kMaxConvVectors} * 64;

// One stride-1-like sum over runs of consecutive floats with its packed
// weights: the forward, or one phase of the input gradient.
class ConvRuns {
 public:
  // Blocks of vectors for `channels` outputs and rows of `width` pixels.
  void Plan(const ConvMicro& micro, int channels, int width);

  struct Block {
    int first = 0;  // channel
    int vectors = 0;
    size_t weights = 0;  // offset in packed weights, for one k
  };
  std::vector<ptrdiff_t> offset;  // of each run, in floats
  int run_length = 0;
  int padded = 0;  // channels rounded up to whole vectors
  std::vector<Block> blocks;
  AlignedFloats weights;  // [block][runs][run_length][vectors * lanes]

  int depth() const { return static_cast<int>(offset.size()) * run_length; }
  // Where a block's packed weights, or gradients laid out as they, begin.
  size_t WeightsOf(const Block& block) const {
    return block.weights * static_cast<size_t>(depth());
  }
};

}  // namespace litesmith::kernels

#endif  // LITESMITH_KERNELS_CONV_CONV_RUNS_H_
