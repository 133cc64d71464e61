// Walks a model_config as JSON, before anything of it is understood: a model
// with ten unknown layers is one message and not ten tries.
#include "src/formats/keras/unknown_layers.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "src/base/error.h"
#include "src/base/names.h"
#include "src/formats/keras/layer.h"
#include "src/formats/keras/wrappers.h"

namespace litesmith {
namespace {

constexpr size_t kShown = 20;

struct Findings {
  std::vector<std::string> unknown;  // "'net/lstm' (LSTM)"
  size_t layers = 0;
};

// The layer that the config of a wrapper holds, or null.
const Json* WrappedLayer(const Json& config) {
  const Json* layer = JsonFind(config, "layer");
  const Json* name =
      layer == nullptr ? nullptr : JsonFind(*layer, "class_name");
  return name != nullptr && name->is_string() ? layer : nullptr;
}

// What an unsupported layer is, for somebody who may not know its class.
std::string WhatItIs(const std::string& class_name) {
  if (class_name.starts_with(kOperationClass)) return class_name;
  if (class_name.find('>') != std::string::npos)
    return fmt::format("{}, a class of its author's own", class_name);
  if (class_name == "Lambda") return "Lambda, whose function is Python code";
  std::vector<std::string> known;
  for (const LayerRow& row : LayerRows()) known.emplace_back(row.class_name);
  const std::string near = NearestName(class_name, known);
  return near.empty() ? class_name
                      : fmt::format("{}; there is {}", class_name, near);
}

// In an .h5 nothing tells the module, but only layers say whether they are
// trained.
bool IsOperation(const Json& layer) {
  const Json* config = JsonFind(layer, "config");
  const Json* nodes = JsonFind(layer, "inbound_nodes");
  return config != nullptr && JsonFind(*config, "trainable") == nullptr &&
         nodes != nullptr && nodes->is_array() && !nodes->empty() &&
         nodes->front().is_object() &&
         FindLayerRow(kOperationClass + JsonString(layer, "class_name", "")) !=
             nullptr;
}

void Find(const Json& layers, const std::string& path, int depth,
          Findings* findings) {
  for (const Json& layer : JsonArray(layers, "layers")) {
    std::string class_name = LayerClass(layer);
    const std::string name = path + LayerName(layer);
    const Json& config = JsonAt(layer, "config");
    if (IsModelClass(class_name)) {
      if (depth < kMaxModelDepth)
        Find(ModelLayers(config), name + "/", depth + 1, findings);
      continue;
    }
    ++findings->layers;
    std::string around;
    const bool known = FindLayerRow(class_name) != nullptr;
    if (const Json* inner = WrappedLayer(config);
        inner != nullptr && (known || IsWrapperClass(class_name))) {
      around = class_name + " around ";
      class_name = LayerClass(*inner);
      if (IsModelClass(class_name)) continue;
    }
    if (FindLayerRow(class_name) != nullptr) continue;
    findings->unknown.push_back(
        fmt::format("'{}' ({}{})", name, around, WhatItIs(class_name)));
  }
}

}  // namespace

bool IsModelClass(const std::string& class_name) {
  return class_name == "Sequential" || class_name == "Functional" ||
         class_name == "Model";
}

std::string LayerClass(const Json& layer) {
  const std::string registered = JsonString(layer, "registered_name", "");
  if (registered.find('>') != std::string::npos) return registered;
  const std::string& name =
      JsonString(JsonAt(layer, "class_name"), "class_name");
  const std::string module = JsonString(layer, "module", "");
  if (module.starts_with("keras.src.ops") || module.starts_with("keras.ops") ||
      (module.empty() && IsOperation(layer)))
    return kOperationClass + name;
  // What Keras 2 makes layers of functions of TensorFlow.
  if (name == "TFOpLambda" || name == "SlicingOpLambda") {
    const Json* function = JsonFind(JsonAt(layer, "config"), "function");
    if (function != nullptr && function->is_string())
      return OperationOf(function->get<std::string>());
  }
  return name;
}

std::string LayerName(const Json& layer) {
  const std::string name = JsonString(layer, "name", "");
  return name.empty() ? JsonString(JsonAt(layer, "config"), "name", "") : name;
}

const Json& ModelLayers(const Json& config) {
  return config.is_array() ? config : JsonAt(config, "layers");
}

void RequireKnownLayers(const Json& layers) {
  Findings findings;
  Find(layers, "", 0, &findings);
  const std::vector<std::string>& unknown = findings.unknown;
  if (unknown.empty()) return;
  std::string text;
  for (size_t i = 0; i < std::min(kShown, unknown.size()); ++i)
    text += (i == 0 ? "" : ", ") + unknown[i];
  if (unknown.size() > kShown)
    text += fmt::format(" and {} more", unknown.size() - kShown);
  Fail(
      ErrorKind::kUnsupported,
      "{} of its {} layers {} not supported: {}; `litesmith list layers` names "
      "those that are",
      unknown.size(), findings.layers, unknown.size() == 1 ? "is" : "are",
      text);
}

}  // namespace litesmith
