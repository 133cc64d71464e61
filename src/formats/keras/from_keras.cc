// Builds the calls of a Keras model, each after what it reads.
#include "src/formats/keras/from_keras.h"

#include <algorithm>
#include <set>

#include "src/base/check.h"
#include "src/base/error.h"
#include "src/base/warning.h"
#include "src/formats/keras/layer.h"
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
        started_(model.calls.size()) {
    const auto use = [&](const KerasTensor& tensor) {
      std::vector<int>& uses = uses_[tensor.call];
      uses.resize(std::max(uses.size(), tensor.output + 1));
      ++uses[tensor.output];
    };
    std::vector<int> calls(model.layers.size());
    for (const KerasCall& call : model.calls) {
      ++calls[call.layer];
      for (const KerasTensor& input : call.inputs) use(input);
    }
    for (const KerasTensor& output : model.outputs) use(output);
    for (size_t l = 0; l < calls.size(); ++l) RequireOneCall(l, calls[l]);
  }

  Graph Build() {
    // The graph's inputs come in the model's order, wherever they are listed.
    for (const KerasTensor& input : model_.inputs) Visit(input.call);
    for (size_t c = 0; c < model_.calls.size(); ++c) Visit(c);
    for (const KerasTensor& output : model_.outputs) {
      graph_.outputs.push_back(IdOf(output));
      graph_.output_names.push_back(model_.calls[output.call].path);
    }
    if (graph_.inputs.size() != model_.inputs.size()) {
      Fail(ErrorKind::kCorrupt, "it has {} InputLayers and {} inputs",
           graph_.inputs.size(), model_.inputs.size());
    }
    VerifyStructure(graph_);
    return std::move(graph_);
  }

 private:
  // Weights that two nodes read are not trained together.
  void RequireOneCall(size_t layer, int calls) const {
    const KerasLayer& it = model_.layers[layer];
    if (calls <= 1 || FindLayerRow(it.class_name)->variables.empty()) return;
    Fail(ErrorKind::kUnsupported,
         "layer '{}': it is called {} times; once is supported of a layer with "
         "weights",
         it.name, calls);
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
      for (const KerasTensor& input : call.inputs) {
        if (!outputs_[input.call].empty()) continue;
        stack.push_back(input.call);
        ready = false;
      }
      if (ready) {
        outputs_[c] = BuildCall(call);
        stack.pop_back();
      } else if (started_[c]) {
        Fail(ErrorKind::kCorrupt, "layer '{}': it feeds itself", call.path);
      } else {
        started_[c] = true;
      }
    }
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

  std::vector<TensorId> BuildCall(const KerasCall& call) {
    const KerasLayer& layer = model_.layers[call.layer];
    try {
      const LayerRow* row = FindLayerRow(layer.class_name);
      LS_CHECK(row != nullptr);  // RequireKnownLayers was first
      std::vector<TensorId> inputs;
      bool shared = false;
      for (const KerasTensor& input : call.inputs) {
        inputs.push_back(IdOf(input));
        if (inputs.size() > 1) continue;
        shared = uses_[input.call][input.output] > 1 ||
                 shared_.count(inputs[0]) != 0;
      }
      LayerIn in{*row,       *layer.config, call.path,
                 inputs,     shared,        layer.trainable,
                 call.layer, variables_,    &graph_};
      std::vector<TensorId> outputs = row->build(&in);
      LS_CHECK(!outputs.empty());
      AddActivation(call.path, *layer.config, inputs, &outputs);
      variables_.RequireCount(call.layer, in.num_variables);
      if (shared) PassSharing(inputs[0], outputs[0]);
      return outputs;
    } catch (const Error& error) {
      Fail(error.kind(), "layer '{}': {}", call.path, error.what());
    }
  }

  // An activation that is an op: of a layer that is only that it has the name,
  // of another one its own behind the layer's.
  void AddActivation(const std::string& layer, const Json& config,
                     const std::vector<TensorId>& inputs,
                     std::vector<TensorId>* outputs) {
    const ActivationOp* const own = ActivationOpOf(config);
    if (own == nullptr) return;
    const std::string name =
        *outputs == inputs ? layer : ActivationNodeName(layer, own->name);
    *outputs = AddActivationOp(own->op, name, outputs->front(), &graph_);
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
  std::vector<bool> started_;
  std::set<TensorId> shared_;
};

}  // namespace

Graph FromKeras(const KerasModel& model, const Variables& variables,
                const std::string& path) {
  Graph graph = Builder(model, variables).Build();
  if (!model.left_out.empty()) {
    Warn(
        "{}: regularizers and constraints do not act in training here and "
        "are not kept in files: {}",
        path, model.left_out);
  }
  return graph;
}

}  // namespace litesmith
