// What a model needs once its layers are known: one layer for all calls of one,
// names, and the order of layers.
#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "src/formats/keras/to_keras.h"

namespace litesmith {
namespace {

bool SameWeights(const OutLayer& a, const OutLayer& b) {
  return std::equal(a.weights.begin(), a.weights.end(), b.weights.begin(),
                    b.weights.end(),
                    [](const OutVariable& x, const OutVariable& y) {
                      return x.id == y.id && x.variable == y.variable;
                    });
}

bool IsSameModel(const OutModel& a, const OutModel& b);

bool IsSameLayer(const OutLayer& a, const OutLayer& b) {
  if (a.model != nullptr && b.model != nullptr)
    return a.label == b.label && a.training == b.training &&
           IsSameModel(*a.model, *b.model);
  const bool known =
      !a.weights.empty() || (!a.label.empty() && a.label == b.label);
  return known && a.model == b.model && a.class_name == b.class_name &&
         a.config == b.config && SameWeights(a, b);
}

// Nodes with one layer's weights are calls of it, and so are those that the
// file said to be.
void MergeLayers(OutModel* model, std::vector<OutTensor>* now) {
  std::vector<OutLayer> layers;
  for (size_t l = 0; l < model->layers.size(); ++l) {
    OutLayer& layer = model->layers[l];
    size_t first = layers.size();
    for (size_t other = 0; other < first; ++other) {
      if (IsSameLayer(layers[other], layer)) first = other;
    }
    if (first == layers.size()) {
      (*now)[l] = {static_cast<int>(first), 0, 0};
      layers.push_back(std::move(layer));
    } else {
      if (layer.name == layers[first].label) layers[first].name = layer.name;
      layers[first].more_calls.push_back(std::move(layer.inputs));
      (*now)[l] = {static_cast<int>(first), 0,
                   static_cast<int>(layers[first].more_calls.size())};
    }
  }
  model->layers = std::move(layers);
}

void MergeCalls(OutModel* model) {
  std::vector<OutTensor> now(model->layers.size());
  MergeLayers(model, &now);
  ForEachReference(model, [&](OutTensor* tensor) {
    const OutTensor& to = now[static_cast<size_t>(tensor->layer)];
    *tensor = {to.layer, tensor->output, to.call};
  });
}

// The same layers of the same names, connected in the same way.
bool IsSameModel(const OutModel& a, const OutModel& b) {
  return std::equal(
             a.layers.begin(), a.layers.end(), b.layers.begin(), b.layers.end(),
             [](const OutLayer& x, const OutLayer& y) {
               const bool both = x.model != nullptr && y.model != nullptr;
               return x.name == y.name && x.class_name == y.class_name &&
                      x.inputs == y.inputs && x.more_calls == y.more_calls &&
                      (both ? IsSameLayer(x, y)
                            : x.config == y.config && SameWeights(x, y));
             }) &&
         a.inputs == b.inputs && a.outputs == b.outputs;
}

bool IsChain(const OutModel& model) {
  const OutTensor last = {static_cast<int>(model.layers.size()) - 1, 0};
  if (model.functional || model.inputs != std::vector<OutTensor>{{0, 0}} ||
      model.outputs != std::vector<OutTensor>{last})
    return false;
  for (size_t i = 0; i < model.layers.size(); ++i) {
    std::vector<OutTensor> before;
    if (i > 0) before = {{static_cast<int>(i) - 1, 0}};
    // A function is no layer that a Sequential could hold.
    if (model.layers[i].function != nullptr ||
        model.layers[i].inputs != before || !model.layers[i].more_calls.empty())
      return false;
  }
  return true;
}

void MakeNamesUnique(OutModel* model) {
  std::set<std::string> names;
  for (OutLayer& layer : model->layers) {
    const std::string wanted = layer.name;
    for (int i = 1; !names.insert(layer.name).second; ++i)
      layer.name = wanted + "_" + std::to_string(i);
  }
}

void CountNames(const OutModel& model, bool inner,
                std::map<std::string, int>* uses) {
  for (size_t i = 0; i < model.layers.size(); ++i) {
    const OutLayer& layer = model.layers[i];
    if (layer.model != nullptr)
      CountNames(*layer.model, true, uses);
    else  // the input of a chain is not in the file
      ++(*uses)[inner && model.is_chain && i == 0 && model.layers.size() > 1
                    ? model.layers[1].name + "_input"
                    : layer.name];
  }
}

void SetLabels(const std::map<std::string, int>& uses, const std::string& path,
               OutModel* model) {
  for (OutLayer& layer : model->layers) {
    if (layer.model != nullptr)
      SetLabels(uses, path + layer.name + "_", layer.model.get());
    else
      layer.read_as =
          (uses.contains(layer.name) && uses.at(layer.name) > 1 ? path : "") +
          layer.name;
  }
}

}  // namespace

void Settle(OutModel* model) {
  MergeCalls(model);
  MakeNamesUnique(model);
  model->is_chain = IsChain(*model);
  if (!model->is_chain) OrderAsKeras(model);
}

void SetReadAs(OutModel* model) {
  std::map<std::string, int> uses;
  CountNames(*model, false, &uses);
  SetLabels(uses, "", model);
}

}  // namespace litesmith
