// Reads Keras configs: the one place that knows their dialects.
#include "src/formats/keras/config.h"

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "src/base/error.h"
#include "src/formats/keras/unknown_layers.h"

namespace litesmith {
namespace {

constexpr int kMaxDepth = 16;  // of lists in a call

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

// Options that no row of a layer reads.
void CheckOptions(const KerasLayer& layer, KerasModel* model) {
  for (const char* option : {"sparse", "ragged", "lora_rank", "lora_alpha",
                             "quantization_mode", "quantization_config"}) {
    const Json* value = JsonFind(*layer.config, option);
    if (value == nullptr || *value == false) continue;
    Fail(ErrorKind::kUnsupported, "its {} is {}, which is not supported",
         option, JsonShown(*value));
  }
  std::string names;
  for (const auto& [key, value] : layer.config->items()) {
    if (value.is_null()) continue;
    if (key.ends_with("_regularizer") || key.ends_with("_constraint"))
      names += (names.empty() ? "" : ", ") + key;
  }
  if (names.empty()) return;
  model->left_out += fmt::format(
      "{}'{}' ({})", model->left_out.empty() ? "" : ", ", layer.name, names);
}

// What a call reads, by the names of its model's config.
struct Reference {
  std::string layer;
  int32_t call = 0;
  int32_t output = 0;
};

// A reference is [layer, call, output, ...] in either dialect.
bool IsReference(const Json& value) {
  return value.is_array() && value.size() >= 3 && value[0].is_string();
}

Reference ToReference(const Json& value) {
  return {JsonString(value[0], "layer"), JsonInt(value[1], "node index"),
          JsonInt(value[2], "tensor index")};
}

// Every reference in nested lists, tensors of Keras 3 included; of objects, as
// the inputs of a model may be one, in the order of their keys. Anything else
// is an argument that no layer takes.
void CollectReferences(const Json& value, int depth,
                       std::vector<Reference>* references) {
  if (depth > kMaxDepth) Fail(ErrorKind::kCorrupt, "its lists nest too deep");
  if (IsReference(value)) {
    references->push_back(ToReference(value));
  } else if (JsonString(value, "class_name", "") == "__keras_tensor__") {
    const Json& history = JsonAt(JsonAt(value, "config"), "keras_history");
    if (!IsReference(history)) {
      Fail(ErrorKind::kCorrupt, "its keras_history is no connection");
    }
    references->push_back(ToReference(history));
  } else if (value.is_array() || value.is_object()) {
    for (const Json& item : value)
      CollectReferences(item, depth + 1, references);
  } else if (!value.is_null()) {
    Fail(ErrorKind::kUnsupported, "it is called with {}, which is no tensor",
         JsonShown(value));
  }
}

// What a call passes beside its tensors: {"training": true}. Keras writes every
// argument that was given, also those that say nothing.
void CheckArguments(const Json& arguments, const std::string& class_name) {
  for (const auto& [key, value] : arguments.items()) {
    if (value.is_null()) continue;
    // Keras 3 says training=false where nothing was said.
    const bool differs =
        class_name == "Dropout" || class_name == "BatchNormalization";
    if (key == "training" && (!differs || value == false)) continue;
    Fail(ErrorKind::kUnsupported,
         "it is called with {}={}, which is not supported", key,
         JsonShown(value));
  }
}

// Those of a call in the dialect of Keras 2, where they stand behind a tensor.
void CheckArgumentsBehindTensors(const Json& value, int depth,
                                 const std::string& class_name) {
  if (depth > kMaxDepth) Fail(ErrorKind::kCorrupt, "its lists nest too deep");
  if (IsReference(value)) {
    if (value.size() > 3 && value[3].is_object())
      CheckArguments(value[3], class_name);
  } else if (value.is_array()) {
    for (const Json& item : value)
      CheckArgumentsBehindTensors(item, depth + 1, class_name);
  }
}

// The tensors of one call: {"args": [...], "kwargs": {...}} in Keras 3, lists
// of tensors in Keras 2.
std::vector<Reference> ParseCall(const Json& call,
                                 const std::string& class_name) {
  std::vector<Reference> references;
  if (!call.is_object()) {
    CheckArgumentsBehindTensors(call, 0, class_name);
    CollectReferences(call, 0, &references);
    return references;
  }
  if (const Json* arguments = JsonFind(call, "kwargs"))
    CheckArguments(*arguments, class_name);
  CollectReferences(JsonAt(call, "args"), 0, &references);
  return references;
}

[[noreturn]] void FailTwice(const std::string& name) {
  Fail(ErrorKind::kCorrupt, "two layers are called '{}'", name);
}

KerasLayer ParseLayer(const Json& json) {
  KerasLayer layer;
  layer.class_name = LayerClass(json);
  const Json& config = JsonAt(json, "config");
  layer.config = std::make_shared<const Json>(config);
  layer.name = LayerName(json);
  if (layer.name.empty()) {
    Fail(ErrorKind::kCorrupt, "a layer of class {} has no name",
         layer.class_name);
  }
  layer.trainable = JsonBool(config, "trainable", true);
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
  std::set<std::string> names;
  const auto add = [&](KerasLayer layer) {
    if (!names.insert(layer.name).second) FailTwice(layer.name);
    KerasCall call{model->layers.size(), layer.name, {}};
    if (!model->calls.empty()) call.inputs = {{model->calls.size() - 1, 0}};
    model->layers.push_back(std::move(layer));
    model->calls.push_back(std::move(call));
  };
  for (const Json& json : JsonArray(ModelLayers(config), "layers")) {
    KerasLayer layer = ParseLayer(json);
    ForLayer(layer.name, [&] {
      CheckDtype(*layer.config);
      CheckOptions(layer, model);
    });
    if (model->layers.empty() && layer.class_name != "InputLayer") {
      // No input of its own: the first layer or the model knows the shape.
      const Json* shape = JsonFind(*layer.config, "batch_input_shape");
      if (shape == nullptr) shape = JsonFind(*layer.config, "batch_shape");
      if (shape == nullptr) shape = JsonFind(config, "build_input_shape");
      if (shape == nullptr) {
        Fail(ErrorKind::kUnsupported,
             "layer '{}' is the first and states no input shape", layer.name);
      }
      add({"InputLayer", layer.name + "_input",
           std::make_shared<const Json>(Json{{"batch_shape", *shape}})});
    }
    add(std::move(layer));
  }
  if (model->layers.empty()) Fail(ErrorKind::kCorrupt, "it has no layers");
  model->inputs = {{0, 0}};
  model->outputs = {{model->calls.size() - 1, 0}};
}

// A Functional model: its layers' calls, then what each of them reads, which
// may stand behind it.
class FunctionalParser {
 public:
  explicit FunctionalParser(KerasModel* model) : model_(model) {}

