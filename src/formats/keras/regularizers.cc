// Keras's regularizers of weights: keras/src/regularizers/regularizers.py.
#include "src/formats/keras/regularizers.h"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>
#include <utility>

namespace litesmith {
namespace {

constexpr std::string_view kKernel = "_kernel";
constexpr float kDefault = 0.01f;  // of one that is given by its name only

using Ordered = nlohmann::ordered_json;

Ordered JsonOf(const Regularizer& by) {
  const char* name = by.l1 == 0 ? "L2" : by.l2 == 0 ? "L1" : "L1L2";
  Ordered numbers = Ordered::object();
  if (by.l1 != 0) numbers["l1"] = Decimal(by.l1);
  if (by.l2 != 0) numbers["l2"] = Decimal(by.l2);
  return {{"class_name", name}, {"config", std::move(numbers)}};
}

// The config that says what the variables of this part are regularized by, in
// the JSON of a layer. Parts are layers in layers; where a layer has none in
// its config, as those with a cell or with heads, it is its own.
Ordered* ConfigOfPart(std::string_view part, Ordered* layer) {
  Ordered* config = &(*layer)["config"];
  if (part.empty()) return config;
  const size_t end = std::min(part.find('/'), part.size());
  std::string inner(part.substr(0, end));
  // The layer of a Bidirectional is its forward_layer, and where nothing else
  // is said, turned around, its backward_layer.
  if (inner == "forward_layer" ||
      (inner == "backward_layer" && !config->contains(inner)))
    inner = "layer";
  if (!config->contains(inner) || !(*config)[inner].is_object()) return config;
  part.remove_prefix(std::min(end + 1, part.size()));
  return ConfigOfPart(part, &(*config)[inner]);
}

}  // namespace

std::string RegularizerKey(std::string_view variable) {
  if (variable.ends_with(kKernel)) variable.remove_suffix(kKernel.size());
  return std::string(variable) + "_regularizer";
}

std::optional<Regularizer> ReadRegularizer(const Json& value) {
  const Json* numbers = nullptr;
  std::string name;
  if (value.is_string()) {
    name = value.get<std::string>();
  } else if (value.is_object()) {
    name = JsonString(value, "class_name", "");
    numbers = JsonFind(value, "config");
  }
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) {
    return static_cast<char>(std::tolower(c));
  });
  std::erase(name, '_');
  if (name != "l1" && name != "l2" && name != "l1l2") return std::nullopt;
  const auto number = [&](const char* key) -> float {
    if (name.find(key) == std::string::npos) return 0;
    if (numbers == nullptr) return kDefault;
    const Json* n = JsonFind(*numbers, key);
    return n != nullptr && n->is_number() ? n->get<float>() : 0.0f;
  };
  return Regularizer{number("l1"), number("l2")};
}

bool ActsInKerasAlone(const std::string& key, const Json& value) {
  if (value.is_null()) return false;
  return key.ends_with("_constraint") ||
         (key.ends_with("_regularizer") &&
          (key == "activity_regularizer" || !ReadRegularizer(value)));
}

Regularizer RegularizerOf(const Json& config, std::string_view variable) {
  const Json* value = JsonFind(config, RegularizerKey(variable).c_str());
  if (value == nullptr) return {};
  return ReadRegularizer(*value).value_or(Regularizer());
}

void SetRegularizers(const Graph& graph, OutLayer* layer) {
  if (std::all_of(layer->weights.begin(), layer->weights.end(),
                  [&](const OutVariable& weight) {
                    return graph.tensor(weight.id).regularizer.empty();
                  }))
    return;
  Ordered json = {{"config", Ordered::object()}};
  for (const auto& [key, value] : layer->config)
    json["config"][key] = Ordered::parse(value.json());
  for (const OutVariable& weight : layer->weights) {
    const Regularizer& by = graph.tensor(weight.id).regularizer;
    if (by.empty()) continue;
    (*ConfigOfPart(weight.part, &json))[RegularizerKey(weight.variable->name)] =
        JsonOf(by);
  }
  layer->config.clear();
  for (const auto& [key, value] : json["config"].items())
    layer->Set(key, JsonText{value.dump()});
}

}  // namespace litesmith
