// Builds the calls of a Keras model, each after what it reads.
#include "src/formats/keras/from_keras.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>

#include "src/base/check.h"
#include "src/base/error.h"
#include "src/base/warning.h"
#include "src/formats/keras/layer.h"
#include "src/formats/keras/lstm.h"
#include "src/formats/keras/mask_arguments.h"
#include "src/formats/keras/said.h"
#include "src/formats/keras/unknown_layers.h"
#include "src/formats/keras/wrappers.h"
#include "src/formats/unknown_op.h"
#include "src/graph/op_def.h"

namespace litesmith {
namespace {

class Builder {
 public:
  Builder(const KerasModel& model, const Variables& variables)
      : model_(model),
        variables_(variables),
        uses_(model.calls.size()),
        outputs_(model.calls.size()),
        masks_(model.calls.size()),
        started_(model.calls.size()),
        tensors_(model.layers.size()),
        given_(model) {
    const auto use = [&](const KerasTensor& tensor) {
      std::vector<int>& uses = uses_[tensor.call];
      uses.resize(std::max(uses.size(), tensor.output + 1));
      ++uses[tensor.output];
    };
    for (const KerasCall& call : model.calls) {
      for (const KerasTensor& input : call.tensors) use(input);
    }
    for (const KerasTensor& output : model.outputs) use(output);
  }

  Graph Build() {
    // The graph's inputs come in the model's order, wherever they are listed.
    for (const KerasTensor& input : model_.inputs) Visit(input.call);
    for (size_t c = 0; c < model_.calls.size(); ++c) {
      if (!given_.ForMasksAlone(c) || model_.to_look_at) Visit(c);
    }
    for (const KerasTensor& output : model_.outputs)
      graph_.outputs.push_back(IdOf(output));
    for (const TensorId id : graph_.outputs) {
      if (steps_first_.count(id) != 0)
        Fail(ErrorKind::kUnsupported,
             "output '{}' has steps in front of the batch (time_major)",
             graph_.tensor(id).name);
    }
    if (graph_.inputs.size() != model_.inputs.size() && !model_.to_look_at) {
      Fail(ErrorKind::kCorrupt, "it has {} InputLayers and {} inputs",
           graph_.inputs.size(), model_.inputs.size());
    }
    graph_.input_names = model_.input_names;
    graph_.output_names = model_.output_names;
    if (model_.to_look_at) {
      graph_.input_names.clear();
      return std::move(graph_);
    }
    for (size_t l = 0; l < model_.layers.size(); ++l) RequireAllFound(l);
    VerifyStructure(graph_);
    return SplitLstms(graph_);
  }

 private:
  void RequireAllFound(size_t l) const {
    const KerasLayer& layer = model_.layers[l];
    if (!layer.wrapper.class_name.empty() || layer.group.empty()) return;
    try {
      variables_.RequireAllFound(l, tensors_[l].found);
    } catch (const Error& error) {
      Fail(error.kind(), "layer '{}': {}", layer.label, error.what());
    }
  }

  // Builds the call and, before it, what it reads. Iterative: a chain may be
  // long.
  void Visit(size_t wanted) {
    std::vector<size_t> stack = {wanted};
    while (!stack.empty()) {
      const size_t c = stack.back();
      const KerasCall& call = model_.calls[c];
      if (!outputs_[c].empty()) {
        stack.pop_back();
        continue;
      }
      bool ready = true;
      const auto want = [&](const KerasTensor& input) {
        if (!outputs_[input.call].empty()) return;
        stack.push_back(input.call);
        ready = false;
      };
      for (size_t t = 0; t < call.tensors.size(); ++t) {
        if (!given_.IsMask(c, t)) want(call.tensors[t]);
      }
      // What a mask is of is known by now.
      const char stage = ready ? 2 : 1;
      if (ready) {
        for (const MaskArgument& mask : given_.Of(c)) {
          if (model_.to_look_at || !IsOwnMask(call, mask))
            want(call.tensors[mask.place]);
        }
      }
      if (ready) {
        outputs_[c] = model_.to_look_at ? LookAtCall(c) : BuildCall(c);
        stack.pop_back();
      } else if (started_[c] >= stage) {
        Fail(ErrorKind::kCorrupt, "layer '{}': it feeds itself", call.path);
      } else {
        started_[c] = stage;
      }
    }
  }

  // The call as far as it can be built; else a node that has nothing but its
  // layer's class, its inputs and what the file holds of its weights.
  std::vector<TensorId> LookAtCall(size_t c) {
    const KerasCall& call = model_.calls[c];
    bool known = FindLayerRow(model_.layers[call.layer].class_name) != nullptr;
    for (const KerasTensor& input : call.tensors)
      known = known && unknown_.count(IdOf(input)) == 0;
    const size_t nodes = graph_.nodes.size();
    const size_t tensors = graph_.tensors.size();
    const LayerTensors before = tensors_[call.layer];
    try {
      if (known) return BuildCall(c);
    } catch (const Error&) {
      graph_.nodes.resize(nodes);
      graph_.tensors.resize(tensors);
      tensors_[call.layer] = before;
    }
    return NameCall(call, std::max<size_t>(1, uses_[c].size()));
  }

