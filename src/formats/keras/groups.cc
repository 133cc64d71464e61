// A layer of several nodes comes back as that layer, without anything being
// kept in the graph: its row guesses the config from the nodes, the layer is
// built again aside, and what comes out is compared node by node.
#include "src/formats/keras/groups.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>

#include "src/base/error.h"
#include "src/graph/op_def.h"

namespace litesmith {
namespace {

// Of how many inputs every order is tried.
constexpr size_t kMostOrdered = 4;

// Whether the nodes alone read what they give, but for `outputs`.
bool NobodyElseReads(const NodeGroup& group,
                     const std::vector<TensorId>& outputs) {
  std::map<TensorId, int> inside;
  for (const Node* node : group.nodes) {
    for (const TensorId id : node->inputs) ++inside[id];
  }
  for (const Node* node : group.nodes) {
    for (const TensorId id : node->outputs) {
      if (group.graph.NumUses(id) != inside[id] &&
          std::find(outputs.begin(), outputs.end(), id) == outputs.end())
        return false;
    }
  }
  return true;
}

// A graph with inputs like those of the group.
class Scratch {
 public:
  explicit Scratch(const NodeGroup& group, bool exact = false)
      : group_(group), exact_(exact) {
    for (const TensorId id : group.inputs) {
      Tensor tensor = group.graph.tensor(id);
      tensor.kind = TensorKind::kInput;
      tensor.data = {};
      inputs.push_back(graph.AddTensor(std::move(tensor)));
      same_[inputs.back()] = id;
    }
  }

  // Whether the nodes that were added are those of the group, and nobody else
  // reads what is between them. Gives the outputs as they are in the group's
  // graph.
  bool IsSame(const std::vector<TensorId>& outputs,
              std::vector<TensorId>* of_group = nullptr) {
    if (graph.nodes.size() != group_.nodes.size()) return false;
    if (graph.nodes.empty() ||
        std::find(outputs.begin(), outputs.end(),
                  graph.nodes.back().outputs[0]) == outputs.end())
      return false;
    for (size_t n = 0; n < graph.nodes.size(); ++n) {
      if (!IsSameNode(graph.nodes[n], *group_.nodes[n],
                      n + 1 == graph.nodes.size()))
        return false;
    }
    std::vector<TensorId> given;
    for (const TensorId id : outputs) {
      const auto it = same_.find(id);
      if (it == same_.end()) return false;
      given.push_back(it->second);
    }
    if (!NobodyElseReads(group_, given)) return false;
    if (of_group != nullptr) *of_group = std::move(given);
    return true;
  }

  Graph graph;
  std::vector<TensorId> inputs;

 private:
  bool IsSameNode(const Node& built, const Node& node, bool last) {
    if (built.op != node.op || built.name != node.name ||
        built.inputs.size() != node.inputs.size() ||
        built.outputs.size() != node.outputs.size())
      return false;
    for (size_t i = 0; i < built.inputs.size(); ++i) {
      if (!IsSameTensor(built.inputs[i], node.inputs[i])) return false;
    }
    for (size_t o = 0; o < built.outputs.size(); ++o)
      same_[built.outputs[o]] = node.outputs[o];
    Node bare = node;
    if (AttrValue* fused = last && !exact_ ? FusedActivation(&bare) : nullptr) {
      const AttrValue* wanted = FusedActivation(built);
      if (wanted->i == kNone) *fused = *wanted;
    }
    return bare.attrs == built.attrs;
  }

  bool IsSameTensor(TensorId built, TensorId id) const {
    if (built == kNoTensor || id == kNoTensor) return built == id;
    if (const auto it = same_.find(built); it != same_.end())
      return it->second == id;
    const Tensor& a = graph.tensor(built);
    const Tensor& b = group_.graph.tensor(id);
    return a.has_data() && a.dtype == b.dtype && a.shape == b.shape &&
           a.data.size() == b.data.size() &&
           (a.data.data() == b.data.data() ||
            std::memcmp(a.data.data(), b.data.data(), a.data.size()) == 0);
  }

