// The config of a Keras model as calls of layers and who feeds whom. All
// dialects (Keras 2: batch_input_shape, nested inbound lists; Keras 3:
// batch_shape, __keras_tensor__ objects) and all kinds of models end in the
// same few values.
#ifndef LITESMITH_FORMATS_KERAS_CONFIG_H_
#define LITESMITH_FORMATS_KERAS_CONFIG_H_

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "src/formats/json.h"

namespace litesmith {

struct KerasLayer {
  std::string class_name;
  std::string name;
  std::shared_ptr<const Json> config;
  bool trainable = true;  // false: the layer, or a model around it, is frozen
};

// What a call gives: its place in KerasModel::calls and which of its outputs.
struct KerasTensor {
  size_t call = 0;
  size_t output = 0;
};

// One use of a layer. A layer has one set of variables, however many calls.
struct KerasCall {
  size_t layer = 0;  // in KerasModel::layers
  std::string path;  // the layer's name, behind those of the models around it
  std::vector<KerasTensor> inputs;  // none for an InputLayer
};

struct KerasModel {
  std::vector<KerasLayer> layers;  // in the file's order
  std::vector<KerasCall> calls;    // likewise; not an order to run them in
  std::vector<KerasTensor> inputs;
  std::vector<KerasTensor> outputs;
  // "'conv' (kernel_regularizer), 'dense' (bias_constraint)": what acts in
  // training only, and not in ours.
  std::string left_out;
};

// Parses the JSON of `what` ("model_config"). Throws Error{corrupt,
// unsupported} naming the layer.
KerasModel ParseKerasConfig(const std::string& text, const char* what);

}  // namespace litesmith

#endif  // LITESMITH_FORMATS_KERAS_CONFIG_H_
