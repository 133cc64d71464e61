// A graph as Keras layers, before any of it is written: the inverse of
// from_keras.h.
#ifndef LITESMITH_FORMATS_KERAS_TO_KERAS_H_
#define LITESMITH_FORMATS_KERAS_TO_KERAS_H_

#include <string>
#include <vector>

#include "src/formats/keras/layer.h"
#include "src/graph/graph.h"

namespace litesmith {

class H5Image;

struct OutModel {
  std::vector<OutLayer> layers;
  std::vector<OutTensor> inputs;  // of the layers that are inputs
  std::vector<OutTensor> outputs;
  bool is_chain = false;    // one input, one output, each reads the one before
  std::string name;         // empty: Keras's for such a model
  bool functional = false;  // and no Sequential, even if a chain
  bool trainable = true;    // of a model in the model
  std::vector<std::string>
      flattened;  // models that are none any more (nests.h)
};

// The layer, of no name yet, whose output is such a tensor.
OutLayer InputLike(const Tensor& tensor);

// Every place where a layer's output is named: the inputs of calls, and the
// inputs and outputs of the model.
template <typename F>
void ForEachReference(OutModel* model, F change) {
  const auto each = [&](std::vector<OutTensor>* tensors) {
    for (OutTensor& tensor : *tensors) change(&tensor);
  };
  for (OutLayer& layer : model->layers) {
    each(&layer.inputs);
    for (auto& call : layer.more_calls) each(&call);
  }
  each(&model->inputs);
  each(&model->outputs);
}

// Whether Kerases call the layer in two ways that no file says at once.
bool HasTwoForms(const OutLayer& layer);

// The one Keras that reads the file, 2 or 3; 0: both do. Layers of two forms
// are as those that only one has, else in an .h5 as in Keras 2, and in an
// archive as in Keras 3.
int GenerationOf(const OutModel& model, bool archive);

// The version of Keras whose words the file's are: 2, which Keras 3 reads, too,
// unless it is one of Keras 3's.
const char* KerasVersionOf(const OutModel& model, bool archive);

// Throws Error{unsupported} naming the node that no Keras layer can express.
// `changed`, if given, takes the names of layers that are written as others,
// which say the same.
OutModel ToKeras(const Graph& graph,
                 std::vector<std::string>* changed = nullptr);

// Makes one layer of calls of one, gives each a name of its own, and finds out
// whether the model is a chain; if not, the layers come in Keras's order.
void Settle(OutModel* model);

// Sets OutLayer::read_as of all layers, also in models in the model.
void SetReadAs(OutModel* model);

// Puts the layers in the order in which Kerases have a Functional model's:
// by the longest way to an output, longest first, then as a walk from the
// outputs meets them (tf_keras/engine/functional.py, _map_graph_network). They
// find the weights in a file by it.
void OrderAsKeras(OutModel* model);

// Whether FromKeras would give the weights their names back. What a recipe
// promises of weights is known by these names.
bool KeepsWeightNames(const Graph& graph, const OutModel& model);

// The model's config as an .h5 has it, or as config.json of an archive.
std::string ConfigForH5(const OutModel& model);
std::string ConfigForArchive(const OutModel& model);

// Calls `visit` with each layer that is no model, and those of models in the
// model in its place.
template <typename F>
void ForEachLayer(const OutModel& model, F visit) {
  for (const OutLayer& layer : model.layers) {
    if (layer.model != nullptr)
      ForEachLayer(*layer.model, visit);
    else
      visit(layer);
  }
}

// Adds a variable of the layer in Keras's layout.
void AddVariableDataset(const Graph& graph, const OutLayer& layer,
                        const OutVariable& weight, const std::string& path,
                        H5Image* image);

// Adds our own graph to a file that holds `model`, if any, of `plain` already.
void AddOurGraph(const Graph& full, const Graph& plain, const OutModel* model,
                 H5Image* image);

}  // namespace litesmith

#endif  // LITESMITH_FORMATS_KERAS_TO_KERAS_H_