  const NodeGroup& group_;
  const bool exact_;                   // without an activation that came after
  std::map<TensorId, TensorId> same_;  // of this graph, in the group's
};

// What its variables are below: another call of a layer has its own name, but
// the variables of the first.
std::string LabelOf(const NodeGroup& group, const LayerRow& row) {
  for (const Node* node : group.nodes) {
    for (const TensorId id : node->inputs) {
      if (id == kNoTensor) continue;
      const Tensor& tensor = group.graph.tensor(id);
      if (!tensor.has_data() || tensor.kind == TensorKind::kActivation)
        continue;
      for (const Variable& variable : row.variables) {
        const std::string end = std::string("/") + variable.name;
        // Not of a part of the layer.
        const size_t size =
            tensor.name.size() - std::min(tensor.name.size(), end.size());
        if (tensor.name.ends_with(end) &&
            group.name.starts_with(tensor.name.substr(0, size)))
          return tensor.name.substr(0, size);
      }
    }
  }
  return group.name;
}

// Adds the layer to the scratch with the variables of `graph`; gives its
// outputs there.
std::vector<TensorId> Rebuild(const Graph& graph, const std::string& name,
                              const std::string& label, int generation,
                              LayerForm* form, Scratch* scratch) {
  form->weights.clear();
  LayerTensors tensors;
  const Rebuilt rebuilt{graph, &form->weights};
  LayerIn in{*form->row,      form->config,    name,    label,
             scratch->inputs, &scratch->graph, &tensors};
  in.rebuilt = &rebuilt;
  in.input_shared = true;
  in.generation = generation;
  return form->row->build(&in);
}

// Whether the layer that was guessed has these nodes for these inputs in that
// Keras; takes its inputs, outputs and weights.
bool IsLayerOf(int generation, const NodeGroup& group, FoundLayer* found) {
  found->inputs = group.inputs;
  found->weights.clear();
  try {
    const Json config =
        ParseJson(ConfigText(found->config), "config of a layer");
    LayerForm form{found->row, config};
    Scratch scratch(group);
    const std::vector<TensorId> outputs =
        Rebuild(group.graph, group.name, LabelOf(group, *found->row),
                generation, &form, &scratch);
    found->weights = std::move(form.weights);
    return scratch.IsSame(outputs, &found->outputs);
  } catch (const Error&) {
    return false;
  }
}

bool IsLayer(const NodeGroup& group, FoundLayer* found) {
  FoundLayer of_three = *found;
  const bool three = IsLayerOf(3, group, &of_three);
  // What Keras 2 does not have.
  const std::string_view name = found->row->class_name;
  const bool new_class = name == "RMSNormalization";
  if (!new_class && IsLayerOf(2, group, found)) {
    found->generation = three ? 0 : 2;
    return true;
  }
  if (!three) return false;
  *found = std::move(of_three);
  found->generation = 3;
  return true;
}

// As its inputs are read, in any other order, or one in two places.
bool IsLayerOfInputs(const NodeGroup& group, FoundLayer* found) {
  if (IsLayer(group, found)) return true;
  NodeGroup ordered = group;
  if (ordered.inputs.size() == 1) {
    ordered.inputs.push_back(ordered.inputs[0]);
    return IsLayer(ordered, found);
  }
  if (ordered.inputs.size() > kMostOrdered) return false;
  std::sort(ordered.inputs.begin(), ordered.inputs.end());
  do {
    if (IsLayer(ordered, found)) return true;
  } while (std::next_permutation(ordered.inputs.begin(), ordered.inputs.end()));
  return false;
}

}  // namespace

std::optional<FoundLayer> FindLayerOf(const NodeGroup& group) {
  if (group.inputs.empty()) return std::nullopt;
  for (const LayerRow& row : LayerRows()) {
    if (row.guess == nullptr) continue;
    FoundLayer found{&row, {}, {}, {}, {}, 0};
    try {
      if (!row.guess(group, &found.config)) continue;
    } catch (const Error&) {
      continue;  // no layer of this class
    }
    if (IsLayerOfInputs(group, &found)) return found;
  }
  return std::nullopt;
}

bool AreSame(const Graph& graph, const std::vector<TensorId>& inputs,
             const std::string& name, const std::string& label, int generation,
             LayerForm* a, LayerForm* b) {
  const NodeGroup around{graph, name, {}, inputs};
  Scratch first(around);
  first.graph.outputs = Rebuild(graph, name, label, generation, a, &first);
  NodeGroup nodes{first.graph, name, {}, first.inputs};
  for (const Node& node : first.graph.nodes) nodes.nodes.push_back(&node);
  Scratch second(nodes, /*exact=*/true);
  const std::vector<TensorId> outputs =
      Rebuild(graph, name, label, generation, b, &second);
  std::vector<TensorId> of_first;
  return second.IsSame(outputs, &of_first) && of_first == first.graph.outputs;
}

bool IsBuiltBy(const NodeGroup& group,
               const std::function<TensorId(Graph*, TensorId)>& build) {
  if (group.inputs.size() != 1) return false;
  try {
    Scratch scratch(group);
    return scratch.IsSame({build(&scratch.graph, scratch.inputs[0])});
  } catch (const Error&) {
    return false;
  }
}

std::vector<std::vector<size_t>> GroupNodes(const Graph& graph) {
  std::map<std::string, size_t> places;
  for (size_t n = 0; n < graph.nodes.size(); ++n)
    places.emplace(graph.nodes[n].name, n);
  std::vector<std::vector<size_t>> groups(graph.nodes.size());
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    const std::string& name = graph.nodes[n].name;
    size_t last = n;
    // The outermost: the steps of a step belong to the layer.
    for (size_t end = name.find('/'); end != std::string::npos;
         end = name.find('/', end + 1)) {
      const auto it = places.find(name.substr(0, end));
      if (it != places.end() && it->second > n) {
        last = it->second;
        break;
      }
    }
    groups[last].push_back(n);
  }
  return groups;
}

NodeGroup GroupOf(const Graph& graph, const std::vector<size_t>& nodes) {
  NodeGroup group{graph, graph.nodes[nodes.back()].name, {}, {}};
  std::vector<TensorId> made;
  for (const size_t n : nodes) {
    const Node& node = graph.nodes[n];
    group.nodes.push_back(&node);
    for (const TensorId id : node.inputs) {
      if (id == kNoTensor || graph.tensor(id).has_data()) continue;
      const auto has = [&](const std::vector<TensorId>& ids) {
        return std::find(ids.begin(), ids.end(), id) != ids.end();
      };
      if (!has(made) && !has(group.inputs)) group.inputs.push_back(id);
    }
    made.insert(made.end(), node.outputs.begin(), node.outputs.end());
  }
  return group;
}

}  // namespace litesmith
