// The config of a model in the dialect of Keras 2 and no more of it than
// Keras 3 takes, too.
#include <nlohmann/json.hpp>

#include "src/formats/keras/file_contents.h"
#include "src/formats/keras/groups.h"
#include "src/formats/keras/to_keras.h"
#include "src/formats/keras/unknown_layers.h"

namespace litesmith {
namespace {

using Ordered = nlohmann::ordered_json;

Ordered ListOf(const std::vector<int32_t>& values) {
  Ordered list = Ordered::array();
  for (const int32_t value : values)
    list.push_back(value == -1 ? Ordered() : Ordered(value));
  return list;
}

// What is written: the container, and whether what has two forms is in Keras
// 3's.
struct Form {
  bool archive;
  bool three;
};

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
Ordered ConfigIn(Form form, const OutLayer& layer) {
  Ordered config = ConfigOf(layer);
  if (form.three && IsOfHeads(layer)) {
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

bool IsFunctional(const OutLayer& layer) {
  return layer.model != nullptr && !layer.model->is_chain;
}

// Kerases count the calls of a Functional model in the model from 1 (Keras 2)
// or from 0 (Keras 3). So each call is there twice, and an odd number is one of
// the two by either count. A Sequential whose config has no InputLayer is
// counted from 0 by both.
Ordered Reference(const OutModel& model, const OutTensor& tensor) {
  const OutLayer& layer = model.layers[static_cast<size_t>(tensor.layer)];
  const int call = IsFunctional(layer) ? 2 * tensor.call + 1 : tensor.call;
  return Ordered::array({layer.name, call, tensor.output});
}

// A tensor among the arguments of a call in Keras 3.
Ordered KerasTensor(const OutModel& model, const OutLayer& layer,
                    const std::vector<OutTensor>& inputs, size_t i) {
  return {{"class_name", "__keras_tensor__"},
          {"config",
           {{"shape", ListOf(layer.input_shapes[i])},
            {"dtype", "float32"},
            {"keras_history", Reference(model, inputs[i])}}}};
}

// The call of a function in Keras 3.
Ordered CallInThree(const OutModel& model, const OutLayer& layer) {
  Ordered args = Ordered::array();
  for (const OutFunction::Argument& argument : layer.function->arguments) {
    args.push_back(argument.input >= 0
                       ? KerasTensor(model, layer, layer.inputs,
                                     static_cast<size_t>(argument.input))
                       : Ordered::parse(argument.three.text));
  }
  if (layer.function->of_list) args = Ordered::array({std::move(args)});
  return {{"args", std::move(args)}, {"kwargs", Ordered::object()}};
}

// And in Keras 2: further arguments stand on the first one, or on all of a
// list. Only a list has brackets of its own.
Ordered CallInTwo(const OutModel& model, const OutLayer& layer) {
  const OutFunction& function = *layer.function;
  const auto reference = [&](const OutFunction::Argument& argument) {
    return argument.input >= 0
               ? Reference(model,
                           layer.inputs[static_cast<size_t>(argument.input)])
               : Ordered::parse(argument.two.text);
  };
  Ordered named = Ordered::object();
  for (const auto& [key, value] : function.named)
    named[key] = Ordered::parse(value.json());
  Ordered call = Ordered::array();
  for (const OutFunction::Argument& argument : function.arguments) {
    if (!call.empty() && !function.of_list) {
      named[argument.keyword] = reference(argument);
      continue;
    }
    Ordered entry =
        argument.input >= 0
            ? reference(argument)
            : Ordered::array({"_CONSTANT_VALUE", -1, reference(argument)});
    call.push_back(std::move(entry));
  }
  for (Ordered& entry : call) entry.push_back(named);
  return function.of_list ? call : call[0];
}

// A call as Keras 3 has it, by arguments.
Ordered ArgumentsOf(const OutModel& model, const OutLayer& layer,
                    const std::vector<OutTensor>& inputs) {
  Ordered tensors = Ordered::array();
  for (size_t i = 0; i < inputs.size(); ++i)
    tensors.push_back(KerasTensor(model, layer, inputs, i));
  Ordered kwargs = Ordered::object();
  if (!IsOfHeads(layer)) {
    kwargs["initial_state"] = Ordered(tensors.begin() + 1, tensors.end());
    tensors = Ordered::array({tensors[0]});
  }
  return {{"args", std::move(tensors)}, {"kwargs", std::move(kwargs)}};
}

// Its calls, by the layers that they read; none for an input.
Ordered InboundNodes(const OutModel& model, const OutLayer& layer, Form form) {
  Ordered nodes = Ordered::array();
  if (layer.inputs.empty()) return nodes;
  if (layer.function != nullptr) {
    nodes.push_back(form.three ? CallInThree(model, layer)
                               : CallInTwo(model, layer));
    return nodes;
  }
  const auto add = [&](std::vector<OutTensor> inputs) {
    if (form.three && HasTwoForms(layer)) {
      nodes.push_back(ArgumentsOf(model, layer, inputs));
      return;
    }
    Ordered named = Ordered::object();
    if (layer.training.has_value()) named["training"] = *layer.training;
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
    if (IsFunctional(layer)) nodes.push_back(call);
    nodes.push_back(std::move(call));
  };
  add(layer.inputs);
  for (const auto& call : layer.more_calls) add(call);
  return nodes;
}

// What a Functional model's config says behind its layers. Of a model in the
// model one end is no list: Keras 3 gives what it finds to the next layer.
void AddEnds(const OutModel& model, bool inner, Ordered* config) {
  const auto references = [&](const std::vector<OutTensor>& tensors) {
    if (inner && tensors.size() == 1) return Reference(model, tensors[0]);
    Ordered list = Ordered::array();
    for (const OutTensor& tensor : tensors)
      list.push_back(Reference(model, tensor));
    return list;
  };
  (*config)["input_layers"] = references(model.inputs);
  (*config)["output_layers"] = references(model.outputs);
}

// An object of an archive says of which module it is.
void AddModule(const char* module, Ordered* json) {
  (*json)["module"] = module;
  (*json)["registered_name"] = nullptr;
}

Ordered ModelConfig(const OutModel& model, Form form, bool inner);

// Of which class, with which config.
void AddFunction(const OutLayer& layer, Form form, Ordered* json) {
  const OutFunction& function = *layer.function;
  Ordered config = {{"name", layer.name}};
  std::string name, module;
  if (form.three) {
    for (const auto& [key, value] : function.config)
      config[key] = Ordered::parse(value.json());
    name = layer.class_name.substr(kOperationClass.size());
    module = function.of_three;
  } else {
    config["trainable"] = true;
    config["dtype"] = "float32";
    config["function"] = function.of_two;
    name = function.of_two == "__operators__.getitem" ? "SlicingOpLambda"
                                                      : "TFOpLambda";
    module = "tf_keras.src.layers.core.tf_op_layer";
  }
  (*json)["class_name"] = name;
  (*json)["config"] = std::move(config);
  if (!form.three && !form.archive) return;
  (*json)["module"] = module;
  (*json)["registered_name"] = name;
}

// As it stands in the list of a model's layers. Those of a chain follow each
// other.
Ordered LayerJson(const OutModel& model, const OutLayer& layer, Form form,
                  bool chain) {
  Ordered json = {{"class_name", layer.class_name}};
  if (layer.model != nullptr) {
    json = ModelConfig(*layer.model, form, /*inner=*/true);
  } else if (layer.function != nullptr) {
    AddFunction(layer, form, &json);
  } else if (form.archive) {
    json["config"] = layer.inputs.empty() ? InputConfigForArchive(layer)
                                          : ConfigIn(form, layer);
    AddModule("keras.layers", &json);
  } else {
    json["config"] =
        layer.inputs.empty() ? InputConfigForH5(layer) : ConfigIn(form, layer);
    // Of layers without a module Keras 3 forgets what is no one axis
    // (keras/src/legacy/saving/saving_utils.py).
    if (json["config"].contains("axis") && json["config"]["axis"].is_array() &&
        json["config"]["axis"].size() > 1)
      AddModule("keras.layers", &json);
  }
  if (!chain) {
    json["name"] = layer.name;
    json["inbound_nodes"] = InboundNodes(model, layer, form);
  }
  return json;
}

// A model with its class. Of a class 'Model' of the module keras.models, both
// Kerases find a Functional one.
Ordered ModelConfig(const OutModel& model, Form form, bool inner) {
  const bool chain = model.is_chain;
  Ordered layers = Ordered::array();
  for (const OutLayer& layer : model.layers) {
    if (inner && chain && layer.inputs.empty()) continue;
    layers.push_back(LayerJson(model, layer, form, chain));
  }
  const char* plain = chain ? "sequential" : "model";
  Ordered config = {{"name", model.name.empty() ? plain : model.name}};
  if (inner || !chain) config["trainable"] = model.trainable;
  config["layers"] = std::move(layers);
  if (!chain) AddEnds(model, inner, &config);
  Ordered json = {{"class_name", chain          ? "Sequential"
                                 : form.archive ? "Model"
                                                : "Functional"},
                  {"config", std::move(config)}};
  if (form.archive) AddModule("keras.models", &json);
  return json;
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
  return IsOfHeads(layer) || layer.function != nullptr ||
         (recurrent && layer.inputs.size() > 1);
}

int GenerationOf(const OutModel& model, bool archive) {
  bool two = false, three = false, either = false;
  ForEachLayer(model, [&](const OutLayer& layer) {
    two |= layer.generation == 2;
    three |= layer.generation == 3;
    either |= HasTwoForms(layer);
  });
  if (three || two) return three ? 3 : 2;
  return !either ? 0 : archive ? 3 : 2;
}

const char* KerasVersionOf(const OutModel& model, bool archive) {
  return GenerationOf(model, archive) == 3 ? "3.0.0" : kKerasVersion;
}

std::string ConfigForH5(const OutModel& model) {
  const bool three = GenerationOf(model, /*archive=*/false) == 3;
  return ModelConfig(model, {.archive = false, .three = three}, false).dump();
}

std::string ConfigForArchive(const OutModel& model) {
  const bool three = GenerationOf(model, /*archive=*/true) == 3;
  return ModelConfig(model, {.archive = true, .three = three}, false).dump();
}

}  // namespace litesmith
