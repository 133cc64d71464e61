// A recurrent layer as a loop of TFLite.
#ifndef LITESMITH_TRANSFORM_RNN_LOOP_H_
#define LITESMITH_TRANSFORM_RNN_LOOP_H_

#include <vector>

#include "src/graph/graph.h"
#include "src/kernels/recurrent/through_time.h"
#include "src/transform/rnn_steps.h"

namespace litesmith {

// Products of the whole sequence x with the layer's kernel, as StepInput has
// them, [batch, steps, gates * units]. Of a LITESMITH_RNN.
std::vector<TensorId> RnnProducts(const Node& node, const kernels::Cell& cell,
                                  StepWriter* out);

// The half of a bias [2, n] that is added to the products of x (0) or of h (1),
// as a constant of its own; other biases themselves, or kNoTensor.
TensorId RnnBias(const Node& node, int half, StepWriter* out);

// A WHILE over the steps, for a batch of one and constant weights. Outputs keep
// their ids.
void WriteRnnLoop(const Node& node, const kernels::Cell& cell, StepWriter* out);

}  // namespace litesmith

#endif  // LITESMITH_TRANSFORM_RNN_LOOP_H_
