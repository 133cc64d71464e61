// One product for all steps of x, then step by step.
#include "src/kernels/recurrent/rnn.h"

#include <algorithm>

#include "src/kernels/recurrent/gates.h"
#include "src/kernels/recurrent/workspace.h"

namespace litesmith::kernels {
namespace {

struct Scratch {
  Scratch(const Rnn& rnn, std::byte* workspace) : all(workspace) {
    const auto units = static_cast<size_t>(rnn.units);
    sums = all.Take<float>(rnn.sequence.LargestChunk() * units);
    recurrent = all.Take<float>(units);
    products = all.TakeFor({&rnn.input, &rnn.recurrent});
  }
  Workspace all;
  float* sums;
  float* recurrent;
  std::byte* products;
};

void Step(const Rnn& rnn, const Scratch& scratch, const float* sums, float* h) {
  rnn.recurrent.Run(1, h, scratch.recurrent, scratch.products);
  const auto n = static_cast<size_t>(rnn.units);
  for (size_t i = 0; i < n; ++i) h[i] = sums[i] + scratch.recurrent[i];
  if (rnn.tanh) {
    (rnn.fast ? TanhF32Simd : TanhF32Ref)(h, n);
  } else {
    for (size_t i = 0; i < n; ++i)
      h[i] = std::clamp(h[i], rnn.range.low, rnn.range.high);
  }
}

}  // namespace

size_t WorkspaceBytes(const Rnn& rnn) {
  return Scratch(rnn, nullptr).all.bytes();
}

void Run(const Rnn& rnn, const float* x, float* h, float* y,
         std::byte* workspace) {
  const Sequence& s = rnn.sequence;
  const Scratch scratch(rnn, workspace);
  for (int b = 0; b < s.batch; ++b, h += rnn.units) {
    int chunk = 0;
    for (int t = 0; t < s.steps; t += chunk) {
      chunk = s.Chunk(t);
      rnn.input.Run(chunk, x + s.Row(b, t) * rnn.inputs, scratch.sums,
                    scratch.products);
      for (int k = 0; k < chunk; ++k) {
        Step(rnn, scratch, scratch.sums + k * rnn.units, h);
        std::copy_n(h, rnn.units, y + s.Row(b, t + k) * rnn.units);
      }
    }
  }
}

}  // namespace litesmith::kernels
