#include "src/formats/keras_h5/reader.h"

#include <map>
#include <set>

#include "src/base/error.h"
#include "src/formats/keras_h5/full_graph.h"
#include "src/formats/keras_h5/h5_process.h"
#include "src/formats/keras_h5/keras_h5.h"
#include "src/formats/keras_h5/layers.h"
#include "src/formats/keras_h5/model_config.h"
#include "src/graph/names.h"

namespace litesmith {
namespace {

class Builder {
 public:
  Builder(const KerasModel& model, const H5Tree& weights)
      : model_(model), weights_(weights) {
    for (size_t i = 0; i < model.layers.size(); ++i) {
      const KerasLayer& layer = model.layers[i];
      if (!by_name_.emplace(layer.name, i).second) {
        Fail(ErrorKind::kCorrupt, "two layers are called '{}'", layer.name);
      }
      for (const std::string& input : layer.inputs) ++uses_[input];
    }
    for (const std::string& output : model.outputs) ++uses_[output];
  }

  Graph Build() {
    // The graph's inputs come in the model's order, wherever they are listed.
    for (const std::string& name : model_.inputs) Visit(name);
    for (const KerasLayer& layer : model_.layers) Visit(layer.name);
    for (const std::string& name : model_.outputs) {
      const TensorId id = Visit(name);
      graph_.outputs.push_back(id);
      // The node's name: what remains of the layer after fusion.
      const NodeId producer = graph_.Producer(id);
      graph_.output_names.push_back(producer < 0 ? name
                                                 : graph_.node(producer).name);
    }
    if (graph_.inputs.size() != model_.inputs.size()) {
      Fail(ErrorKind::kCorrupt, "it has {} InputLayers and {} inputs",
           graph_.inputs.size(), model_.inputs.size());
    }
    VerifyStructure(graph_);
    return std::move(graph_);
  }

 private:
  // The layer's output; builds it and, before it, what it reads. Iterative: a
  // chain may be long.
  TensorId Visit(const std::string& name) {
    std::vector<size_t> stack = {Index(name)};
    while (!stack.empty()) {
      const size_t i = stack.back();
      const KerasLayer& layer = model_.layers[i];
      if (outputs_.count(i) != 0) {
        stack.pop_back();
        continue;
      }
      bool ready = true;
      for (const std::string& input : layer.inputs) {
        const size_t j = Index(input);
        if (outputs_.count(j) == 0) {
          stack.push_back(j);
          ready = false;
        }
      }
      if (ready) {
        outputs_[i] = BuildLayer(layer);
        stack.pop_back();
      } else if (!started_.insert(i).second) {
        Fail(ErrorKind::kCorrupt, "layer '{}': it feeds itself", layer.name);
      }
    }
    return outputs_.at(Index(name));
  }

  size_t Index(const std::string& name) const {
    const auto it = by_name_.find(name);
    if (it == by_name_.end()) {
      Fail(ErrorKind::kCorrupt, "it has no layer '{}', which is read", name);
    }
    return it->second;
  }

  TensorId BuildLayer(const KerasLayer& layer) {
    try {
      const LayerRow* row = FindLayerRow(layer.class_name);
      if (row == nullptr) {
        Fail(ErrorKind::kUnsupported, "its class {} is not supported",
             layer.class_name);
      }
      const size_t wanted = layer.class_name == "InputLayer" ? 0 : 1;
      if (layer.inputs.size() != wanted) {
        Fail(ErrorKind::kCorrupt, "it reads {} layers; {} wanted",
             layer.inputs.size(), wanted);
      }
      TensorId input = kNoTensor;
      bool shared = false;
      if (wanted == 1) {
        input = outputs_.at(Index(layer.inputs[0]));
        shared = uses_[layer.inputs[0]] > 1 || shared_.count(input) != 0;
      }
      const TensorId output = row->build(
          {layer.config, layer.name, weights_, &graph_, input, shared});
      // A layer that passes its input on passes its other readers on too.
      if (output == input && shared) shared_.insert(output);
      return output;
    } catch (const Error& error) {
      Fail(error.kind(), "layer '{}': {}", layer.name, error.what());
    }
  }

  const KerasModel& model_;
  const H5Tree& weights_;
  Graph graph_;
  std::map<std::string, size_t> by_name_;
  std::map<std::string, int> uses_;
  std::map<size_t, TensorId> outputs_;
  std::set<size_t> started_;
  std::set<TensorId> shared_;
};

}  // namespace

Graph GraphFromH5(const H5Contents& contents, const std::string& path) {
  try {
    const auto* config =
        contents.parts[H5Contents::kRoot].Attribute("", "model_config");
    if (config == nullptr || config->size() != 1) {
      Fail(ErrorKind::kUnsupported,
           "it holds no model_config; a file of weights alone is not enough, "
           "save the whole model");
    }
    const KerasModel model = ParseModelConfig(config->front());
    Graph graph = Builder(model, contents.parts[H5Contents::kWeights]).Build();
    const H5Tree& ours = contents.parts[H5Contents::kLitesmith];
    if (const auto* full =
            ours.present ? ours.Attribute("", "graph") : nullptr) {
      std::string json;  // cut in pieces where it is long
      for (const std::string& piece : *full) json += piece;
      graph = FullGraphFromJson(json, ours, graph);
    }
    MakeNamesUniqueAtDoor(path, &graph);
    return graph;
  } catch (const Error& error) {
    Fail(error.kind(), "{}: {}", path, error.what());
  }
}

Graph ReadKerasH5(const std::string& path) {
  return GraphFromH5(ReadH5InHelper(path), path);
}

}  // namespace litesmith
