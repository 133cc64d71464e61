// What a file said of models in the model; see nests.h.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "src/formats/json.h"
#include "src/formats/keras/nests.h"

namespace litesmith {
namespace {

// Follows a tensor through InputLayers of models in models.
class Ways {
 public:
  explicit Ways(const KerasModel& model) : model_(model) {}

  // Which input of the nest the tensor is, or -1.
  int InputOf(const KerasNest& nest, KerasTensor tensor) const {
    while (true) {
      const auto it =
          std::find(nest.inputs.begin(), nest.inputs.end(), tensor.call);
      if (it != nest.inputs.end())
        return static_cast<int>(it - nest.inputs.begin());
      const KerasCall& call = model_.calls[tensor.call];
      if (model_.layers[call.layer].class_name != "InputLayer" ||
          call.tensors.empty())
        return -1;
      tensor = call.tensors[0];
    }
  }

  Json InputsOf(const KerasNest& nest,
                const std::vector<KerasTensor>& tensors) const {
    Json list = Json::array();
    for (const KerasTensor& tensor : tensors)
      list.push_back(InputOf(nest, tensor));
    return list;
  }

 private:
  const KerasModel& model_;
};

Json SaidOfNest(const KerasModel& model, const KerasNest& nest) {
  const Ways ways(model);
  Json layers = Json::array();
  for (const size_t c : nest.calls) {
    const KerasCall& call = model.calls[c];
    layers.push_back(Json::array({call.path, model.layers[call.layer].name,
                                  ways.InputsOf(nest, call.tensors)}));
  }
  Json inputs = Json::array(), outputs = Json::array();
  std::vector<KerasTensor> given;
  for (const size_t c : nest.inputs) {
    const KerasCall& call = model.calls[c];
    inputs.push_back(model.layers[call.layer].name);
    given.insert(given.end(), call.tensors.begin(), call.tensors.end());
  }
  for (const KerasTensor& output : nest.outputs) {
    const int input = ways.InputOf(nest, output);
    if (input >= 0)
      outputs.push_back(Json::array({input}));
    else
      outputs.push_back(
          Json::array({model.calls[output.call].path, output.output}));
  }
  Json said = {{"class_name", nest.sequential ? "Sequential" : "Functional"},
               {"name", nest.name},
               {"trainable", nest.trainable},
               {"model", nest.model},
               {"around", nest.around},
               {"layers", std::move(layers)},
               {"inputs", std::move(inputs)},
               {"outputs", std::move(outputs)}};
  if (nest.around >= 0) {
    said["reads"] =
        ways.InputsOf(model.nests[static_cast<size_t>(nest.around)], given);
  }
  // Keras 3 writes it of every call, and does not go by it.
  if (model.generation == 2 && nest.kwargs != nullptr) {
    const Json* training = JsonFind(*nest.kwargs, "training");
    if (training != nullptr && training->is_boolean())
      said["training"] = *training;
  }
  return said;
}

}  // namespace

std::string SaidOfNests(const KerasModel& model) {
  Json list = Json::array();
  for (const KerasNest& nest : model.nests)
    list.push_back(SaidOfNest(model, nest));
  return list.dump(-1, ' ', true, Json::error_handler_t::replace);
}

}  // namespace litesmith