  std::vector<TensorId> NameCall(const KerasCall& call, size_t num_outputs) {
    const KerasLayer& layer = model_.layers[call.layer];
    std::vector<TensorId> inputs;
    for (const KerasTensor& input : call.tensors) inputs.push_back(IdOf(input));
    const OpDef& op = UnknownOp(layer.class_name, inputs.size());
    std::vector<TensorId>& weights = weights_[call.layer];
    if (weights.empty()) {
      for (const auto& [name, data] : variables_.All(call.layer)) {
        Tensor tensor;
        tensor.name = layer.label + "/" + name;
        tensor.kind = TensorKind::kParameter;
        std::vector<int32_t> dims(data->dims.begin(), data->dims.end());
        if (dims.size() > Shape::kMaxRank) dims = {-1};
        tensor.shape = Shape(dims);
        tensor.data = TensorData(data->bytes);
        if (data->dtype == DType::kFloat32 && dims.size() == data->dims.size())
          weights.push_back(graph_.AddTensor(std::move(tensor)));
      }
    }
    inputs.insert(inputs.end(), weights.begin(), weights.end());
    std::vector<std::string> names = {call.path};
    while (names.size() < num_outputs)
      names.push_back(fmt::format("{}:{}", call.path, names.size()));
    Node& node = graph_.AddNode(op, call.path, std::move(inputs), names);
    for (const TensorId id : node.outputs) {
      graph_.tensor(id).shape = Shape{kDynamic};
      unknown_.insert(id);
    }
    return node.outputs;
  }

  TensorId IdOf(const KerasTensor& tensor) const {
    const std::vector<TensorId>& outputs = outputs_[tensor.call];
    if (tensor.output >= outputs.size()) {
      Fail(ErrorKind::kCorrupt,
           "output {} of layer '{}' is read, which has {} of them",
           tensor.output, model_.calls[tensor.call].path, outputs.size());
    }
    return outputs[tensor.output];
  }

  MaskPtr MaskOfTensor(const KerasTensor& tensor) const {
    const std::vector<MaskPtr>& masks = masks_[tensor.call];
    return tensor.output < masks.size() ? masks[tensor.output] : nullptr;
  }

  // Whether the mask that the call is given is the one that its input brings.
  bool IsOwnMask(const KerasCall& call, const MaskArgument& mask) const {
    return MaskOfTensor(call.tensors[mask.of]) != nullptr &&
           given_.IsOfKeras(call.tensors[mask.place].call);
  }

  // The masks of the outputs that the call has built.
  std::vector<MaskPtr> MasksBehind(const LayerIn& in) const {
    if (in.handed_on.has_value()) return *in.handed_on;
    if (in.masks.empty() || !HandsMaskOn(in.row.class_name, model_.generation))
      return {};
    return {in.masks[0]};
  }

  std::vector<TensorId> BuildCall(size_t c) {
    const KerasCall& call = model_.calls[c];
    const KerasLayer& layer = model_.layers[call.layer];
    try {
      const LayerRow* row = FindLayerRow(layer.class_name);
      LS_CHECK(row != nullptr);  // RequireKnownLayers was first
      std::vector<TensorId> all;
      for (size_t t = 0; t < call.tensors.size(); ++t) {
        const bool there =
            !given_.IsMask(c, t) || !outputs_[call.tensors[t].call].empty();
        all.push_back(there ? IdOf(call.tensors[t]) : kNoTensor);
      }
      const std::vector<TensorId> inputs(
          all.begin(), all.begin() + static_cast<ptrdiff_t>(call.inputs));
      const bool shared =
          !inputs.empty() &&
          (uses_[call.tensors[0].call][call.tensors[0].output] > 1 ||
           shared_.count(inputs[0]) != 0);
      LayerIn in{*row,    *layer.config,        call.path, layer.label, inputs,
                 &graph_, &tensors_[call.layer]};
      in.variables = &variables_;
      in.layer = call.layer;
      in.generation = model_.generation;
      in.trainable = layer.trainable;
      in.input_shared = shared;
      in.args = call.args.get();
      in.kwargs = call.kwargs.get();
      in.all = std::move(all);
      for (const KerasTensor& tensor : call.tensors)
        in.masks.push_back(MaskOfTensor(tensor));
      for (const MaskArgument& mask : given_.Of(c)) {
        in.keywords_read.insert(mask.keyword);
        if (!IsOwnMask(call, mask))
          in.masks[mask.of] = GivenMask(in.all[mask.place]);
      }
      const size_t first = graph_.nodes.size();
      SetStepsFirst(&in);
      std::vector<TensorId> outputs = row->build(&in);
      if (in.gives_steps_first) MarkStepsFirst(outputs);
      LS_CHECK(!outputs.empty());
      CheckArguments(in, first);
      if (!layer.wrapper.class_name.empty())
        outputs = ApplyWrapper(layer.wrapper, in, first, std::move(outputs));
      if (shared) PassSharing(inputs[0], outputs[0]);
      if (layer.wrapper.class_name != "SpectralNormalization")
        masks_[c] = MasksBehind(in);
      return outputs;
    } catch (const Error& error) {
      Fail(error.kind(), "layer '{}': {}", call.path, error.what());
    }
  }

