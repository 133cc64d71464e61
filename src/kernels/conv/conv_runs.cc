// Blocks of vectors of channels.
#include "src/kernels/conv/conv_runs.h"

namespace litesmith::kernels {

void ConvRuns::Plan(const ConvMicro& micro, int channels, int width) {
  blocks.clear();
  const int lanes = micro.lanes;
  int left = (channels + lanes - 1) / lanes;
  padded = left * lanes;
  for (int first = 0; left > 0;) {
    const int vectors = micro.vectors(left, width);
    blocks.push_back({first, vectors, static_cast<size_t>(first)});
    first += vectors * lanes;
    left -= vectors;
  }
  weights.Resize(static_cast<size_t>(depth()) * static_cast<size_t>(padded));
}

}  // namespace litesmith::kernels
