// Walks a graph's nodes and asks the rows for the layers that say the same.
#include "src/formats/keras/to_keras.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <set>
#include <utility>

#include "src/base/error.h"
#include "src/formats/graph_json/graph_json.h"
#include "src/formats/hdf5/h5_image.h"
#include "src/graph/op_def.h"

namespace litesmith {
namespace {

// What Keras calls the activation; null for what it has no name for.
const char* ActivationName(Activation activation) {
  switch (activation) {
    case kNone:
      return "linear";
    case activation::kRelu:
      return "relu";
    case activation::kRelu6:
      return "relu6";
    default:
      return nullptr;
  }
}

// Whether the graph's names are those of Keras layers, whose kernels are called
// '<layer>/kernel' or '<layer>/depthwise_kernel', and not the paths of
// operations that TensorFlow writes.
bool HasKerasNames(const Graph& graph) {
  bool any = false;
  for (const Node& node : graph.nodes) {
    const int weight = node.op->Find(Role::kWeight);
    if (weight < 0 || node.input(static_cast<size_t>(weight)) == kNoTensor)
      continue;
    const std::string& name =
        graph.tensor(node.inputs[static_cast<size_t>(weight)]).name;
    if (name != node.name + "/kernel" &&
        name != node.name + "/depthwise_kernel") {
      return false;
    }
    any = true;
  }
  return any;
}

void RequireFloatData(const Tensor& tensor) {
  if (tensor.dtype != DType::kFloat32 || !tensor.has_data()) {
    Fail(ErrorKind::kUnsupported,
         "its weight '{}' is a {} {}; a Keras file holds float32 data",
         tensor.name, Name(tensor.dtype), Name(tensor.kind));
  }
}

class Writer : public LayerWriter {
 public:
  explicit Writer(const Graph& graph)
      : graph_(graph), keeps_slashes_(HasKerasNames(graph)) {}

  OutModel Write() {
    for (size_t i = 0; i < graph_.inputs.size(); ++i) AddInput(i);
    for (const Node& node : graph_.nodes) {
      try {
        AddNode(node);
      } catch (const Error& error) {
        Fail(error.kind(), "node '{}' ({}): {}", node.name, node.op->name,
             error.what());
      }
    }
    for (const TensorId id : graph_.outputs) {
      model_.outputs.push_back(LayerOf(id));
    }
    model_.is_chain = model_.inputs.size() == 1 && model_.outputs.size() == 1 &&
                      model_.outputs[0] == Last();
    for (size_t i = 0; i < model_.layers.size(); ++i) {
      std::vector<OutTensor> before;
      if (i > 0) before = {{static_cast<int>(i) - 1, 0}};
      model_.is_chain &= model_.layers[i].inputs == before;
    }
    return std::move(model_);
  }

  OutLayer& Add(const char* class_name, const std::string& name,
                std::vector<OutTensor> inputs) override {
    OutLayer layer;
    layer.class_name = class_name;
    layer.row = FindLayerRow(class_name);
    layer.name = UniqueName(name, SnakeCase(class_name));
    layer.inputs = std::move(inputs);
    model_.layers.push_back(std::move(layer));
    return model_.layers.back();
  }

  OutTensor Last() const override {
    return {static_cast<int>(model_.layers.size()) - 1, 0};
  }

 private:
  // A name that both Kerases take for a layer (TensorFlow makes it a name
  // scope, Keras 3 forbids '/') and that no other layer has. Names that a Keras
  // has given are kept with their slashes.
  std::string UniqueName(const std::string& wanted,
                         const std::string& fallback) {
    std::string name;
    for (const char c : wanted) {
      const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0 ||
                         c == '_' || c == '.' || c == '-' ||
                         (c == '/' && keeps_slashes_);
      name += plain && static_cast<unsigned char>(c) < 128 ? c : '_';
    }
    if (name.empty()) name = fallback;
    if (name.size() > 200) name.resize(200);
    if (std::isalnum(static_cast<unsigned char>(name[0])) == 0) {
      name = fallback + name;
    }
    std::string unique = name;
    for (int i = 1; !names_.insert(unique).second; ++i) {
      unique = name + "_" + std::to_string(i);
    }
    return unique;
  }

