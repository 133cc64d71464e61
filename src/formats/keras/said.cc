// See said.h.
#include "src/formats/keras/said.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "src/base/error.h"
#include "src/formats/keras/groups.h"
#include "src/formats/keras/nests.h"
#include "src/formats/keras/regularizers.h"
#include "src/formats/keras/unknown_layers.h"

namespace litesmith {

struct SaidForm {
  std::string class_name;
  Json config;
};

namespace {

using Form = SaidForm;

// The layer that a value of a config is, or null.
const Json* InnerConfig(const Json& value) {
  if (!value.is_object() || JsonString(value, "class_name", "").empty())
    return nullptr;
  const Json* config = JsonFind(value, "config");
  return config != nullptr && config->is_object() ? config : nullptr;
}

bool HoldsLayer(const std::string& key, const Json& value) {
  return (key == "layer" || key == "backward_layer") &&
         InnerConfig(value) != nullptr;
}

// What no node shows, and both Kerases take of any layer that has it. L1 and L2
// of weights are the tensors'.
bool OnlyKerasReads(const std::string& key, const Json& value) {
  return (key.ends_with("_initializer") && !value.is_null()) ||
         ActsInKerasAlone(key, value);
}

// What Kerases do not agree on, and the writer says of its own.
bool IsWritersOwn(const std::string& key) {
  for (const char* own : {"name", "trainable", "dtype", "autocast",
                          "batch_input_shape", "quantization_config"}) {
    if (key == own) return true;
  }
  return false;
}

// Whose values stand where both say something.
enum class Words { kTheirs, kOurs };

Form Joined(const Form& said, const Form& written, Words words);

Json JoinedInner(const Json& said, const Json& written, Words words) {
  const Json& said_config = *InnerConfig(said);
  const Json* config = InnerConfig(written);
  const Form joined =
      Joined({JsonString(said, "class_name", ""), said_config},
             {JsonString(written, "class_name", ""), config ? *config : Json()},
             words);
  Json inner = {{"module", "keras.layers"},
                {"class_name", joined.class_name},
                {"config", joined.config},
                {"registered_name", nullptr}};
  inner["config"]["name"] = JsonString(said_config, "name", "layer");
  inner["config"]["trainable"] = JsonBool(said_config, "trainable", true);
  return inner;
}

// The layer as it is written, in the words of the file.
Form Joined(const Form& said, const Form& written, Words words) {
  Form joined = said;
  if (said.class_name != written.class_name) {
    const Json* inner = JsonFind(said.config, "layer");
    if (said.class_name == "TimeDistributed" && inner != nullptr &&
        InnerConfig(*inner) != nullptr) {
      const Json as_inner = {{"class_name", written.class_name},
                             {"config", written.config}};
      joined.config = {{"layer", JoinedInner(*inner, as_inner, words)}};
      return joined;
    }
    joined.config = Json::object();
    for (const auto& [key, value] : said.config.items()) {
      const bool of_weights = key.ends_with("_regularizer");
      if (!IsWritersOwn(key) && (!of_weights || OnlyKerasReads(key, value)))
        joined.config[key] = value;
    }
    return joined;
  }
  joined.config = written.config;
  for (const auto& [key, value] : said.config.items()) {
    const Json* now = JsonFind(joined.config, key.c_str());
    if (HoldsLayer(key, value)) {
      if (now != nullptr && InnerConfig(*now) != nullptr)
        joined.config[key] = JoinedInner(value, *now, words);
    } else if (now == nullptr ? OnlyKerasReads(key, value)
                              : words == Words::kTheirs && key != "name" &&
                                    !value.is_object()) {
      joined.config[key] = value;
    }
  }
  // The layer that is turned around, where nothing else is said.
  if (JsonFind(said.config, "backward_layer") == nullptr)
    joined.config.erase("backward_layer");
  return joined;
}

// Classes that one Keras does not have, and functions, which have other forms.
bool IsOfBoth(const std::string& class_name) {
  return !class_name.starts_with(kOperationClass) &&
         class_name != "ThresholdedReLU" && class_name != "RMSNormalization" &&
         class_name != "GroupQueryAttention" && class_name != "RNN";
}

// What both Kerases take. Keras 2 says of these what it says of other
// convolutions, too, whose kernel they do not have; Keras 3 says of a start by
// fans of which axes. A list of one axis is what Keras 2 says of batch
// normalizations, and Keras 3 does not read in an archive.
Json ForBoth(const std::string& class_name, Json config) {
  if (class_name == "BatchNormalization") {
    const Json* axis = JsonFind(config, "axis");
    if (axis != nullptr && axis->is_array() && axis->size() == 1)
      config["axis"] = Json(axis->front());
  }
  // Without these words both mean the same, and either lacks one.
  config.erase("time_major");
  if (class_name == "CenterCrop" &&
      JsonString(config, "data_format", "") == "channels_last")
    config.erase("data_format");
  for (auto& [key, value] : config.items()) {
    if (InnerConfig(value) == nullptr) continue;
    Json& inner = value["config"];
    if (HoldsLayer(key, value)) {
      const Json* name = JsonFind(value, "class_name");
      inner = ForBoth(name != nullptr && name->is_string()
                          ? name->get<std::string>()
                          : std::string(),
                      inner);
    } else if (key.ends_with("_initializer")) {
      inner.erase("input_axes");
      inner.erase("output_axes");
    }
  }
  if (class_name.starts_with("Separable") ||
      class_name.starts_with("Depthwise")) {
    for (const char* key :
         {"kernel_initializer", "kernel_regularizer", "kernel_constraint"})
      config.erase(key);
  }
  return config;
}

}  // namespace

std::map<std::string, std::string> SaidOfLayers(const KerasModel& model) {
  std::vector<Json> calls(model.layers.size(), Json::array());
  for (const KerasCall& call : model.calls)
    calls[call.layer].push_back(call.path);
  std::map<std::string, std::string> said;
  if (!model.nests.empty()) said[kSaidOfNests] = SaidOfNests(model);
  for (size_t l = 0; l < model.layers.size(); ++l) {
    const KerasLayer& layer = model.layers[l];
    if (layer.class_name == "InputLayer" || !IsOfBoth(layer.class_name))
      continue;
    const Json json = {{"class_name", layer.class_name},
                       {"config", ForBoth(layer.class_name, *layer.config)},
                       {"calls", std::move(calls[l])}};
    said[layer.label] =
        json.dump(-1, ' ', true, Json::error_handler_t::replace);
  }
  return said;
}

Memory::Memory(const Graph& graph) : graph_(graph) {
  for (const auto& [label, text] : graph.said_of_layers) {
    try {
      const auto json = std::make_shared<const Json>(
          ParseJson(text, "what was said of a layer"));
      for (const Json& call : JsonArray(JsonAt(*json, "calls"), "calls"))
        said_[JsonString(call, "calls")] = {label, json};
    } catch (const Error&) {
      continue;  // nothing that was said here
    }
  }
}

void Memory::Recall(const std::vector<TensorId>& inputs,
                    OutLayer* layer) const {
  const auto it = said_.find(layer->name);
  if (it == said_.end()) return;
  layer->label = it->second.label;
  const Json& said = *it->second.layer;
  const Form written{layer->class_name,
                     ParseJson(ConfigText(layer->config), "config")};
  for (const Words words : {Words::kTheirs, Words::kOurs}) {
    try {
      const Form joined =
          Joined({JsonString(said, "class_name", ""), JsonAt(said, "config")},
                 written, words);
      if (Means(inputs, joined, written, layer)) return;
    } catch (const Error&) {
      continue;  // no layer by its own rules
    }
  }
}

bool Memory::Means(const std::vector<TensorId>& inputs, const SaidForm& joined,
                   const SaidForm& written, OutLayer* layer) const {
  LayerForm now{layer->row, written.config};
  LayerForm then{FindLayerRow(joined.class_name), joined.config};
  if (then.row == nullptr) return false;
  for (const int generation : {2, 3}) {
    if (layer->generation != 0 && layer->generation != generation) continue;
    if (!AreSame(graph_, inputs, layer->name, layer->label, generation, &now,
                 &then))
      return false;
  }
  layer->class_name = joined.class_name;
  layer->row = then.row;
  layer->weights = std::move(then.weights);
  layer->config.clear();
  for (const auto& [key, value] : joined.config.items())
    layer->Set(key, JsonText{value.dump()});
  return true;
}

}  // namespace litesmith
