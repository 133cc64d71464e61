// The config of a Keras model as calls of layers and who feeds whom. All
// dialects (Keras 2: batch_input_shape, nested inbound lists; Keras 3:
// batch_shape, __keras_tensor__ objects) and all kinds of models, models in
// models too, end in the same few values.
#ifndef LITESMITH_FORMATS_KERAS_CONFIG_H_
#define LITESMITH_FORMATS_KERAS_CONFIG_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "src/formats/json.h"

namespace litesmith {

// What tfmot has put around a layer.
struct KerasWrapper {
  std::string class_name;  // empty: nothing
  std::string name;
  std::shared_ptr<const Json> config;
};

struct KerasLayer {
  std::string class_name;
  std::string name;  // as the file has it: of this model, others may have it
  std::shared_ptr<const Json> config;
  bool trainable = true;  // false: the layer, or a model around it, is frozen
  std::string label;      // its name, or where several have that one, its path
  // Where the file keeps its variables: in an archive below this group, in an
  // .h5 in the group of the layer of the outermost model.
  std::string group;
  std::string top;
  std::string path;  // in that model: "inner/conv"; empty: it is that layer
  KerasWrapper wrapper;
};

// What a call gives: its place in KerasModel::calls and which of its outputs.
struct KerasTensor {
  size_t call = 0;
  size_t output = 0;
};

// The place in KerasCall::tensors that an argument is; nothing where it is a
// literal.
std::optional<size_t> TensorPlace(const Json& argument);

// One use of a layer. A layer has one set of variables, however many calls. The
// input of a model in the model is a call of its InputLayer that reads what
// that model is called with.
struct KerasCall {
  size_t layer = 0;  // in KerasModel::layers
  std::string path;  // the layer's label, or one of the call's own
  // All tensors that it reads, first those of positional arguments.
  std::vector<KerasTensor> tensors;
  size_t inputs = 0;  // how many these are
  // The arguments, a list and an object, in which tensors are {"tensor": place
  // in `tensors`}; null where there are but tensors.
  std::shared_ptr<const Json> args;
  std::shared_ptr<const Json> kwargs;
};

// One call of a model in the model, whose layers are in KerasModel::layers.
struct KerasNest {
  std::string name;
  bool sequential = false;
  bool trainable = true;  // as it says itself
  size_t model = 0;       // the same for all calls of it
  int around = -1;        // in KerasModel::nests, of the model that calls it
  std::vector<size_t> calls;   // of its own layers but inputs
  std::vector<size_t> inputs;  // the calls of its InputLayers, in its order
  std::vector<KerasTensor> outputs;
  std::shared_ptr<const Json> kwargs;
};

struct KerasModel {
  // Layers that are not supported are in it, too.
  bool to_look_at = false;
  int generation = 2;              // of the Keras whose functions are meant
  std::vector<KerasLayer> layers;  // in the file's order
  std::vector<KerasCall> calls;    // likewise; not an order to run them in
  std::vector<KerasNest> nests;    // a model behind the one around it
  std::vector<KerasTensor> inputs;
  std::vector<KerasTensor> outputs;
  std::vector<std::string> input_names;
  std::vector<std::string> output_names;
  std::string name;
  bool functional = false;  // and not a Sequential
  // "'conv' (activity_regularizer), 'dense' (bias_constraint)": what acts in
  // training only, and not in ours.
  std::string left_out;
};

// Parses the JSON of `what` ("model_config"). `keras_version` is what the file
// says of the Keras that wrote it, empty if nothing: then the config tells.
// Throws Error{corrupt, unsupported} naming the layer; `to_look_at` takes
// layers that are not supported.
KerasModel ParseKerasConfig(const std::string& text, const char* what,
                            const std::string& keras_version = {},
                            bool to_look_at = false);

}  // namespace litesmith

#endif  // LITESMITH_FORMATS_KERAS_CONFIG_H_
