// Models in models as one list of calls.
#include <map>
#include <set>
#include <string>
#include <vector>

#include "src/base/error.h"
#include "src/formats/keras/model_tree.h"

namespace litesmith {
namespace {

// Models in models that are called often grow like powers.
constexpr size_t kMaxCalls = 100'000;

// One call of a model: the calls of its layers, and of the models in it.
struct Instance {
  const ModelTree* tree;
  const TreeEntry* entry;  // that it is a call of; null: the whole model
  size_t call;             // which
  int around;              // the instance that calls it
  // By entry and call: in KerasModel::calls, or in the list of instances.
  std::vector<std::vector<size_t>> calls;
};

class Flattener {
 public:
  explicit Flattener(KerasModel* model) : model_(model) {}

  void Run(const ModelTree& tree) {
    // A label is a name for the layer's first call alone.
    for (const KerasLayer& layer : model_->layers) names_.insert(layer.label);
    called_.resize(model_->layers.size());
    Allocate(tree, nullptr, 0, -1);
    for (size_t i = 0; i < instances_.size(); ++i) Connect(i);
    for (size_t i = 1; i < instances_.size(); ++i) AddNest(i);
    Ends(tree, tree.inputs, tree.input_names, false, &model_->inputs,
         &model_->input_names);
    Ends(tree, tree.outputs, tree.output_names, true, &model_->outputs,
         &model_->output_names);
  }

 private:
  // Gives every call of the model a place and returns the instance's.
  size_t Allocate(const ModelTree& tree, const TreeEntry* of, size_t call,
                  int around) {
    const size_t place = instances_.size();
    instances_.push_back({&tree, of, call, around, {}});
    std::vector<std::vector<size_t>> calls(tree.entries.size());
    for (size_t e = 0; e < tree.entries.size(); ++e) {
      const TreeEntry& entry = tree.entries[e];
      for (size_t c = 0; c < entry.calls.size(); ++c) {
        if (model_->calls.size() + instances_.size() > kMaxCalls) {
          Fail(ErrorKind::kUnsupported, "it calls layers more than {} times",
               kMaxCalls);
        }
        calls[e].push_back(
            entry.model != nullptr
                ? Allocate(*entry.model, &entry, c, static_cast<int>(place))
                : AddCall(entry, c));
      }
    }
    instances_[place].calls = std::move(calls);
    return place;
  }

  size_t AddCall(const TreeEntry& entry, size_t c) {
    KerasCall call;
    call.layer = entry.layer;
    call.path = model_->layers[entry.layer].label;
    if (called_[entry.layer]++ > 0) {
      std::string name;
      for (int i = called_[entry.layer] - 1;
           !names_.insert(name = call.path + "_" + std::to_string(i)).second;)
        ++i;
      call.path = name;
    }
    call.inputs = entry.calls[c].inputs;
    call.args = entry.calls[c].args;
    call.kwargs = entry.calls[c].kwargs;
    model_->calls.push_back(std::move(call));
    return model_->calls.size() - 1;
  }

  void Connect(size_t instance) {
    const ModelTree& tree = *instances_[instance].tree;
    for (size_t e = 0; e < tree.entries.size(); ++e) {
      const TreeEntry& entry = tree.entries[e];
      for (size_t c = 0; c < entry.calls.size(); ++c) {
        try {
          ConnectCall(instance, entry, c, instances_[instance].calls[e][c]);
        } catch (const Error& error) {
          Fail(error.kind(), "layer '{}': {}", entry.name, error.what());
        }
      }
    }
  }

  void ConnectCall(size_t instance, const TreeEntry& entry, size_t c,
                   size_t place) {
    std::vector<KerasTensor> tensors;
    for (const Reference& reference : entry.calls[c].tensors)
      tensors.push_back(Resolve(instance, reference, false));
    if (entry.model == nullptr) {
      // The input of a model in the model is bound by that model's call.
      if (!tensors.empty() || entry.calls[c].args != nullptr)
        model_->calls[place].tensors = std::move(tensors);
      return;
    }
    const std::vector<Reference>& inputs = entry.model->inputs;
    if (tensors.size() != inputs.size()) {
      Fail(ErrorKind::kCorrupt,
           "it is called with {} tensors, but is a model of {} inputs",
           tensors.size(), inputs.size());
    }
    for (size_t i = 0; i < inputs.size(); ++i) {
      KerasCall& input = model_->calls[InputOf(place, inputs[i])];
      input.tensors = {tensors[i]};
      input.inputs = 1;
    }
  }

