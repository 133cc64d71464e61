// Walks a graph's nodes and asks the rows for the layers that say the same.
#include "src/formats/keras/to_keras.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "src/base/error.h"
#include "src/formats/graph_json/graph_json.h"
#include "src/formats/hdf5/h5_image.h"
#include "src/formats/keras/groups.h"
#include "src/formats/keras/nests.h"
#include "src/formats/keras/regularizers.h"
#include "src/formats/keras/said.h"
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
    const size_t slash = name.rfind('/');
    // Of the node, one of a layer's several, or another call of the layer.
    if (slash == std::string::npos || slash == 0 ||
        !name.substr(slash).ends_with("kernel") ||
        !node.name.starts_with(name.substr(0, slash)))
      return false;
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

class KerasWriter : public LayerWriter {
 public:
  KerasWriter(const Graph& graph, std::vector<std::string>* changed)
      : graph_(graph),
        changed_(changed),
        keeps_slashes_(HasKerasNames(graph)),
        groups_(GroupNodes(graph)),
        found_(graph.nodes.size()),
        activations_(graph.nodes.size()) {
    for (size_t n = 0; n < groups_.size(); ++n) {
      if (groups_[n].empty()) continue;
      const NodeGroup group = GroupOf(graph, groups_[n]);
      found_[n] = FindLayerOf(group);
      if (group.name.find('/') != std::string::npos)
        activations_[n] = ActivationNameOf(group);
    }
  }

  OutModel Write() {
    for (size_t i = 0; i < graph_.inputs.size(); ++i) AddInput(i);
    for (size_t n = 0; n < groups_.size(); ++n) {
      if (groups_[n].empty()) continue;
      const Node& node = graph_.nodes[n];
      // An activation that its layer says.
      if (!node.outputs.empty() && layer_of_.contains(node.outputs[0]))
        continue;
      call_ = node.name;
      ForNode(node, [&] {
        if (found_[n].has_value())
          AddFound(*found_[n], GroupOf(graph_, groups_[n]));
      });
      if (found_[n].has_value()) continue;
      if (groups_[n].size() > 1 && changed_ != nullptr)
        changed_->push_back(node.name);
      for (const size_t member : groups_[n]) {
        call_ = node.name;
        ForNode(graph_.nodes[member], [&] {
          AddNode(graph_.nodes[member], member == n ? n : kNone_);
        });
      }
    }
    for (const TensorId id : graph_.outputs) {
      model_.outputs.push_back(LayerOf(id));
    }
    Recall();
    for (OutLayer& layer : model_.layers) {
      SetRegularizers(graph_, &layer);
      // Keras 3 takes no such name.
      if (layer.name.find('/') != std::string::npos) layer.generation = 2;
    }
    model_.name = graph_.name;
    model_.functional = graph_.functional;
    OutModel model = PutIntoNests(graph_, std::move(model_));
    SetReadAs(&model);
    return model;
  }

  OutLayer& Add(const char* class_name, const std::string& name,
                std::vector<OutTensor> inputs) override {
    OutLayer layer;
    layer.class_name = class_name;
    layer.row = FindLayerRow(class_name);
    layer.name = UniqueName(name, SnakeCase(class_name));
    layer.inputs = std::move(inputs);
    layer.call = call_;
    model_.layers.push_back(std::move(layer));
    return model_.layers.back();
  }

  OutTensor Last() const override {
    return {static_cast<int>(model_.layers.size()) - 1, 0};
  }

 private:
  static constexpr size_t kNone_ = static_cast<size_t>(-1);

  // What the file that the graph comes from said of the layers.
  void Recall() {
    const Memory memory(graph_);
    for (OutLayer& layer : model_.layers) {
      std::vector<TensorId> inputs;
      for (const OutTensor& input : layer.inputs) {
        const OutLayer& from = model_.layers[static_cast<size_t>(input.layer)];
        const auto output = static_cast<size_t>(input.output);
        if (output < from.gives.size() && from.gives[output] != kNoTensor)
          inputs.push_back(from.gives[output]);
      }
      if (!inputs.empty() && inputs.size() == layer.inputs.size())
        memory.Recall(inputs, &layer);
    }
  }

