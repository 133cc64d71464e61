// Keras's activation functions as nodes. Inside this folder.
#ifndef LITESMITH_FORMATS_KERAS_LAYERS_FUNCTIONS_H_
#define LITESMITH_FORMATS_KERAS_LAYERS_FUNCTIONS_H_

#include <span>
#include <string>

#include "src/formats/keras/nodes.h"

namespace litesmith {

struct ActivationFunction {
  const char* name;  // Keras's
  // Adds the nodes, of which the last has the layer's name. Null: it is linear.
  TensorId (*build)(Nodes nodes, TensorId x);
  // What nodes take as their own; kNone: they take none.
  Activation fused = kNone;
  int generation = 0;  // of the Keras that means this; 0: both
};

std::span<const ActivationFunction> ActivationFunctions();

// The function of this name in that Keras, or null.
const ActivationFunction* FindActivation(const std::string& name,
                                         int generation);

// scale * (x above zero, alpha * (e^x - 1) below).
TensorId AddElu(Nodes nodes, TensorId x, float alpha, float scale);
// max(x, 0) + log(1 + e^-|x|), which overflows nowhere; "" or a step.
TensorId AddSoftplus(Nodes* nodes, const std::string& step, TensorId x);
// Softmax over one axis of the sample, or over several that are its last ones.
// Throws Error{unsupported} for others.
TensorId AddSoftmax(Nodes nodes, TensorId x, std::vector<int32_t> axes);

}  // namespace litesmith

#endif  // LITESMITH_FORMATS_KERAS_LAYERS_FUNCTIONS_H_