  void Parse(const Json& config) {
    for (const Json& json : JsonArray(JsonAt(config, "layers"), "layers")) {
      KerasLayer layer = ParseLayer(json);
      ForLayer(layer.name, [&] { AddCalls(json, layer); });
      model_->layers.push_back(std::move(layer));
    }
    for (size_t c = 0; c < reads_.size(); ++c) {
      KerasCall& call = model_->calls[c];
      ForLayer(call.path, [&] { call.inputs = Resolve(reads_[c]); });
    }
    const auto ends = [&](const char* key, std::vector<KerasTensor>* tensors) {
      ForLayer(key, [&] {
        std::vector<Reference> references;
        CollectReferences(JsonAt(config, key), 0, &references);
        *tensors = Resolve(references);
      });
    };
    ends("input_layers", &model_->inputs);
    ends("output_layers", &model_->outputs);
    if (model_->inputs.empty() || model_->outputs.empty()) {
      Fail(ErrorKind::kCorrupt, "it has no inputs or no outputs");
    }
  }

 private:
  // The calls of the layer that comes next.
  void AddCalls(const Json& json, const KerasLayer& layer) {
    CheckDtype(*layer.config);
    CheckOptions(layer, model_);
    const size_t place = model_->layers.size();
    const auto entry = calls_.try_emplace(layer.name);
    if (!entry.second) FailTwice(layer.name);
    std::vector<size_t>& calls = entry.first->second;
    const auto add = [&](std::vector<Reference> reads) {
      calls.push_back(model_->calls.size());
      model_->calls.push_back({place, layer.name, {}});
      reads_.push_back(std::move(reads));
    };
    if (layer.class_name == "InputLayer") {
      add({});
      return;
    }
    const Json* nodes = JsonFind(json, "inbound_nodes");
    if (nodes == nullptr || JsonArray(*nodes, "inbound_nodes").empty()) {
      Fail(ErrorKind::kCorrupt, "it reads nothing");
    }
    for (const Json& call : *nodes) add(ParseCall(call, layer.class_name));
  }

  std::vector<KerasTensor> Resolve(
      const std::vector<Reference>& references) const {
    std::vector<KerasTensor> tensors;
    for (const Reference& reference : references) {
      const auto it = calls_.find(reference.layer);
      if (it == calls_.end()) {
        Fail(ErrorKind::kCorrupt, "it has no layer '{}', which is read",
             reference.layer);
      }
      const auto& calls = it->second;
      if (reference.call < 0 || reference.output < 0 ||
          static_cast<size_t>(reference.call) >= calls.size()) {
        Fail(ErrorKind::kCorrupt,
             "it reads output {} of call {} of '{}', which has {} calls",
             reference.output, reference.call, reference.layer, calls.size());
      }
      tensors.push_back({calls[static_cast<size_t>(reference.call)],
                         static_cast<size_t>(reference.output)});
    }
    return tensors;
  }

  KerasModel* model_;
  std::map<std::string, std::vector<size_t>> calls_;  // of layers, by name
  std::vector<std::vector<Reference>> reads_;         // by call
};

}  // namespace

KerasModel ParseKerasConfig(const std::string& text, const char* what) {
  const Json json = ParseJson(text, what);
  const std::string& kind =
      JsonString(JsonAt(json, "class_name"), "class_name");
  const Json& config = JsonAt(json, "config");
  KerasModel model;
  if (!IsModelClass(kind)) {
    Fail(ErrorKind::kUnsupported,
         "it is a model of class '{}'; Sequential and Functional are supported",
         kind);
  }
  RequireKnownLayers(ModelLayers(config));
  if (kind == "Sequential") {
    ParseSequential(config, &model);
  } else {
    FunctionalParser(&model).Parse(config);
  }
  // A frozen model freezes all of its layers.
  if (!JsonBool(config, "trainable", true)) {
    for (KerasLayer& layer : model.layers) layer.trainable = false;
  }
  return model;
}

}  // namespace litesmith
