// Recurrent layers on their way into a .tflite file. LITESMITH_RNN, which no
// file has, becomes a loop over its steps or the steps one after another;
// UNIDIRECTIONAL_SEQUENCE_LSTM gets the states that files want, or becomes its
// steps where its kernels do not have the numbers.
#ifndef LITESMITH_TRANSFORM_EXPAND_RNN_H_
#define LITESMITH_TRANSFORM_EXPAND_RNN_H_

#include "src/graph/graph.h"

namespace litesmith {

enum class RnnForm : uint8_t {
  // Floats: loops where steps would be larger.
  kFloat,
  // int8: steps, but LSTMs of the op's own.
  kInt8,
  // 16 bits, for which LiteRT has no LSTM: steps.
  kInt16,
  // Steps, for the ranges of all that the others compute: calibration. A cell
  // state of kInt8 stands for all steps' cells.
  kWatched,
};

// Tensors keep their ids; of two forms of integers, tensors that both have have
// the same ids, whatever training-only ops are on weights. Weights keep their
// names, and are stored once, for all steps. A graph with an LSTM that is left,
// or with a loop, has a batch of 1 then: states and loops are of a fixed one.
// For kFloat, weights must be constants.
Graph ExpandRnns(const Graph& graph, RnnForm form);

// Whether the LSTM is one of gates alone, without peepholes, projections and
// normalizations; one that can be trained, and expanded to steps.
bool IsPlainLstm(const Node& node);

// Takes the states off the LSTMs that are plain, and opens the batch of a graph
// that can do without them: a model whose calls begin anew, as Keras's do. What
// is trained, and converted.
Graph WithoutLstmStates(const Graph& graph);

}  // namespace litesmith

#endif  // LITESMITH_TRANSFORM_EXPAND_RNN_H_