  // `id` is what the layer that was added last gives, or has its shape.
  void Give(TensorId id, int output = 0) {
    layer_of_[id] = {Last().layer, output};
    std::vector<TensorId>& gives = model_.layers.back().gives;
    gives.resize(std::max(gives.size(), static_cast<size_t>(output) + 1),
                 kNoTensor);
    gives[static_cast<size_t>(output)] = id;
  }

  // Calls `add`, naming the node in its errors.
  template <typename F>
  static void ForNode(const Node& node, F add) {
    try {
      add();
    } catch (const Error& error) {
      Fail(error.kind(), "node '{}' ({}): {}", node.name, node.op->name,
           error.what());
    }
  }

  // A name that both Kerases take for a layer (TensorFlow makes it a name
  // scope, Keras 3 forbids '/') and that no other layer has. Names that a Keras
  // has given are kept with their slashes.
  std::string UniqueName(const std::string& wanted,
                         const std::string& fallback) {
    const bool slashes = keeps_slashes_ && !in_group_;
    std::string name;
    for (const char c : wanted) {
      const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0 ||
                         c == '_' || c == '.' || c == '-' ||
                         (c == '/' && slashes);
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
    const bool integers = tensor.dtype == DType::kInt32;
    if ((tensor.dtype != DType::kFloat32 && !integers) ||
        tensor.shape.rank() < 1) {
      Fail(ErrorKind::kUnsupported,
           "input '{}' is {} {}; a Keras file takes a float32 or int32 batch",
           tensor.name, Name(tensor.dtype), tensor.shape.ToString());
    }
    const std::string& name =
        graph_.input_names.empty() ? tensor.name : graph_.input_names[i];
    Add("InputLayer", name, {}).config = InputLike(tensor).config;
    Give(id);
    model_.inputs.push_back(Last());
  }

  // The last node of the activation that was the layer's whose last node this
  // is, or kNone_: it alone reads it, under the name that the reader gives it.
  size_t OwnActivation(const Node& node) const {
    const TensorId output = node.outputs[0];
    const std::string prefix = ActivationNodeName(node.name, "");
    for (size_t n = 0; n < groups_.size(); ++n) {
      if (activations_[n].empty() ||
          graph_.nodes[n].name != prefix + activations_[n])
        continue;
      const NodeGroup group = GroupOf(graph_, groups_[n]);
      if (group.inputs != std::vector<TensorId>{output}) continue;
      int inside = 0;
      for (const Node* reader : group.nodes)
        inside += static_cast<int>(
            std::count(reader->inputs.begin(), reader->inputs.end(), output));
      return graph_.NumUses(output) == inside ? n : kNone_;
    }
    return kNone_;
  }

  // Whether the node is a step of a layer's by its name, and none itself.
  bool IsStep(const std::string& name) const {
    const size_t slash = name.rfind('/');
    if (slash == std::string::npos) return false;
    for (const char* step :
         {"channels_last", "channels_first", "forward_layer", "backward_layer"})
      if (name.substr(slash + 1) == step) return true;
    return std::any_of(graph_.nodes.begin(), graph_.nodes.end(),
                       [&](const Node& node) {
                         return node.name.size() == slash &&
                                name.starts_with(node.name) &&
                                !node.outputs.empty();
                       }) &&
           IsActivation(name.substr(slash + 1));
  }
  // By its name in the layer's.
  static bool IsActivation(const std::string& name) {
    for (const char* layer :
         {"ReLU", "LeakyReLU", "ELU", "PReLU", "Softmax", "ThresholdedReLU"})
      if (SnakeCase(layer) == name) return true;
    return IsActivationName(name);
  }

  // A layer of several nodes, or of one that has but one form.
  void AddFound(const FoundLayer& found, const NodeGroup& group) {
    in_group_ |= IsStep(group.name);
    std::vector<OutTensor> inputs;
    for (const TensorId id : found.inputs) inputs.push_back(LayerOf(id));
    OutLayer& layer = Add(found.row->class_name, group.name, std::move(inputs));
    layer.config = found.config;
    layer.weights = found.weights;
    layer.generation = found.generation;
    for (const TensorId id : found.inputs) {
      layer.input_shapes.push_back(graph_.tensor(id).shape.ToVector());
      layer.input_shapes.back()[0] = -1;
    }
    for (const auto& [key, value] : layer.config) {
      if (std::string_view(key) == "depth_multiplier" ||
          std::string_view(key) == "num_heads")
        layer.depth_multiplier = std::stoi(value.json());
    }
    for (const OutVariable& weight : layer.weights) {
      const Tensor& tensor = graph_.tensor(weight.id);
      RequireFloatData(tensor);
      layer.trainable &= tensor.kind != TensorKind::kConstant;
    }
    in_group_ = false;
    if (found.outputs.size() == 1) return Finish(group.last());
    // The first of those that are the same.
    for (size_t i = found.outputs.size(); i-- > 0;)
      Give(found.outputs[i], static_cast<int>(i));
  }

  // `root`: the node's place if it is not one of several that were a layer.
  void AddNode(const Node& node, size_t root) {
    in_group_ = root == kNone_ || groups_[root].size() > 1 || IsStep(node.name);
    if (node.inputs.empty() || node.outputs.empty())
      Fail(ErrorKind::kUnsupported, "no Keras layer does this");
    if (node.op->tflite.code < 0 && !node.op->in_keras()) {
      Fail(ErrorKind::kUnsupported,
           "no Keras layer does this; strip the training ops first");
    }
    NodeOut out{graph_, node, {}};
    TensorId constant = kNoTensor;
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const TensorId id = node.inputs[i];
      if (id == kNoTensor || node.op->OperandOf(i).role != Role::kData)
        continue;
      if (graph_.tensor(id).has_data()) {
        constant = id;
      } else {
        out.inputs.push_back(LayerOf(id));
      }
    }
    out.activation = FusedName(node);
    // An activation that was a layer by itself left its name (FuseActivation).
    if (graph_.tensor(node.outputs[0]).name != node.name)
      out.activation = "linear";
    const auto rows = LayerRows();
    if (out.inputs.empty() ||
        std::none_of(rows.begin(), rows.end(), [&](const LayerRow& row) {
          return row.write != nullptr && row.write(out, this);
        })) {
      // One of a layer's nodes may be a layer by itself.
      const NodeGroup alone =
          GroupOf(graph_, {static_cast<size_t>(&node - graph_.nodes.data())});
      if (const auto found = FindLayerOf(alone)) return AddFound(*found, alone);
      if (!out.inputs.empty() && WriteFunction(out, this))
        return FinishNode(node);
      if (constant != kNoTensor) LayerOf(constant);
      Fail(ErrorKind::kUnsupported, "no Keras layer does this");
    }
    FinishNode(node);
  }

