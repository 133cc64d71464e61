#include "src/formats/keras/model_config.h"

#include <cstring>

#include "src/base/error.h"
#include "src/formats/keras/unknown_layers.h"

namespace litesmith {
namespace {

constexpr int kMaxDepth = 16;  // of lists in inbound_nodes

// Computing in float16 or bfloat16 is Keras's way of training; the variables
// are float32.
constexpr const char* kDtypes[] = {"float32", "mixed_float16",
                                   "mixed_bfloat16"};

void CheckDtype(const Json& config) {
  const Json* dtype = JsonFind(config, "dtype");
  if (dtype == nullptr) return;
  std::string name;
  if (dtype->is_string()) {
    name = JsonString(*dtype, "dtype");
  } else {  // {"class_name": "DTypePolicy", "config": {"name": "float32"}}
    const Json* policy = JsonFind(*dtype, "config");
    if (policy != nullptr) name = JsonString(*policy, "name", "");
    const std::string class_name = JsonString(*dtype, "class_name", "");
    if (class_name != "DTypePolicy" && class_name != "Policy")
      name = class_name;
  }
  for (const char* known : kDtypes) {
    if (name == known) return;
  }
  Fail(ErrorKind::kUnsupported, "its dtype is '{}'; float32 is supported",
       name);
}

// A connection is [layer, node index, tensor index, ...] in either dialect.
bool IsConnection(const Json& value) {
  return value.is_array() && value.size() >= 3 && value[0].is_string();
}

void AddConnection(const Json& value, std::vector<std::string>* names) {
  if (JsonInt(value[1], "node index") != 0 ||
      JsonInt(value[2], "tensor index") != 0) {
    Fail(ErrorKind::kUnsupported,
         "it reads '{}', a layer that is called more than once",
         JsonString(value[0], "layer"));
  }
  names->push_back(JsonString(value[0], "layer"));
}

// Every connection in nested lists, tensors of Keras 3 included.
void CollectConnections(const Json& value, int depth,
                        std::vector<std::string>* names) {
  if (depth > kMaxDepth) Fail(ErrorKind::kCorrupt, "its lists nest too deep");
  if (IsConnection(value)) {
    AddConnection(value, names);
  } else if (value.is_array()) {
    for (const Json& item : value) CollectConnections(item, depth + 1, names);
  } else if (value.is_object()) {
    if (JsonString(value, "class_name", "") == "__keras_tensor__") {
      const Json& history = JsonAt(JsonAt(value, "config"), "keras_history");
      if (!IsConnection(history)) {
        Fail(ErrorKind::kCorrupt, "its keras_history is no connection");
      }
      AddConnection(history, names);
      return;
    }
    for (const Json& item : value) CollectConnections(item, depth + 1, names);
  }
}

// What a call passes beside its tensors: {"training": true}. Keras writes every
// argument that was given, also those that say nothing.
void CheckArguments(const Json& arguments, const std::string& class_name) {
  for (const auto& [key, value] : arguments.items()) {
    if (value.is_null()) continue;
    // Keras 3 says training=false where nothing was said.
    if (key == "training" && (class_name != "Dropout" || value == false))
      continue;
    Fail(ErrorKind::kUnsupported,
         "it is called with {}={}, which is not supported", key, value.dump());
  }
}

// In all calls, nested as CollectConnections walks them.
void CheckCallArguments(const Json& value, int depth,
                        const std::string& class_name) {
  if (depth > kMaxDepth) Fail(ErrorKind::kCorrupt, "its lists nest too deep");
  if (IsConnection(value)) {  // Keras 2: behind the tensor
    if (value.size() > 3 && value[3].is_object())
      CheckArguments(value[3], class_name);
  } else if (value.is_array()) {
    for (const Json& item : value)
      CheckCallArguments(item, depth + 1, class_name);
  } else if (const Json* arguments = JsonFind(value, "kwargs")) {
    CheckArguments(*arguments, class_name);
  }
}

KerasLayer ParseLayer(const Json& json) {
  KerasLayer layer;
  layer.class_name = LayerClass(json);
  layer.config = JsonAt(json, "config");
  layer.name = LayerName(json);
  if (layer.name.empty()) {
    Fail(ErrorKind::kCorrupt, "a layer of class {} has no name",
         layer.class_name);
  }
  layer.trainable = JsonBool(layer.config, "trainable", true);
  return layer;
}

// Calls `parse`, naming the layer in its errors.
template <typename F>
void ForLayer(const std::string& name, F parse) {
  try {
    parse();
  } catch (const Error& error) {
    Fail(error.kind(), "layer '{}': {}", name, error.what());
  }
}

void ParseSequential(const Json& config, KerasModel* model) {
  for (const Json& json : JsonArray(ModelLayers(config), "layers")) {
    KerasLayer layer = ParseLayer(json);
    ForLayer(layer.name, [&] { CheckDtype(layer.config); });
    if (model->layers.empty() && layer.class_name != "InputLayer") {
      // No input of its own: the first layer or the model knows the shape.
      const Json* shape = JsonFind(layer.config, "batch_input_shape");
      if (shape == nullptr) shape = JsonFind(layer.config, "batch_shape");
      if (shape == nullptr) shape = JsonFind(config, "build_input_shape");
      if (shape == nullptr) {
        Fail(ErrorKind::kUnsupported,
             "layer '{}' is the first and states no input shape", layer.name);
      }
      KerasLayer input{"InputLayer", layer.name + "_input", Json::object(), {}};
      input.config["batch_shape"] = *shape;
      model->layers.push_back(std::move(input));
    }
    if (!model->layers.empty()) layer.inputs = {model->layers.back().name};
    model->layers.push_back(std::move(layer));
  }
  if (model->layers.empty()) Fail(ErrorKind::kCorrupt, "it has no layers");
  model->inputs = {model->layers.front().name};
  model->outputs = {model->layers.back().name};
}

void ParseFunctional(const Json& config, KerasModel* model) {
  for (const Json& json : JsonArray(JsonAt(config, "layers"), "layers")) {
    KerasLayer layer = ParseLayer(json);
    ForLayer(layer.name, [&] {
      CheckDtype(layer.config);
      const Json* calls = JsonFind(json, "inbound_nodes");
      if (calls == nullptr) return;
      CheckCallArguments(*calls, 0, layer.class_name);
      if (JsonArray(*calls, "inbound_nodes").size() > 1) {
        Fail(ErrorKind::kUnsupported,
             "it is called {} times; once is supported", calls->size());
      }
      CollectConnections(*calls, 0, &layer.inputs);
    });
    model->layers.push_back(std::move(layer));
  }
  ForLayer("input_layers", [&] {
    CollectConnections(JsonAt(config, "input_layers"), 0, &model->inputs);
  });
  ForLayer("output_layers", [&] {
    CollectConnections(JsonAt(config, "output_layers"), 0, &model->outputs);
  });
  if (model->inputs.empty() || model->outputs.empty()) {
    Fail(ErrorKind::kCorrupt, "it has no inputs or no outputs");
  }
}

}  // namespace

KerasModel ParseModelConfig(const std::string& text) {
  const Json json = ParseJson(text, "model_config");
  const std::string& kind =
      JsonString(JsonAt(json, "class_name"), "class_name");
  const Json& config = JsonAt(json, "config");
  KerasModel model;
  const bool known =
      kind == "Sequential" || kind == "Functional" || kind == "Model";
  if (known) RequireKnownLayers(ModelLayers(config));
  if (kind == "Sequential") {
    ParseSequential(config, &model);
  } else if (kind == "Functional" || kind == "Model") {
    ParseFunctional(config, &model);
  } else {
    Fail(ErrorKind::kUnsupported,
         "it is a model of class '{}'; Sequential and Functional are supported",
         kind);
  }
  // A frozen model freezes all of its layers.
  if (!JsonBool(config, "trainable", true)) {
    for (KerasLayer& layer : model.layers) layer.trainable = false;
  }
  return model;
}

}  // namespace litesmith
