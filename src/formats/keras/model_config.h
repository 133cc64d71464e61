// The model_config of a Keras model as a list of layers and who feeds whom.
// Both dialects (Keras 2: batch_input_shape, nested inbound lists; Keras 3:
// batch_shape, __keras_tensor__ objects) and both kinds, Sequential and
// Functional, end in the same few values.
#ifndef LITESMITH_FORMATS_KERAS_MODEL_CONFIG_H_
#define LITESMITH_FORMATS_KERAS_MODEL_CONFIG_H_

#include <string>
#include <vector>

#include "src/formats/keras/keras_json.h"

namespace litesmith {

struct KerasLayer {
  std::string class_name;
  std::string name;
  Json config;
  std::vector<std::string> inputs;  // names of layers; none for an InputLayer
  bool trainable = true;  // false: the layer, or a model around it, is frozen
};

struct KerasModel {
  std::vector<KerasLayer> layers;  // in the file's order
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
};

// Throws Error{corrupt, unsupported} naming the layer.
KerasModel ParseModelConfig(const std::string& text);

}  // namespace litesmith

#endif  // LITESMITH_FORMATS_KERAS_MODEL_CONFIG_H_
