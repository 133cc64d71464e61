// The .h5 container: what tf_keras's save(include_optimizer=False) leaves, as
// groups, attributes and names go.
#include <algorithm>
#include <iterator>
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

// By name: a layer's group lists its variables in 'weight_names', those of a
// model in the model with it: what is trained first, else in their order.
class H5Variables : public Variables {
 public:
  H5Variables(const KerasModel& model, const H5Tree& weights)
      : model_(model), weights_(weights) {}

  const H5Dataset* Find(size_t layer,
                        const VariablePlace& place) const override {
    const std::string& group = model_.layers[layer].top;
    std::vector<std::string> named;  // as the variable is
    for (std::string& weight : WeightNames(group)) {
      const std::string_view name = VariableName(weight);
      if (name == place.name ||
          (!place.keras3_name.empty() && name == place.keras3_name))
        named.push_back(std::move(weight));
    }
    size_t earlier = place.earlier;
    if (InModel(layer)) named = OfLayer(layer, std::move(named), &earlier);
    if (earlier >= named.size()) return nullptr;
    const auto it = weights_.datasets.find(group + "/" + named[earlier]);
    if (it == weights_.datasets.end()) {
      Fail(ErrorKind::kCorrupt, "its weight '{}' is not in the file",
           named[earlier]);
    }
    return &it->second;
  }

  const H5Dataset* FindOfWrapper(size_t layer,
                                 WrapperVariable which) const override {
    const std::string& group = model_.layers[layer].top;
    for (const std::string& weight : WeightNames(group)) {
      const std::string_view name = VariableName(weight);
      if (!IsOfWrapper(name, which)) continue;
      const auto it = weights_.datasets.find(group + "/" + weight);
      if (it != weights_.datasets.end()) return &it->second;
    }
    return nullptr;
  }

  std::vector<std::pair<std::string, const H5Dataset*>> All(
      size_t layer) const override {
    const KerasLayer& it = model_.layers[layer];
    std::vector<std::pair<std::string, const H5Dataset*>> all;
    for (const std::string& weight : WeightNames(it.top)) {
      const bool own =
          !InModel(layer) ||
          ("/" + weight).find("/" + it.name + "/") != std::string::npos;
      const auto data = weights_.datasets.find(it.top + "/" + weight);
      if (own && data != weights_.datasets.end())
        all.emplace_back(VariableName(weight), &data->second);
    }
    return all;
  }

  // A group may hold more: the training of a layer that was wrapped.
  void RequireAllFound(size_t, size_t) const override {}

 private:
  static bool IsOfWrapper(std::string_view name, WrapperVariable which) {
    const bool min = name.ends_with("_min");
    const bool activation = name.starts_with("post_activation_") ||
                            name.starts_with("pre_activation_") ||
                            name.starts_with("output_") ||
                            name.starts_with("quantize_layer_");
    switch (which) {
      case WrapperVariable::kMask:
        return name == "mask";
      case WrapperVariable::kCentroids:
        return name.starts_with("cluster_centroids_") &&
               name != "cluster_centroids_tf";
      case WrapperVariable::kWeightMin:
        return min && !activation;
      case WrapperVariable::kWeightMax:
        return name.ends_with("_max") && !activation;
      case WrapperVariable::kActivationMin:
        return min && activation;
      case WrapperVariable::kActivationMax:
        return name.ends_with("_max") && activation;
      case WrapperVariable::kPreActivationMin:
        return name == "pre_activation_min";
    }
    return false;
  }

  bool InModel(size_t layer) const {
    const KerasLayer& it = model_.layers[layer];
    return it.group.find('/', it.group.find('/') + 1) != std::string::npos;
  }

