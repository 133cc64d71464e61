// The LSTM between Keras and the graph. Rows read and write LITESMITH_RNN,
// whose variables are Keras's; the graph has the op of TFLite's for what that
// can do.
#ifndef LITESMITH_FORMATS_KERAS_LSTM_H_
#define LITESMITH_FORMATS_KERAS_LSTM_H_

#include "src/graph/graph.h"

namespace litesmith {

// Makes UNIDIRECTIONAL_SEQUENCE_LSTM of LSTMs of tanh and the logistic function
// that begin with zeros and give h alone: "<layer>/kernel" becomes
// "<layer>/kernel_i", "_f", "_c" and "_o", and so on. The last step is a
// STRIDED_SLICE behind it.
Graph SplitLstms(const Graph& graph);

// The opposite, of any that a Keras layer can be. States are those that every
// call begins with: zeros.
Graph JoinLstms(const Graph& graph);

}  // namespace litesmith

#endif  // LITESMITH_FORMATS_KERAS_LSTM_H_
