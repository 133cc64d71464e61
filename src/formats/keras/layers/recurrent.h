// What recurrent layers and those that wrap them share.
#ifndef LITESMITH_FORMATS_KERAS_LAYERS_RECURRENT_H_
#define LITESMITH_FORMATS_KERAS_LAYERS_RECURRENT_H_

#include <string>
#include <string_view>

#include "src/formats/keras/layer.h"
#include "src/formats/keras/nodes.h"
#include "src/kernels/recurrent/through_time.h"

namespace litesmith {

// Of a cell, wherever it stands.
inline constexpr Variable kCellVariables[] = {
    {"kernel", Layout::kOutputLast},
    {"recurrent_kernel", Layout::kOutputLast},
    {"bias", Layout::kPlain}};

struct CellRow {
  const char* layer;  // class names
  const char* cell;
  kernels::CellKind kind;
};
const CellRow* FindCell(const std::string& cell_class);  // null: none
const CellRow& CellOfKind(kernels::CellKind kind);
// SimpleRNN, GRU, LSTM and RNN.
bool IsRecurrent(std::string_view class_name);

// The first input, a sequence [batch, steps, features]. Throws Error{corrupt,
// unsupported}.
TensorId SequenceIn(const LayerIn& in);

// x, whose second dimension is steps, from its end.
TensorId Reversed(const std::string& step, TensorId x, Nodes* nodes);

// What the node of one cell says of its layer; false: Keras has no name for its
// functions.
bool SayCell(const Graph& graph, const Node& node, bool backwards,
             LayerConfig* config);

// A layer in a config.
std::string LayerObject(const std::string& class_name,
                        const std::string& config);

}  // namespace litesmith

#endif  // LITESMITH_FORMATS_KERAS_LAYERS_RECURRENT_H_