  OutTensor LayerOf(TensorId id) const {
    const auto it = layer_of_.find(id);
    if (it == layer_of_.end()) {
      Fail(ErrorKind::kUnsupported,
           "tensor '{}' is a constant where Keras takes a layer's output",
           graph_.tensor(id).name);
    }
    return it->second;
  }

  void AddInput(size_t i) {
    const TensorId id = graph_.inputs[i];
    const Tensor& tensor = graph_.tensor(id);
    if (tensor.dtype != DType::kFloat32 || tensor.shape.rank() < 1) {
      Fail(ErrorKind::kUnsupported,
           "input '{}' is {} {}; a Keras file takes a float32 batch",
           tensor.name, Name(tensor.dtype), tensor.shape.ToString());
    }
    const std::string& name =
        graph_.input_names.empty() ? tensor.name : graph_.input_names[i];
    std::vector<int32_t> dims = SampleDims(tensor.shape);
    dims.insert(dims.begin(), -1);
    Add("InputLayer", name, {}).Set("batch_input_shape", std::move(dims));
    layer_of_[id] = Last();
    model_.inputs.push_back(Last());
  }

  // The activation that is an op by itself and was the node's layer's, or null:
  // it alone reads the node, under the name that the reader gives it.
  const Node* OwnActivation(const Node& node) const {
    const TensorId output = node.outputs[0];
    if (graph_.NumUses(output) != 1) return nullptr;
    for (const Node& reader : graph_.nodes) {
      if (reader.input(0) != output) continue;
      const char* name = ActivationNameOf(reader);
      const bool own =
          name != nullptr && reader.name == ActivationNodeName(node.name, name);
      return own ? &reader : nullptr;
    }
    return nullptr;
  }

  void AddNode(const Node& node) {
    if (node.inputs.empty() || node.outputs.empty())
      Fail(ErrorKind::kUnsupported, "no Keras layer does this");
    // An activation that its layer says.
    if (layer_of_.contains(node.outputs[0])) return;
    if (node.op->tflite.code < 0 && !node.op->in_keras()) {
      Fail(ErrorKind::kUnsupported,
           "no Keras layer does this; strip the training ops first");
    }
    NodeOut out{graph_, node, {}};
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const TensorId id = node.inputs[i];
      if (id != kNoTensor && node.op->OperandOf(i).role == Role::kData)
        out.inputs.push_back(LayerOf(id));
    }
    const AttrValue* fused = FusedActivation(node);
    const auto activation =
        fused == nullptr ? kNone : static_cast<Activation>(fused->i);
    const char* name = ActivationName(activation);
    if (name == nullptr) {
      Fail(ErrorKind::kUnsupported,
           "its activation {} is none of linear, relu and relu6", fused->i);
    }
    // An activation that was a layer by itself left its name (FuseActivation).
    const std::string& output = graph_.tensor(node.outputs[0]).name;
    const bool by_itself = output != node.name;
    if (!by_itself) out.activation = name;
    const Node* const own = activation == kNone ? OwnActivation(node) : nullptr;
    if (own != nullptr) out.activation = ActivationNameOf(*own);
    const auto rows = LayerRows();
    if (std::none_of(rows.begin(), rows.end(), [&](const LayerRow& row) {
          return row.write != nullptr && row.write(out, this);
        })) {
      Fail(ErrorKind::kUnsupported, "no Keras layer does this");
    }
    const bool says = model_.layers.back().Says("activation");
    if (own != nullptr && says) layer_of_[own->outputs[0]] = Last();
    if (activation != kNone && (by_itself || !says)) {
      AddActivation(activation, by_itself ? output : node.name + "_activation",
                    Last(), this);
    }
    for (size_t i = 0; i < node.outputs.size(); ++i)
      layer_of_[node.outputs[i]] = {Last().layer, static_cast<int>(i)};
  }

