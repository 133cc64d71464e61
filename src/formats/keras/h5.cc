// The .h5 container: what tf_keras's save(include_optimizer=False) leaves, as
// groups, attributes and names go.
#include <string_view>

#include "src/base/error.h"
#include "src/formats/graph_json/graph_json.h"
#include "src/formats/hdf5/h5_image.h"
#include "src/formats/keras/file_contents.h"
#include "src/formats/keras/from_keras.h"
#include "src/formats/keras/keras.h"

namespace litesmith {
namespace {

constexpr char kBackend[] = "tensorflow";

// "conv2d/kernel:0" (Keras 2) and "sequential/conv2d/kernel" (Keras 3) -> the
// variable's own name.
std::string_view VariableName(std::string_view weight) {
  const size_t slash = weight.rfind('/');
  if (slash != std::string_view::npos) weight.remove_prefix(slash + 1);
  return weight.substr(0, weight.rfind(':'));
}

// By name: a layer's group lists its variables in 'weight_names'.
class H5Variables : public Variables {
 public:
  H5Variables(const KerasModel& model, const H5Tree& weights)
      : model_(model), weights_(weights) {}

  const H5Dataset* Find(size_t layer, size_t,
                        std::string_view name) const override {
    const std::string& group = model_.layers[layer].name;
    for (const std::string& weight : WeightNames(group)) {
      if (VariableName(weight) != name) continue;
      const auto it = weights_.datasets.find(group + "/" + weight);
      if (it == weights_.datasets.end()) {
        Fail(ErrorKind::kCorrupt, "its weight '{}' is not in the file", weight);
      }
      return &it->second;
    }
    return nullptr;
  }

  // A group may hold more: the training of a layer that was wrapped.
  void RequireCount(size_t, size_t) const override {}

 private:
  // A list beyond 64 KB is cut into weight_names0, weight_names1, ...
  std::vector<std::string> WeightNames(const std::string& group) const {
    const std::string key = "weight_names";
    if (const auto* names = weights_.Attribute(group, key)) return *names;
    std::vector<std::string> all;
    for (int part = 0;; ++part) {
      const auto* names = weights_.Attribute(group, key + std::to_string(part));
      if (names == nullptr) return all;
      all.insert(all.end(), names->begin(), names->end());
    }
  }

  const KerasModel& model_;
  const H5Tree& weights_;
};

// The group of one layer: its variables below a group of the same name, and
// the list of their names.
void AddLayerGroup(const Graph& graph, const OutLayer& layer, H5Image* image) {
  const std::string group = "/model_weights/" + layer.name;
  image->AddGroup(group);
  std::vector<std::string> names;
  for (size_t i = 0; i < layer.weights.size(); ++i) {
    if (layer.weights[i] == kNoTensor) continue;
    if (names.empty()) image->AddGroup(group + "/" + layer.name);
    names.push_back(layer.name + "/" + layer.row->variables[i].name + ":0");
    AddVariableDataset(graph, layer, i, group + "/" + names.back(), image);
  }
  image->AddStrings(group, "weight_names", names);
}

void AddModel(const OutModel& model, const Graph& graph, H5Image* image) {
  image->AddString("/", "model_config", ConfigForH5(model));
  image->AddGroup("/model_weights");
  image->AddString("/model_weights", "backend", kBackend);
  image->AddString("/model_weights", "keras_version", kKerasVersion);
  std::vector<std::string> names;
  for (const OutLayer& layer : model.layers) {
    // A Sequential does not count its input among its layers.
    if (model.is_chain && layer.inputs.empty()) continue;
    names.push_back(layer.name);
    AddLayerGroup(graph, layer, image);
  }
  image->AddStrings("/model_weights", "layer_names", names);
}

// The model of the Keras part, empty if there is none but a graph of ours.
Graph KerasPart(const std::vector<H5Tree>& trees, const std::string& path) {
  const auto* config = trees[kH5Root].Attribute("", "model_config");
  if (config != nullptr && config->size() == 1) {
    const KerasModel model = ParseKerasConfig(config->front(), "model_config");
    return FromKeras(model, H5Variables(model, trees[kH5Weights]), path);
  }
  if (HoldsGraph(trees[kH5Ours])) return {};
  if (trees[kH5Weights].datasets.empty()) {
    Fail(ErrorKind::kUnsupported,
         "it is HDF5, but holds no model_config and no weights: no Keras "
         "model");
  }
  Fail(ErrorKind::kUnsupported,
       "it holds weights only, no model_config that says which layers they "
       "belong to (save_weights writes such files); save the whole model "
       "with model.save");
}

}  // namespace

Graph GraphFromH5(const std::vector<H5Tree>& trees, const std::string& path) {
  try {
    return ChooseGraph(KerasPart(trees, path), trees[kH5Ours], path);
  } catch (const Error& error) {
    Fail(error.kind(), "{}: {}", path, error.what());
  }
}

std::vector<std::byte> H5Bytes(const OutModel* model, const Graph& plain,
                               const Graph* full) {
  H5Image image;
  image.AddString("/", "backend", kBackend);
  image.AddString("/", "keras_version", kKerasVersion);
  if (model != nullptr) AddModel(*model, plain, &image);
  if (full != nullptr) AddOurGraph(*full, plain, model, &image);
  return image.Finish();
}

std::span<const H5Wanted> WantedOfH5() {
  // Old files have the weights in the root.
  static const H5Wanted wanted[] = {
      {.groups = {""}, .attributes_only = true},
      {.groups = {"model_weights", ""},
       .as_float32 = true,
       .without = {kGraphGroup, "optimizer_weights"}},
      {.groups = {kGraphGroup}},
  };
  return wanted;
}

Graph ReadKerasH5(const std::string& path) {
  return GraphFromH5(ReadH5InHelper(path, WantedOfH5()), path);
}

}  // namespace litesmith
