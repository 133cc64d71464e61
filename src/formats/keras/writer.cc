// Writes the Keras 2 dialect: what tf_keras's save(include_optimizer=False)
// leaves, as groups, attributes and names go.
#include <algorithm>
#include <utility>

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/formats/graph_json/full_graph.h"
#include "src/formats/hdf5/h5_image.h"
#include "src/formats/keras/keras_h5.h"
#include "src/formats/keras/keras_layers.h"
#include "src/formats/keras/layout.h"

namespace litesmith {
namespace {

using Ordered = nlohmann::ordered_json;

constexpr char kKerasVersion[] = "2.15.0";
constexpr char kBackend[] = "tensorflow";

// The model_config of the model, Keras 2 dialect: Sequential for a chain, else
// Functional.
std::string ModelConfigJson(const OutModel& model) {
  const auto name = [&](int i) {
    return model.layers[static_cast<size_t>(i)].name;
  };
  Ordered layers = Ordered::array();
  for (const OutLayer& layer : model.layers) {
    Ordered json = {{"class_name", layer.class_name}, {"config", layer.config}};
    if (!model.is_chain) {
      json["name"] = layer.name;
      json["inbound_nodes"] = Ordered::array();
      if (layer.input >= 0) {
        json["inbound_nodes"].push_back(Ordered::array(
            {Ordered::array({name(layer.input), 0, 0, Ordered::object()})}));
      }
    }
    layers.push_back(std::move(json));
  }
  Ordered config = {{"name", model.is_chain ? "sequential" : "model"},
                    {"layers", std::move(layers)}};
  if (!model.is_chain) {
    config["trainable"] = true;
    const auto connections = [&](const std::vector<int>& positions) {
      Ordered list = Ordered::array();
      for (const int i : positions)
        list.push_back(Ordered::array({name(i), 0, 0}));
      return list;
    };
    config["input_layers"] = connections(model.inputs);
    config["output_layers"] = connections(model.outputs);
  }
  const Ordered json = {
      {"class_name", model.is_chain ? "Sequential" : "Functional"},
      {"config", std::move(config)}};
  return json.dump();
}

void AddWeight(const Tensor& tensor, const std::string& path, H5Image* image) {
  if (tensor.shape.rank() < 2) {
    const auto n = static_cast<int32_t>(tensor.shape.NumElements());
    image->AddDataset(path, DType::kFloat32, {&n, 1},
                      {tensor.data.data(), tensor.data.size()});
    return;
  }
  std::vector<float> values(static_cast<size_t>(tensor.shape.NumElements()));
  ToKerasLayout(tensor.As<float>(), tensor.shape[0], values);
  image->AddDataset(path, DType::kFloat32, ToKerasShape(tensor.shape),
                    std::as_bytes(std::span<const float>(values)));
}

// The group of one layer: its variables below a group of the same name, and
// the list of their names.
void AddLayerGroup(const Graph& graph, const OutLayer& layer, H5Image* image) {
  const std::string group = "/model_weights/" + layer.name;
  image->AddGroup(group);
  std::vector<std::string> names;
  for (const auto& [id, variable] :
       {std::pair(layer.kernel, "kernel"), std::pair(layer.bias, "bias")}) {
    if (id == kNoTensor) continue;
    if (names.empty()) image->AddGroup(group + "/" + layer.name);
    names.push_back(layer.name + "/" + variable + ":0");
    AddWeight(graph.tensor(id), group + "/" + names.back(), image);
  }
  image->AddStrings(group, "weight_names", names);
}

void AddFullGraph(const Graph& full, const Graph& plain, const OutModel& model,
                  H5Image* image) {
  // By the names that the reader gives them.
  std::vector<KerasTensor> in_keras;
  for (const OutLayer& layer : model.layers) {
    if (layer.kernel != kNoTensor) {
      in_keras.push_back({layer.name + "/kernel", &plain.tensor(layer.kernel)});
    }
    if (layer.bias != kNoTensor) {
      in_keras.push_back({layer.name + "/bias", &plain.tensor(layer.bias)});
    }
  }
  std::vector<FullGraphDataset> datasets;
  const std::string json = FullGraphToJson(full, in_keras, &datasets);
  image->AddGroup("/litesmith");
  image->AddString("/litesmith", "graph", json);
  for (const FullGraphDataset& data : datasets) {
    const Tensor& tensor = *data.tensor;
    const std::span<const std::byte> bytes(tensor.data.data(),
                                           tensor.data.size());
    const std::string path = "/litesmith/" + data.path;
    if (HeldAsBytes(tensor.dtype)) {
      const int32_t size = static_cast<int32_t>(bytes.size());
      image->AddDataset(path, DType::kUInt8, {&size, 1}, bytes);
    } else {
      image->AddDataset(path, tensor.dtype, tensor.shape.dims(), bytes);
    }
  }
}

// Whether the reader would give weights their names back from the Keras part
// alone. What a recipe promises of weights is known by these names.
bool KerasPartKeepsNames(const Graph& plain, const OutModel& model) {
  return std::all_of(
      model.layers.begin(), model.layers.end(), [&](const OutLayer& layer) {
        return layer.kernel == kNoTensor ||
               plain.tensor(layer.kernel).name == layer.name + "/kernel";
      });
}

}  // namespace

void WriteKerasH5(const Graph& plain, const Graph* full,
                  const std::string& path) {
  std::vector<std::byte> bytes;
  try {
    VerifyStructure(plain);
    const OutModel model = LayersFromGraph(plain);
    if (full == nullptr && !KerasPartKeepsNames(plain, model)) full = &plain;
    H5Image image;
    image.AddString("/", "backend", kBackend);
    image.AddString("/", "keras_version", kKerasVersion);
    image.AddString("/", "model_config", ModelConfigJson(model));
    image.AddGroup("/model_weights");
    image.AddString("/model_weights", "backend", kBackend);
    image.AddString("/model_weights", "keras_version", kKerasVersion);
    std::vector<std::string> names;
    for (const OutLayer& layer : model.layers) {
      // A Sequential does not count its input among its layers.
      if (model.is_chain && layer.input < 0) continue;
      names.push_back(layer.name);
      AddLayerGroup(plain, layer, &image);
    }
    image.AddStrings("/model_weights", "layer_names", names);
    if (full != nullptr) AddFullGraph(*full, plain, model, &image);
    bytes = image.Finish();
  } catch (const Error& error) {
    Fail(error.kind(), "cannot write {}: {}", path, error.what());
  }
  WriteFile(path, bytes);
}

void WriteKerasH5(const Graph& graph, const std::string& path) {
  WriteKerasH5(graph, nullptr, path);
}

void CheckKerasH5(const Graph& graph, const std::string& path) {
  try {
    VerifyStructure(graph);
    LayersFromGraph(graph);
  } catch (const Error& error) {
    Fail(error.kind(), "cannot write {}: {}", path, error.what());
  }
}

}  // namespace litesmith