  void FinishNode(const Node& node) {
    Finish(node);
    in_group_ = false;
  }

  std::string FusedName(const Node& node) const {
    const AttrValue* fused = FusedActivation(node);
    const auto activation =
        fused == nullptr ? kNone : static_cast<Activation>(fused->i);
    const char* name = ActivationName(activation);
    if (name == nullptr) {
      Fail(ErrorKind::kUnsupported,
           "its activation {} is none of linear, relu and relu6", fused->i);
    }
    return name;
  }

  // The activation of the layer whose last node this is, behind the layer that
  // was added last or said by it.
  void Finish(const Node& node) {
    OutLayer& layer = model_.layers.back();
    const std::string& output = graph_.tensor(node.outputs[0]).name;
    const bool by_itself = output != node.name;
    const std::string fused = FusedName(node);
    const bool says = layer.Says("activation");
    if (says && fused == "linear") {
      if (const size_t own = OwnActivation(node); own != kNone_) {
        for (auto& [key, value] : layer.config) {
          if (std::string_view(key) == "activation" &&
              value == ConfigValue("linear")) {
            value = activations_[own];
            layer.generation = KerasOfActivation(activations_[own]);
            Give(graph_.nodes[own].outputs[0]);
          }
        }
      }
    }
    Give(node.outputs[0]);
    if (fused != "linear" && (by_itself || !says)) {
      if (by_itself) call_ = output;
      AddActivation(static_cast<Activation>(FusedActivation(node)->i),
                    by_itself ? output : node.name + "_activation", Last(),
                    this);
    }
    for (size_t i = 0; i < node.outputs.size(); ++i)
      Give(node.outputs[i], static_cast<int>(i));
  }