  // Says which inputs have their steps in front in Keras, of layers that ask
  // for it, and of those for which places do not matter in front of the
  // features. Throws Error{unsupported} for others.
  void SetStepsFirst(LayerIn* in) const {
    const auto has = [&](TensorId id) { return steps_first_.count(id) != 0; };
    if (std::none_of(in->inputs.begin(), in->inputs.end(), has)) return;
    in->steps_first = has(in->inputs[0]);
    const std::string_view name = in->row.class_name;
    for (const char* asks : {"SimpleRNN", "GRU", "LSTM", "RNN", "Bidirectional",
                             "operation Transpose", "operation GetItem"}) {
      if (name == asks) return;
    }
    for (const char* any :
         {"Dense", "Activation", "ReLU", "LeakyReLU", "ELU", "Dropout",
          "GaussianNoise", "GaussianDropout", "AlphaDropout", "Rescaling",
          "Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"}) {
      if (name != any ||
          !std::all_of(in->inputs.begin(), in->inputs.end(), has))
        continue;
      in->gives_steps_first = true;
      return;
    }
    Fail(ErrorKind::kUnsupported,
         "it reads steps in front of the batch (time_major), which recurrent "
         "layers, Dense, activations and sums do; transpose them back before");
  }

  void MarkStepsFirst(const std::vector<TensorId>& outputs) {
    for (const TensorId id : outputs)
      if (graph_.tensor(id).shape.rank() > 2) steps_first_.insert(id);
  }

  // Whether the layer, whose nodes are those from `first` on, does something
  // else in training.
  bool ActsInTraining(size_t first) const {
    return std::any_of(graph_.nodes.begin() + static_cast<ptrdiff_t>(first),
                       graph_.nodes.end(), [](const Node& node) {
                         return node.op->training != nullptr;
                       });
  }

  // Throws Error{unsupported} for arguments of the call that the row has not
  // asked for. Keras writes every argument that was given, also those that say
  // nothing: Keras 3 training=false where nothing was said.
  void CheckArguments(const LayerIn& in, size_t first) const {
    if (in.kwargs != nullptr) {
      for (const auto& [key, value] : in.kwargs->items()) {
        if (in.keywords_read.count(key) != 0) continue;
        // What functions of TensorFlow are given without a word of the user's.
        if (std::string_view(in.row.class_name).starts_with(kOperationClass) &&
            (key == "name" || value == false))
          continue;
        if (key == "training" && (!ActsInTraining(first) || value == false))
          continue;
        Fail(ErrorKind::kUnsupported,
             "it is called with {}={}, which is not supported", key,
             JsonShown(value));
      }
    }
    if (in.args == nullptr || in.literals_read) return;
    for (const Json& arg : *in.args) {
      if (arg.is_null() || arg.is_object() || arg.is_array()) continue;
      Fail(ErrorKind::kUnsupported, "it is called with {}, which is no tensor",
           JsonShown(arg));
    }
  }

  // A layer that passes its input on passes its other readers on too, and so
  // does a dropout: an activation behind it goes in front of both.
  void PassSharing(TensorId input, TensorId output) {
    const NodeId producer = graph_.Producer(output);
    if (output == input ||
        (producer >= 0 && graph_.node(producer).op->only_in_training())) {
      shared_.insert(output);
    }
  }

  const KerasModel& model_;
  const Variables& variables_;
  Graph graph_;
  std::vector<std::vector<int>> uses_;          // of each call's outputs
  std::vector<std::vector<TensorId>> outputs_;  // by call; empty: not built yet
  std::vector<std::vector<MaskPtr>> masks_;     // likewise
  std::vector<char> started_;  // 1: on its inputs, 2: on its masks
  std::set<TensorId> shared_;
  std::set<TensorId> steps_first_;     // see LayerIn
  std::vector<LayerTensors> tensors_;  // by layer
  MaskArguments given_;
  // Of a graph to look at: outputs whose shapes nobody knows, and the weights
  // of layers that were not built.
  std::set<TensorId> unknown_;
  std::map<size_t, std::vector<TensorId>> weights_;
};

}  // namespace

Graph FromKeras(const KerasModel& model, const Variables& variables,
                const std::string& path) {
  Graph graph = Builder(model, variables).Build();
  graph.name = model.name;
  graph.functional = model.functional;
  graph.said_of_layers = SaidOfLayers(model);
  if (!model.left_out.empty()) {
    Warn(
        "{}: constraints and regularizers other than L1 and L2 of weights are "
        "kept in Keras files, but do not act in training here: {}",
        path, model.left_out);
  }
  return graph;
}

}  // namespace litesmith
