// The config of a model in the dialect of Keras 2 and no more of it than
// Keras 3 takes, too.
#include <nlohmann/json.hpp>

#include "src/formats/keras/file_contents.h"
#include "src/formats/keras/groups.h"
#include "src/formats/keras/to_keras.h"

namespace litesmith {
namespace {

using Ordered = nlohmann::ordered_json;

Ordered ListOf(const std::vector<int32_t>& values) {
  Ordered list = Ordered::array();
  for (const int32_t value : values)
    list.push_back(value == -1 ? Ordered() : Ordered(value));
  return list;
}

void AddEntries(const OutLayer& layer, Ordered* config) {
  for (const auto& [key, value] : layer.config)
    (*config)[key] = Ordered::parse(value.json());
}

Ordered ConfigOf(const OutLayer& layer) {
  Ordered config = {{"name", layer.name},
                    {"trainable", layer.trainable},
                    {"dtype", "float32"}};
  AddEntries(layer, &config);
  // Keras 3's take no such word, and have nothing that trains.
  if (layer.class_name.starts_with("SpatialDropout")) config.erase("trainable");
  return config;
}

bool IsOfHeads(const OutLayer& layer) {
  return layer.class_name == "MultiHeadAttention";
}

// Keras 3 refuses what Keras 2 asks for.
Ordered ConfigInArchive(const OutLayer& layer) {
  Ordered config = ConfigOf(layer);
  if (IsOfHeads(layer)) {
    for (const char* key : {"query_shape", "key_shape", "value_shape"})
      config.erase(key);
  }
  return config;
}

// An input is not trained, and Keras 2 writes its options in another order.
Ordered InputConfigForH5(const OutLayer& layer) {
  Ordered config = Ordered::object();
  AddEntries(layer, &config);
  config.update(Ordered::object(
      {{"sparse", false}, {"ragged", false}, {"name", layer.name}}));
  return config;
}

Ordered InputConfigForArchive(const OutLayer& layer) {
  Ordered config = {{"name", layer.name}};
  AddEntries(layer, &config);
  return config;
}

Ordered Reference(const OutModel& model, const OutTensor& tensor) {
  return Ordered::array({model.layers[static_cast<size_t>(tensor.layer)].name,
                         tensor.call, tensor.output});
}

// A call as Keras 3 has it, by arguments.
Ordered ArgumentsOf(const OutModel& model, const OutLayer& layer,
                    const std::vector<OutTensor>& inputs) {
  Ordered tensors = Ordered::array();
  for (size_t i = 0; i < inputs.size(); ++i) {
    tensors.push_back({{"class_name", "__keras_tensor__"},
                       {"config",
                        {{"shape", ListOf(layer.input_shapes[i])},
                         {"dtype", "float32"},
                         {"keras_history", Reference(model, inputs[i])}}}});
  }
  Ordered kwargs = Ordered::object();
  if (!IsOfHeads(layer)) {
    kwargs["initial_state"] = Ordered(tensors.begin() + 1, tensors.end());
    tensors = Ordered::array({tensors[0]});
  }
  return {{"args", std::move(tensors)}, {"kwargs", std::move(kwargs)}};
}

// Its calls, by the layers that they read; none for an input.
Ordered InboundNodes(const OutModel& model, const OutLayer& layer,
                     bool archive) {
  Ordered nodes = Ordered::array();
  if (layer.inputs.empty()) return nodes;
  const auto add = [&](std::vector<OutTensor> inputs) {
    if (archive && HasTwoForms(layer)) {
      nodes.push_back(ArgumentsOf(model, layer, inputs));
      return;
    }
    Ordered named = Ordered::object();
    if (IsOfHeads(layer)) {
      named["value"] = Reference(model, inputs[1]);
      if (inputs.size() > 2) named["key"] = Reference(model, inputs[2]);
      inputs.resize(1);
    }
    Ordered call = Ordered::array();
    for (const OutTensor& input : inputs) {
      Ordered reference = Reference(model, input);
      reference.push_back(call.empty() ? named : Ordered::object());
      call.push_back(std::move(reference));
    }
    nodes.push_back(std::move(call));
  };
  add(layer.inputs);
  for (const auto& call : layer.more_calls) add(call);
  return nodes;
}

// What a Functional model's config says behind its layers.
void AddEnds(const OutModel& model, Ordered* config) {
  const auto references = [&](const std::vector<OutTensor>& tensors) {
    Ordered list = Ordered::array();
    for (const OutTensor& tensor : tensors)
      list.push_back(Reference(model, tensor));
    return list;
  };
  (*config)["input_layers"] = references(model.inputs);
  (*config)["output_layers"] = references(model.outputs);
}

}  // namespace

ConfigValue::ConfigValue(double value) : json_(Ordered(value).dump()) {}
ConfigValue::ConfigValue(const std::string& value)
    : json_(Ordered(value).dump()) {}
ConfigValue::ConfigValue(const std::vector<int32_t>& values)
    : json_(ListOf(values).dump()) {}
ConfigValue::ConfigValue(const std::vector<std::vector<int32_t>>& values)
    : json_(Ordered(values).dump()) {}
ConfigValue::ConfigValue(const std::vector<double>& values)
    : json_(Ordered(values).dump()) {}

std::string ConfigText(const LayerConfig& config) {
  Ordered json = Ordered::object();
  for (const auto& [key, value] : config)
    json[key] = Ordered::parse(value.json());
  return json.dump();
}

bool HasTwoForms(const OutLayer& layer) {
  const std::string& name = layer.class_name;
  const bool recurrent = name == "LSTM" || name == "GRU" || name == "SimpleRNN";
  return IsOfHeads(layer) || (recurrent && layer.inputs.size() > 1);
}

const char* KerasVersionOf(const OutModel& model, bool archive) {
  for (const OutLayer& layer : model.layers) {
    if (layer.generation == 3 || (archive && HasTwoForms(layer)))
      return "3.0.0";
  }
  return kKerasVersion;
}

std::string ConfigForH5(const OutModel& model) {
  Ordered layers = Ordered::array();
  for (const OutLayer& layer : model.layers) {
    Ordered json = {{"class_name", layer.class_name},
                    {"config", layer.inputs.empty() ? InputConfigForH5(layer)
                                                    : ConfigOf(layer)}};
    if (!model.is_chain) {
      json["name"] = layer.name;
      json["inbound_nodes"] = InboundNodes(model, layer, /*archive=*/false);
    }
    layers.push_back(std::move(json));
  }
  const char* plain = model.is_chain ? "sequential" : "model";
  Ordered config = {{"name", model.name.empty() ? plain : model.name},
                    {"layers", std::move(layers)}};
  if (!model.is_chain) {
    config["trainable"] = true;
    AddEnds(model, &config);
  }
  const Ordered json = {
      {"class_name", model.is_chain ? "Sequential" : "Functional"},
      {"config", std::move(config)}};
  return json.dump();
}

std::string ConfigForArchive(const OutModel& model) {
  Ordered layers = Ordered::array();
  for (const OutLayer& layer : model.layers) {
    layers.push_back(
        {{"module", "keras.layers"},
         {"class_name", layer.class_name},
         {"config", layer.inputs.empty() ? InputConfigForArchive(layer)
                                         : ConfigInArchive(layer)},
         {"registered_name", nullptr},
         {"name", layer.name},
         {"inbound_nodes", InboundNodes(model, layer, /*archive=*/true)}});
  }
  Ordered config = {{"name", model.name.empty() ? "model" : model.name},
                    {"trainable", true},
                    {"layers", std::move(layers)}};
  AddEnds(model, &config);
  // A class of this module is found in both Kerases and is a Functional one.
  const Ordered json = {{"module", "keras.models"},
                        {"class_name", "Model"},
                        {"config", std::move(config)},
                        {"registered_name", nullptr}};
  return json.dump();
}

}  // namespace litesmith