  // Of the variables of a model in the model those of this layer: below its
  // name, or where TensorFlow has made that another, in the order of layers.
  // `earlier` of them are not meant.
  std::vector<std::string> OfLayer(size_t layer, std::vector<std::string> all,
                                   size_t* earlier) const {
    const KerasLayer& it = model_.layers[layer];
    // As our own files say it.
    std::vector<std::string> exact;
    std::copy_if(all.begin(), all.end(), std::back_inserter(exact),
                 [&](const std::string& weight) {
                   return weight.starts_with(it.path + "/");
                 });
    if (!exact.empty()) return exact;
    const auto has = [&](const std::string& weight) {
      return ("/" + weight).find("/" + it.name + "/") != std::string::npos;
    };
    std::vector<std::string> own;
    std::copy_if(all.begin(), all.end(), std::back_inserter(own), has);
    const bool by_name = !own.empty();
    std::vector<std::string>& found = by_name ? own : all;
    // Layers before it that these may belong to.
    size_t rank = 0, rivals = 0;
    for (size_t l = 0; l < model_.layers.size(); ++l) {
      const KerasLayer& other = model_.layers[l];
      if (other.top != it.top) continue;
      if (by_name ? other.name != it.name : other.class_name != it.class_name)
        continue;
      rank += l < layer ? 1 : 0;
      ++rivals;
    }
    if (rivals > 1) *earlier = rank;
    return std::move(found);
  }

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

// A variable of a top-level layer, which may be a model.
struct H5Weight {
  const OutLayer* layer;
  const OutVariable* variable;
  std::string name;  // "conv2d/kernel:0", below the models in that model
  bool trained;
};

// `below`: the models in the layer that this one is in.
void CollectWeights(const OutLayer& layer, const std::string& below,
                    std::vector<H5Weight>* weights) {
  for (const OutVariable& weight : layer.weights) {
    std::string name = below + layer.name;
    if (!weight.part.empty()) name += "/" + weight.part;
    weights->push_back({&layer, &weight,
                        name + "/" + weight.variable->name + ":0",
                        layer.trainable && weight.variable->trained});
  }
  if (layer.model == nullptr) return;
  for (const OutLayer& inner : layer.model->layers) {
    CollectWeights(inner,
                   inner.model == nullptr ? below : below + inner.name + "/",
                   weights);
  }
}

// The group of one layer: its variables below a group of the same name, those
// of a model below theirs, and the list of their names. What is trained comes
// first, of all layers in a model.
void AddLayerGroup(const Graph& graph, const OutLayer& layer, H5Image* image) {
  const std::string group = "/model_weights/" + layer.name;
  image->AddGroup(group);
  std::vector<H5Weight> weights;
  CollectWeights(layer, "", &weights);
  if (layer.model != nullptr)
    std::stable_partition(
        weights.begin(), weights.end(),
        [](const H5Weight& weight) { return weight.trained; });
  std::vector<std::string> names;
  for (const H5Weight& weight : weights) {
    const size_t slash = weight.name.rfind('/');
    image->AddGroup(group + "/" + weight.name.substr(0, slash));
    names.push_back(weight.name);
    AddVariableDataset(graph, *weight.layer, *weight.variable,
                       group + "/" + weight.name, image);
  }
  image->AddStrings(group, "weight_names", names);
}

void AddModel(const OutModel& model, const Graph& graph, H5Image* image) {
  image->AddString("/", "model_config", ConfigForH5(model));
  image->AddGroup("/model_weights");
  image->AddString("/model_weights", "backend", kBackend);
  image->AddString("/model_weights", "keras_version",
                   KerasVersionOf(model, /*archive=*/false));
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
Graph KerasPart(const std::vector<H5Tree>& trees, const std::string& path,
                bool to_look_at) {
  const auto* config = trees[kH5Root].Attribute("", "model_config");
  if (config != nullptr && config->size() == 1) {
    const auto* version = trees[kH5Root].Attribute("", "keras_version");
    const KerasModel model = ParseKerasConfig(
        config->front(), "model_config",
        version != nullptr && version->size() == 1 ? version->front() : "",
        to_look_at);
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

Graph GraphFromH5(const std::vector<H5Tree>& trees, const std::string& path,
                  bool to_look_at) {
  try {
    return ChooseGraph(KerasPart(trees, path, to_look_at), trees[kH5Ours],
                       path);
  } catch (const Error& error) {
    Fail(error.kind(), "{}: {}", path, error.what());
  }
}

std::vector<std::byte> H5Bytes(const OutModel* model, const Graph& plain,
                               const Graph* full) {
  H5Image image;
  image.AddString("/", "backend", kBackend);
  image.AddString("/", "keras_version",
                  model == nullptr ? kKerasVersion
                                   : KerasVersionOf(*model, /*archive=*/false));
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

Graph ReadKerasH5ToLookAt(const std::string& path) {
  return GraphFromH5(ReadH5InHelper(path, WantedOfH5()), path,
                     /*to_look_at=*/true);
}

}  // namespace litesmith
