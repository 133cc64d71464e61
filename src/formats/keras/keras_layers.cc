#include "src/formats/keras/keras_layers.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <set>

#include "src/base/error.h"
#include "src/formats/keras/layer_parts.h"
#include "src/graph/op_def.h"
#include "src/ops/layer/conv_2d.h"
#include "src/ops/layer/fully_connected.h"
#include "src/ops/pool/pool_2d.h"
#include "src/ops/registry.h"
#include "src/ops/train/train.h"

namespace litesmith {
namespace {

using Ordered = nlohmann::ordered_json;

// What Keras calls the activation; null for what it has no name for.
const char* ActivationName(int64_t activation) {
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
// '<layer>/kernel', and not the paths of operations that TensorFlow writes.
bool HasKerasNames(const Graph& graph) {
  bool any = false;
  for (const Node& node : graph.nodes) {
    if (node.op->Find(Role::kWeight) < 0) continue;
    const TensorId weights =
        node.inputs[static_cast<size_t>(node.op->Find(Role::kWeight))];
    if (graph.tensor(weights).name != node.name + "/kernel") return false;
    any = true;
  }
  return any;
}

class Writer {
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
    model_.is_chain =
        model_.inputs.size() == 1 && model_.outputs.size() == 1 &&
        model_.outputs[0] == static_cast<int>(model_.layers.size()) - 1;
    for (size_t i = 0; i < model_.layers.size(); ++i) {
      model_.is_chain &= model_.layers[i].input == static_cast<int>(i) - 1;
    }
    return std::move(model_);
  }

 private:
  // A name that both Kerases take for a layer (TensorFlow makes it a name
  // scope, Keras 3 forbids '/') and that no other layer has. Names that a Keras
  // has given are kept with their slashes.
  std::string UniqueName(const std::string& wanted, const char* fallback) {
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

  OutLayer& AddLayer(const char* class_name, const std::string& name,
                     const char* fallback, int input) {
    OutLayer layer;
    layer.class_name = class_name;
    layer.name = UniqueName(name, fallback);
    layer.input = input;
    layer.config = {{"name", layer.name}, {"trainable", true}};
    layer.config["dtype"] = "float32";
    model_.layers.push_back(std::move(layer));
    return model_.layers.back();
  }

  int LastLayer() const { return static_cast<int>(model_.layers.size()) - 1; }

  int LayerOf(TensorId id) const {
    const auto it = layer_of_.find(id);
    if (it == layer_of_.end()) {
      Fail(ErrorKind::kUnsupported,
           "tensor '{}' is a constant where Keras takes a layer's output",
           graph_.tensor(id).name);
    }
    return it->second;
  }

  static std::vector<int32_t> SampleDims(const Shape& shape) {
    const auto dims = shape.dims();
    return dims.empty() ? std::vector<int32_t>()
                        : std::vector<int32_t>(dims.begin() + 1, dims.end());
  }

  void AddInput(size_t i) {
    const TensorId id = graph_.inputs[i];
    const Tensor& tensor = graph_.tensor(id);
    if (tensor.dtype != DType::kFloat32 || tensor.shape.rank() < 1) {
      Fail(ErrorKind::kUnsupported,
           "input '{}' is {} {}; a Keras file takes a float32 batch",
           tensor.name, Name(tensor.dtype), tensor.shape.ToString());
    }
    Ordered shape = Ordered::array({nullptr});
    for (const int32_t dim : SampleDims(tensor.shape)) shape.push_back(dim);
    const std::string& name =
        graph_.input_names.empty() ? tensor.name : graph_.input_names[i];
    OutLayer& layer = AddLayer("InputLayer", name, "input", -1);
    layer.config = {{"batch_input_shape", std::move(shape)},
                    {"dtype", "float32"},
                    {"sparse", false},
                    {"ragged", false},
                    {"name", layer.name}};
    layer_of_[id] = LastLayer();
    model_.inputs.push_back(LastLayer());
  }

  void AddNode(const Node& node) {
    if (node.op->tflite.code < 0 && !node.op->in_keras()) {
      Fail(ErrorKind::kUnsupported,
           "no Keras layer does this; strip the training ops first");
    }
    const int input = LayerOf(node.inputs[0]);
    if (node.op == &kConv2D) {
      AddConv2D(node, input);
    } else if (node.op == &kFullyConnected) {
      AddDense(node, input);
    } else if (node.op == &kMaxPool2D) {
      AddMaxPooling2D(node, input);
    } else if (node.op == &kReshape) {
      AddReshape(node, input);
    } else if (node.op == &kDropout) {
      AddDropout(node, input);
    } else {
      Fail(ErrorKind::kUnsupported, "no Keras layer does this");
    }
    layer_of_[node.outputs[0]] = LastLayer();
  }

  static const char* Activation(const Node& node) {
    const AttrValue* const fused = FusedActivation(node);
    LS_CHECK(fused != nullptr);
    const int64_t activation = fused->i;
    const char* name = ActivationName(activation);
    if (name == nullptr) {
      Fail(ErrorKind::kUnsupported,
           "its activation {} is none of linear, relu and relu6", activation);
    }
    return name;
  }

  void CheckFloatWeight(TensorId id) const {
    const Tensor& tensor = graph_.tensor(id);
    if (tensor.dtype != DType::kFloat32 || !tensor.has_data()) {
      Fail(ErrorKind::kUnsupported,
           "its weight '{}' is a {} {}; a Keras file holds float32 data",
           tensor.name, Name(tensor.dtype), Name(tensor.kind));
    }
  }

  // Sets kernel and bias (of rank 1, as Keras has it), and whether they are
  // trained. Graphs of older versions have a constant bias of zeros where a
  // trained kernel has none.
  void SetWeights(const Node& node, OutLayer* layer) const {
    CheckFloatWeight(node.inputs[1]);
    layer->kernel = node.inputs[1];
    const bool trainable =
        graph_.tensor(layer->kernel).kind == TensorKind::kParameter;
    const TensorId bias = node.input(2);
    bool use_bias = bias != kNoTensor;
    if (use_bias) {
      CheckFloatWeight(bias);
      const Tensor& tensor = graph_.tensor(bias);
      if (tensor.shape.rank() != 1) {
        Fail(ErrorKind::kUnsupported, "its bias has the shape {}",
             tensor.shape.ToString());
      }
      const auto values = tensor.As<float>();
      use_bias = !trainable || tensor.kind != TensorKind::kConstant ||
                 std::any_of(values.begin(), values.end(),
                             [](float v) { return v != 0; });
    }
    if (use_bias) layer->bias = bias;
    layer->config["use_bias"] = use_bias;
    layer->config["trainable"] = trainable;
  }

  void AddConv2D(const Node& node, int input) {
    OutLayer& layer = AddLayer("Conv2D", node.name, "conv2d", input);
    const Shape& filter = graph_.tensor(node.inputs[1]).shape;
    const Shape& x = graph_.tensor(node.inputs[0]).shape;
    layer.config.update({
        {"filters", filter[0]},
        {"kernel_size", {filter[1], filter[2]}},
        {"strides",
         {node.Get<&Conv2DAttrs::stride_h>(),
          node.Get<&Conv2DAttrs::stride_w>()}},
        {"padding",
         node.Get<&Conv2DAttrs::padding>() == kSame ? "same" : "valid"},
        {"data_format", "channels_last"},
        {"dilation_rate",
         {node.Get<&Conv2DAttrs::dilation_h>(),
          node.Get<&Conv2DAttrs::dilation_w>()}},
        {"groups", x[3] / filter[3]},
        {"activation", Activation(node)},
    });
    SetWeights(node, &layer);
  }

  void AddDense(const Node& node, int input) {
    const Shape& x = graph_.tensor(node.inputs[0]).shape;
    const Shape& weights = graph_.tensor(node.inputs[1]).shape;
    if (x.rank() != 2 && !node.Get<&FullyConnectedAttrs::keep_num_dims>()) {
      // TFLite flattens here by itself; Keras would map the last dimension.
      if (x.rank() < 2 || x.NumElementsPerSample() != weights[1]) {
        Fail(ErrorKind::kUnsupported,
             "its input {} does not keep the batch in front", x.ToString());
      }
      AddLayer("Flatten", node.name + "_flatten", "flatten", input)
          .config["data_format"] = "channels_last";
      input = LastLayer();
    }
    OutLayer& layer = AddLayer("Dense", node.name, "dense", input);
    layer.config["units"] = weights[0];
    layer.config["activation"] = Activation(node);
    SetWeights(node, &layer);
  }

  void AddMaxPooling2D(const Node& node, int input) {
    OutLayer& layer =
        AddLayer("MaxPooling2D", node.name, "max_pooling2d", input);
    layer.config.update({
        {"pool_size",
         {node.Get<&Pool2DAttrs::filter_h>(),
          node.Get<&Pool2DAttrs::filter_w>()}},
        {"padding",
         node.Get<&Pool2DAttrs::padding>() == kSame ? "same" : "valid"},
        {"strides",
         {node.Get<&Pool2DAttrs::stride_h>(),
          node.Get<&Pool2DAttrs::stride_w>()}},
        {"data_format", "channels_last"},
    });
    if (node.Get<&Pool2DAttrs::activation>() == kNone) return;
    const char* activation = Activation(node);
    AddLayer("Activation", node.name + "_activation", "activation", LastLayer())
        .config["activation"] = activation;
  }

  void AddDropout(const Node& node, int input) {
    OutLayer& layer = AddLayer("Dropout", node.name, "dropout", input);
    // The shortest decimal of the float: 0.3, and not the double beside it.
    layer.config["rate"] =
        std::stod(fmt::format("{}", node.Get<&DropoutAttrs::rate>()));
    const std::vector<int32_t> noise = node.Get<&DropoutAttrs::noise_shape>();
    Ordered dims = Ordered::array();
    for (const int32_t dim : noise)
      dims.push_back(dim == dropout::kWholeDimension ? Ordered()
                                                     : Ordered(dim));
    layer.config["noise_shape"] = noise.empty() ? Ordered() : std::move(dims);
    layer.config["seed"] = node.Get<&DropoutAttrs::has_seed>()
                               ? Ordered(node.Get<&DropoutAttrs::seed>())
                               : Ordered();
  }

  void AddReshape(const Node& node, int input) {
    const Shape& x = graph_.tensor(node.inputs[0]).shape;
    const Shape& y = graph_.tensor(node.outputs[0]).shape;
    if (x.rank() < 1 || y.rank() < 1 || x[0] != y[0] ||
        x.NumElementsPerSample() != y.NumElementsPerSample()) {
      Fail(ErrorKind::kUnsupported, "{} to {} does not keep the batch in front",
           x.ToString(), y.ToString());
    }
    if (y.rank() == 2) {
      AddLayer("Flatten", node.name, "flatten", input).config["data_format"] =
          "channels_last";
    } else {
      AddLayer("Reshape", node.name, "reshape", input).config["target_shape"] =
          SampleDims(y);
    }
  }

  const Graph& graph_;
  const bool keeps_slashes_;
  OutModel model_;
  std::set<std::string> names_;
  std::map<TensorId, int> layer_of_;
};

}  // namespace

OutModel LayersFromGraph(const Graph& graph) { return Writer(graph).Write(); }

}  // namespace litesmith
