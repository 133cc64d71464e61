// Arguments of functions that a model calls between its layers. Inside this
// folder.
#ifndef LITESMITH_FORMATS_KERAS_LAYERS_OPERATIONS_H_
#define LITESMITH_FORMATS_KERAS_LAYERS_OPERATIONS_H_

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <vector>

#include "src/formats/keras/layer.h"

namespace litesmith {

using Keys = std::initializer_list<const char*>;

// An argument by place or keyword of the call, or a parameter in the config;
// null: there is none.
const Json* GivenTo(LayerIn* in, size_t place, Keys keys);
// A parameter of the function, where keywords or the config have it.
const Json* ParameterOf(LayerIn* in, Keys keys);
// A tensor, or a constant of what is written there, called "<name>/<what>".
TensorId OperandOf(LayerIn* in, size_t place, Keys keys, const char* what);
// The operand that most functions have alone.
TensorId FirstOperand(LayerIn* in);

// Throws Error{unsupported} if the batch is among the axes.
void CheckNoBatch(const std::vector<int32_t>& axes);
// The one output. Throws Error{unsupported} unless samples are what they were.
std::vector<TensorId> KeepsBatch(LayerIn* in, TensorId y);

}  // namespace litesmith

#endif  // LITESMITH_FORMATS_KERAS_LAYERS_OPERATIONS_H_