  const Graph& graph_;
  std::vector<std::string>* changed_;
  const bool keeps_slashes_;
  bool in_group_ = false;
  std::vector<std::vector<size_t>> groups_;  // by the last node
  std::vector<std::optional<FoundLayer>> found_;
  std::vector<std::string> activations_;  // what Keras calls a group, or empty
  OutModel model_;
  std::string call_;  // what is being written, see OutLayer
  std::set<std::string> names_;
  std::map<TensorId, OutTensor> layer_of_;
};

}  // namespace

OutLayer InputLike(const Tensor& tensor) {
  OutLayer layer;
  layer.class_name = "InputLayer";
  layer.row = FindLayerRow(layer.class_name);
  std::vector<int32_t> dims = SampleDims(tensor.shape);
  dims.insert(dims.begin(), -1);
  layer.Set("batch_input_shape", std::move(dims));
  layer.Set("dtype", Name(tensor.dtype));
  return layer;
}

OutModel ToKeras(const Graph& graph, std::vector<std::string>* changed) {
  VerifyStructure(graph);
  return KerasWriter(graph, changed).Write();
}

// Graphs of older versions have a constant bias of zeros where a trained kernel
// has none.
void SetWeights(const NodeOut& node, TensorId kernel, TensorId bias,
                OutLayer* layer) {
  const Tensor& weights = node.graph.tensor(kernel);
  RequireFloatData(weights);
  layer->trainable = weights.kind == TensorKind::kParameter;
  std::vector<TensorId> ids = {kernel, kNoTensor};
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
    if (counts) ids[1] = bias;
  }
  layer->Set("use_bias", ids[1] != kNoTensor);
  SetVariables(node, ids, layer);
}

void SetVariables(const NodeOut& node, std::vector<TensorId> variables,
                  OutLayer* layer) {
  for (size_t i = 0; i < variables.size(); ++i) {
    if (variables[i] == kNoTensor) continue;
    RequireFloatData(node.graph.tensor(variables[i]));
    layer->weights.push_back({variables[i], "", &layer->row->variables[i]});
  }
}

namespace {

// What the readers call a variable of the layer. One of a layer in the layer
// was found by the name that it has.
std::string NameInGraph(const Graph& graph, const OutLayer& layer,
                        const OutVariable& weight) {
  if (!weight.part.empty()) return graph.tensor(weight.id).name;
  return layer.read_as + "/" + weight.variable->name;
}

}  // namespace

bool KeepsWeightNames(const Graph& graph, const OutModel& model) {
  bool keeps = true;
  ForEachLayer(model, [&](const OutLayer& layer) {
    keeps = keeps && (layer.weights.empty() ||
                      graph.tensor(layer.weights[0].id).name ==
                          NameInGraph(graph, layer, layer.weights[0]));
  });
  return keeps;
}

void AddVariableDataset(const Graph& graph, const OutLayer& layer,
                        const OutVariable& weight, const std::string& path,
                        H5Image* image) {
  const Tensor& tensor = graph.tensor(weight.id);
  const bool is_matrix = !weight.dims.empty();
  const Layout layout =
      is_matrix
          ? (tensor.shape.rank() == 2 ? Layout::kOutputLast : Layout::kPlain)
          : weight.variable->layout;
  const std::vector<int32_t> laid_out =
      ToKerasDims(layout, tensor.shape, layer.depth_multiplier);
  const std::vector<int32_t>& dims = is_matrix ? weight.dims : laid_out;
  if (IsCopied(layout)) {
    image->AddDataset(path, DType::kFloat32, dims,
                      {tensor.data.data(), tensor.data.size()});
    return;
  }
  std::vector<float> values(static_cast<size_t>(tensor.shape.NumElements()));
  ToKerasLayout(layout, laid_out, tensor.As<float>(), values);
  image->AddDataset(path, DType::kFloat32, dims,
                    std::as_bytes(std::span<const float>(values)));
}

void AddOurGraph(const Graph& full, const Graph& plain, const OutModel* model,
                 H5Image* image) {
  std::vector<StoredTensor> stored;  // by the names that the readers give them
  const auto store = [&](const OutLayer& layer) {
    for (const OutVariable& weight : layer.weights)
      stored.push_back(
          {NameInGraph(plain, layer, weight), &plain.tensor(weight.id)});
  };
  if (model != nullptr) ForEachLayer(*model, store);
  AddGraph(full, stored, image);
}

}  // namespace litesmith
