// UNIDIRECTIONAL_SEQUENCE_RNN: h = f(b + W x + R h) for each step and sample.
// Follows specs/ops.md 10.1. x is [batch, steps, inputs] or time major [steps,
// batch, inputs], y the same with `units`; the state h is [batch, units].
#ifndef LITESMITH_KERNELS_RECURRENT_RNN_H_
#define LITESMITH_KERNELS_RECURRENT_RNN_H_

#include <cstddef>

#include "src/kernels/common/float_range.h"
#include "src/kernels/recurrent/products.h"
#include "src/kernels/recurrent/sequence.h"

namespace litesmith::kernels {

struct Rnn {
  Sequence sequence;
  int inputs = 0;
  int units = 0;
  Products input;
  Products recurrent;  // without a bias
  // f: tanh, or the range.
  bool tanh = false;
  FloatRange range;
  bool fast = false;  // tanh by vectors
};
size_t WorkspaceBytes(const Rnn& rnn);
void Run(const Rnn& rnn, const float* x, float* h, float* y,
         std::byte* workspace);

}  // namespace litesmith::kernels

#endif  // LITESMITH_KERNELS_RECURRENT_RNN_H_