  void AddNest(size_t instance) {
    const Instance& of = instances_[instance];
    KerasNest nest;
    nest.name = of.entry->name;
    nest.sequential = of.tree->sequential;
    nest.trainable = of.tree->trainable;
    nest.model = models_.emplace(of.entry, models_.size()).first->second;
    nest.around = of.around - 1;
    nest.kwargs = of.entry->calls[of.call].kwargs;
    for (size_t e = 0; e < of.tree->entries.size(); ++e) {
      const TreeEntry& entry = of.tree->entries[e];
      if (entry.model == nullptr &&
          model_->layers[entry.layer].class_name != "InputLayer")
        nest.calls.insert(nest.calls.end(), of.calls[e].begin(),
                          of.calls[e].end());
    }
    for (const Reference& input : of.tree->inputs)
      nest.inputs.push_back(InputOf(instance, input));
    for (const Reference& output : of.tree->outputs)
      nest.outputs.push_back(Resolve(instance, output, true));
    model_->nests.push_back(std::move(nest));
  }

  // The call of an InputLayer of the instance.
  size_t InputOf(size_t instance, const Reference& reference) const {
    const ModelTree& tree = *instances_[instance].tree;
    const auto it = tree.places.find(reference.layer);
    if (it == tree.places.end() || tree.entries[it->second].model != nullptr ||
        model_->layers[tree.entries[it->second].layer].class_name !=
            "InputLayer") {
      Fail(ErrorKind::kCorrupt, "its input '{}' is no InputLayer",
           reference.layer);
    }
    return instances_[instance].calls[it->second][0];
  }

  // Which call of the entry the reference means. Kerases count those of models
  // from 1 in part: where a number cannot be meant so, it is meant otherwise.
  size_t CallOf(const TreeEntry& entry, const Reference& reference,
                bool is_output) const {
    const auto count = static_cast<int64_t>(entry.calls.size());
    int64_t from = 0;
    if (entry.model != nullptr && !reference.exact) {
      const bool plain = entry.model->sequential;
      from = model_->generation == 2
                 ? (plain && !entry.model->has_input_layer ? 0 : 1)
                 : (is_output && !plain ? 1 : 0);
      const int64_t place = reference.call - from;
      if (place < 0 || place >= count) from = 1 - from;
    }
    const int64_t place = reference.call - from;
    if (place < 0 || place >= count || reference.output < 0) {
      Fail(ErrorKind::kCorrupt,
           "it reads output {} of call {} of '{}', which has {} calls",
           reference.output, reference.call, reference.layer, count);
    }
    return static_cast<size_t>(place);
  }

  KerasTensor Resolve(size_t instance, const Reference& reference,
                      bool is_output) const {
    const ModelTree& tree = *instances_[instance].tree;
    const auto it = tree.places.find(reference.layer);
    if (it == tree.places.end()) {
      Fail(ErrorKind::kCorrupt, "it has no layer '{}', which is read",
           reference.layer);
    }
    const TreeEntry& entry = tree.entries[it->second];
    const size_t place =
        instances_[instance]
            .calls[it->second][CallOf(entry, reference, is_output)];
    const auto output = static_cast<size_t>(reference.output);
    if (entry.model == nullptr) return {place, output};
    const std::vector<Reference>& outputs = entry.model->outputs;
    if (output >= outputs.size()) {
      Fail(ErrorKind::kCorrupt, "it reads output {} of '{}', which has {}",
           output, reference.layer, outputs.size());
    }
    return Resolve(place, outputs[output], true);
  }

  // Names are those of the layers, or keys.
  void Ends(const ModelTree& tree, const std::vector<Reference>& ends,
            const std::vector<std::string>& keys, bool is_output,
            std::vector<KerasTensor>* tensors,
            std::vector<std::string>* names) const {
    for (size_t i = 0; i < ends.size(); ++i) {
      try {
        tensors->push_back(Resolve(0, ends[i], is_output));
      } catch (const Error& error) {
        Fail(error.kind(), "layer '{}': {}",
             is_output ? "output_layers" : "input_layers", error.what());
      }
      const TreeEntry& entry = tree.entries[tree.places.at(ends[i].layer)];
      std::string name = !keys.empty() ? keys[i]
                         : entry.model != nullptr
                             ? entry.name
                             : model_->layers[entry.layer].label;
      // A layer of several outputs gives all of them its name.
      const std::string wanted = name;
      for (int n = 1; Has(*names, name); ++n)
        name = wanted + "_" + std::to_string(n);
      names->push_back(std::move(name));
    }
  }

  static bool Has(const std::vector<std::string>& names,
                  const std::string& name) {
    for (const std::string& other : names) {
      if (other == name) return true;
    }
    return false;
  }

  KerasModel* model_;
  std::vector<Instance> instances_;
  std::map<const TreeEntry*, size_t> models_;  // those in the model, by number
  std::vector<int> called_;  // by layer: how many calls so far
  std::set<std::string> names_;
};

}  // namespace

void Flatten(const ModelTree& tree, KerasModel* model) {
  Flattener(model).Run(tree);
}

}  // namespace litesmith
