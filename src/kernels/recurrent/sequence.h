// Where the samples' steps lie in [batch, steps, n], or time major [steps,
// batch, n].
#ifndef LITESMITH_KERNELS_RECURRENT_SEQUENCE_H_
#define LITESMITH_KERNELS_RECURRENT_SEQUENCE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace litesmith::kernels {

struct Sequence {
  int batch = 1;
  int steps = 1;
  bool time_major = false;

  int64_t Row(int sample, int step) const {
    return time_major ? int64_t{step} * batch + sample
                      : int64_t{sample} * steps + step;
  }
  // How many steps from this one on are multiplied at once: such as lie one
  // behind the other.
  int Chunk(int step) const {
    constexpr int kMost = 16;
    return std::min(time_major && batch > 1 ? 1 : kMost, steps - step);
  }
  // The most of them.
  size_t LargestChunk() const { return static_cast<size_t>(Chunk(0)); }
};

}  // namespace litesmith::kernels

#endif  // LITESMITH_KERNELS_RECURRENT_SEQUENCE_H_