  const Graph& graph_;
  const bool keeps_slashes_;
  OutModel model_;
  std::set<std::string> names_;
  std::map<TensorId, OutTensor> layer_of_;
};

}  // namespace

OutModel ToKeras(const Graph& graph) {
  VerifyStructure(graph);
  return Writer(graph).Write();
}

// Graphs of older versions have a constant bias of zeros where a trained kernel
// has none.
void SetWeights(const NodeOut& node, TensorId kernel, TensorId bias,
                OutLayer* layer) {
  const Tensor& weights = node.graph.tensor(kernel);
  RequireFloatData(weights);
  layer->trainable = weights.kind == TensorKind::kParameter;
  layer->weights = {kernel, kNoTensor};
  if (bias != kNoTensor) {
    const Tensor& tensor = node.graph.tensor(bias);
    RequireFloatData(tensor);
    if (tensor.shape.rank() != 1) {
      Fail(ErrorKind::kUnsupported, "its bias has the shape {}",
           tensor.shape.ToString());
    }
    const auto values = tensor.As<float>();
    const bool counts = !layer->trainable ||
                        tensor.kind != TensorKind::kConstant ||
                        std::any_of(values.begin(), values.end(),
                                    [](float v) { return v != 0; });
    if (counts) layer->weights[1] = bias;
  }
  layer->Set("use_bias", layer->weights[1] != kNoTensor);
}

void SetVariables(const NodeOut& node, std::vector<TensorId> variables,
                  OutLayer* layer) {
  for (const TensorId id : variables) {
    if (id != kNoTensor) RequireFloatData(node.graph.tensor(id));
  }
  layer->weights = std::move(variables);
}

bool KeepsWeightNames(const Graph& graph, const OutModel& model) {
  return std::all_of(
      model.layers.begin(), model.layers.end(), [&](const OutLayer& layer) {
        size_t first = 0;
        while (first < layer.weights.size() &&
               layer.weights[first] == kNoTensor)
          ++first;
        return first == layer.weights.size() ||
               graph.tensor(layer.weights[first]).name ==
                   layer.name + "/" + layer.row->variables[first].name;
      });
}

void AddVariableDataset(const Graph& graph, const OutLayer& layer, size_t index,
                        const std::string& path, H5Image* image) {
  const Tensor& tensor = graph.tensor(layer.weights[index]);
  const Layout layout = layer.row->variables[index].layout;
  if (layout != Layout::kOutputLast) {
    const std::vector<int32_t> dims =
        layout == Layout::kDepthwise
            ? ToKerasDepthwise(tensor.shape, layer.depth_multiplier)
            : tensor.shape.ToVector();
    image->AddDataset(path, DType::kFloat32, dims,
                      {tensor.data.data(), tensor.data.size()});
    return;
  }
  std::vector<float> values(static_cast<size_t>(tensor.shape.NumElements()));
  ToKerasLayout(tensor.As<float>(), tensor.shape[0], values);
  image->AddDataset(path, DType::kFloat32, ToKerasShape(tensor.shape),
                    std::as_bytes(std::span<const float>(values)));
}

void AddOurGraph(const Graph& full, const Graph& plain, const OutModel* model,
                 H5Image* image) {
  std::vector<StoredTensor> stored;  // by the names that the readers give them
  for (const OutLayer& layer :
       model == nullptr ? std::vector<OutLayer>() : model->layers) {
    for (size_t i = 0; i < layer.weights.size(); ++i) {
      if (layer.weights[i] == kNoTensor) continue;
      stored.push_back({layer.name + "/" + layer.row->variables[i].name,
                        &plain.tensor(layer.weights[i])});
    }
  }
  AddGraph(full, stored, image);
}

}  // namespace litesmith
