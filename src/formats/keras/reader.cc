#include "src/formats/keras/reader.h"

#include <map>
#include <set>

#include "src/base/check.h"
#include "src/base/error.h"
#include "src/base/warning.h"
#include "src/formats/graph_json/full_graph.h"
#include "src/formats/hdf5/h5_process.h"
#include "src/formats/keras/keras_h5.h"
#include "src/formats/keras/layers.h"
#include "src/formats/keras/model_config.h"
#include "src/graph/names.h"
#include "src/graph/op_def.h"

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

  // "'conv' (kernel_regularizer), 'dense' (bias_constraint)", after Build: what
  // acts in training only, and not in ours.
  const std::string& left_out() const { return left_out_; }

 private:
  // Options of the layer that no row reads.
  void CheckOptions(const KerasLayer& layer) {
    for (const char* option : {"sparse", "ragged", "lora_rank", "lora_alpha",
                               "quantization_mode", "quantization_config"}) {
      const Json* value = JsonFind(layer.config, option);
      if (value == nullptr || *value == false) continue;
      Fail(ErrorKind::kUnsupported, "its {} is {}, which is not supported",
           option, value->dump().substr(0, 60));
    }
    std::string names;
    for (const auto& [key, value] : layer.config.items()) {
      if (value.is_null()) continue;
      if (key.ends_with("_regularizer") || key.ends_with("_constraint"))
        names += (names.empty() ? "" : ", ") + key;
    }
    if (names.empty()) return;
    left_out_ += fmt::format("{}'{}' ({})", left_out_.empty() ? "" : ", ",
                             layer.name, names);
  }

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
      CheckOptions(layer);
      const LayerRow* row = FindLayerRow(layer.class_name);
      LS_CHECK(row != nullptr);  // RequireKnownLayers was first
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
      const TensorId output =
          row->build({layer.config, layer.name, weights_, &graph_, input,
                      shared, layer.trainable});
      // A layer that passes its input on passes its other readers on too, and
      // so does a dropout: an activation behind it goes in front of both.
      const NodeId producer = graph_.Producer(output);
      const bool passes =
          output == input ||
          (producer >= 0 && graph_.node(producer).op->only_in_training());
      if (passes && shared) shared_.insert(output);
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
  std::string left_out_;
};

}  // namespace

Graph GraphFromH5(const H5Contents& contents, const std::string& path) {
  try {
    const auto* config =
        contents.parts[H5Contents::kRoot].Attribute("", "model_config");
    if (config == nullptr || config->size() != 1) {
      if (contents.parts[H5Contents::kWeights].datasets.empty()) {
        Fail(ErrorKind::kUnsupported,
             "it is HDF5, but holds no model_config and no weights: no Keras "
             "model");
      }
      Fail(ErrorKind::kUnsupported,
           "it holds weights only, no model_config that says which layers they "
           "belong to (save_weights writes such files); save the whole model "
           "with model.save");
    }
    const KerasModel model = ParseModelConfig(config->front());
    Builder builder(model, contents.parts[H5Contents::kWeights]);
    Graph graph = builder.Build();
    if (!builder.left_out().empty()) {
      Warn(
          "{}: regularizers and constraints do not act in training here and "
          "are not kept in files: {}",
          path, builder.left_out());
    }
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
